"""An explanation says what the numbers say, and its counterfactual comes true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, log2_table, member, panel

import mirrisk
from mirrisk import MirriskWarning, Reference
from mirrisk.errors import NotFoundError
from mirrisk.explain import _Sample

if TYPE_CHECKING:
    from mirrisk.explain import Explanation

COUNTS = counts_like("tcga-prad", 8, seed=4).astype(float)
COUNTS.loc["s7"] = 0.0
CPM = COUNTS.div(COUNTS.sum(axis=1).clip(lower=1), axis=0) * 1e6
THYROID = counts_like("tcga-thca", 3, seed=4)

TOY = panel(
    member("low one", "hsa-miR-34a-5p", risk_when="low"),
    member("pair", "hsa-miR-16-5p", "hsa-miR-26a-5p", weight=2.0),
    member("third", "hsa-miR-424-5p"),
    member("contested", "hsa-miR-21-5p", risk_when=None),
    member("serum alone", "hsa-miR-210-3p", specimens=["serum"]),
    member("not there", "hsa-miR-145-5p"),
)
LOGS = log2_table(60, seed=8, others=20)
CHANGE = re.compile(
    r"The flag would be (?P<flag>[a-z ]+) if (?P<member>.+) were (?P<fold>[\d.]+) times "
    r"(?P<way>higher|lower) \((?P<change>[\d.]+) (?P<unit>log2 units|cycles)\)"
)


def scored(table: pd.DataFrame, **how) -> mirrisk.Assessment:
    return mirrisk.score(
        table, **{"panel": "prostate", "reference": "tcga-prad", "unit": "counts", **how}
    )


@pytest.fixture(scope="module")
def prostate() -> mirrisk.Assessment:
    return scored(COUNTS)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.fit(LOGS, unit="log2", name="toy cohort", panels=[TOY], protocol="chip 1.0")


@pytest.fixture(scope="module")
def toy(reference) -> mirrisk.Assessment:
    return mirrisk.score(LOGS, panel=TOY, reference=reference, unit="log2")


def section(explanation: Explanation, name: str) -> list[str]:
    return [text for where, text in explanation.sentences if where == name]


# -- what is said ------------------------------------------------------------------------------


def test_sections_come_in_order_and_the_text_is_made_of_them(prostate):
    explanation = prostate.explain("s0")
    order = list(dict.fromkeys(where for where, _ in explanation.sentences))
    assert order == [
        "flag",
        "members",
        "not used",
        "fragility",
        "what would change it",
        "caveats",
    ]
    shown = str(explanation)
    assert all(text in shown for _, text in explanation.sentences)
    assert shown.splitlines()[0] == "Flag"
    assert repr(explanation) == shown


def test_flag_is_told_with_score_interval_reference_and_what_it_is_not(toy):
    for row in toy.scores.itertuples():
        said = section(toy.explain(row.sample), "flag")
        word = row.flag.replace("_", " ").upper()
        assert said[0] == f"Sample {row.sample}: {word} on panel toy 1.0.0 (A toy)."
        assert said[1].startswith(f"Score {row.score:+.2f} from what was measured, ")
        assert f"between {row.score_low:+.2f} and {row.score_high:+.2f} (80%)" in said[2]
        assert "cutoffs are -1.28 and +1.28" in said[1]
        # The member that the cohort did not measure has 1 of the weight of 5.
        assert "80% of the panel's weight in tissue was measured." in said
        assert (
            "Reference toy cohort: 60 samples, tissue, cancer not stated, mature, log2; chip 1.0."
            in said
        )
    meaning = {
        row.flag: next(s for s in section(toy.explain(row.sample), "flag") if "This means" in s)
        for row in toy.scores.itertuples()
    }
    assert meaning["high"].endswith(
        "top tenth of the reference, which is not a probability of metastasis."
    )
    assert meaning["low"].endswith("bottom tenth of the reference, which is no reassurance.")
    assert meaning["average"].endswith("which is no reassurance.")


def test_flag_near_a_cutoff_tells_its_reason(toy):
    near = toy.scores[toy.scores["flag"] == "indeterminate"]
    assert len(near)
    said = section(toy.explain(near["sample"].iloc[0]), "flag")
    assert "Reason: the score, with its uncertainty, lies across a cutoff." in said


def test_members_stand_by_the_size_of_their_contribution_with_their_numbers(prostate):
    rows = prostate.contributions
    rows = rows[(rows["sample"] == "s2") & (rows["status"] == "used")].astype({"member": object})
    said = section(prostate.explain("s2"), "members")
    assert len(said) == len(rows)
    sizes = rows.groupby("member")["contribution"].sum().abs().sort_values(ascending=False)
    told = [re.search(r"\((.+?)(?:, column .+?)?\): ", text)[1] for text in said]
    assert list(dict.fromkeys(told)) == list(sizes.index)
    by_mirna = rows.set_index("mirna")
    for position, text in enumerate(said):
        contribution, name = re.match(r"([+-][\d.]+)  (\S+) ", text).groups()
        row = by_mirna.loc[name]
        assert float(contribution) == pytest.approx(row["contribution"], abs=0.0051)
        assert f"{row['value']:.2f} log2 CPM" in text
        assert f"column {row['matched']}" in text
        assert f"this {'raises' if row['contribution'] > 0 else 'lowers'} the score" in text
        # What a member rests on is told once, with the first of its miRNAs.
        first = told[position] not in told[:position]
        assert ("Evidence" in text) == ("confidence" in text) == ("holds in" in text) == first


def test_mechanism_and_evidence_of_a_member_are_told(prostate):
    said = section(prostate.explain("s2"), "members")
    mir_210 = next(text for text in said if "hsa-miR-210-3p" in text)
    assert "Mechanism: targets TNIP1, SOCS1; pathways NF-kB, EMT." in mir_210
    assert "doi:10.1186/s12943-017-0688-6" in mir_210
    assert "risk when high" in mir_210


def test_what_was_not_used_is_told_with_the_reason(toy, prostate):
    assert section(toy.explain("s0"), "not used") == [
        "hsa-miR-21-5p (contested): the evidence contradicts itself.",
        (
            "hsa-miR-210-3p (serum alone): its direction is not known in this specimen "
            "(tissue; known in serum)."
        ),
        "hsa-miR-145-5p (not there): not measured, the reference's cohort did not measure it.",
    ]
    told = " ".join(section(prostate.explain("s0"), "not used"))
    assert (
        "hsa-miR-409-5p (DLK1-DIO3 cluster): the table holds stem-loops, and this one is mostly "
        "the other arm, hsa-miR-409-3p." in told
    )
    assert (
        "hsa-miR-466 (miR-466): the library is too shallow for it, fewer than 10 reads to be "
        "expected at this sample's depth." in told
    )


def test_cell_and_column_that_are_missing_are_told_apart(reference):
    table = LOGS.drop(columns="hsa-miR-424-5p")
    table.loc["s1", "hsa-miR-34a-5p"] = np.nan
    found = mirrisk.score(table, panel=TOY, reference=reference, unit="log2", min_coverage=0.1)
    told = section(found.explain("s1"), "not used")
    assert "hsa-miR-34a-5p (low one): not measured, empty for this sample." in told
    assert "hsa-miR-424-5p (third): not measured, no column of the table." in told


def test_sample_that_is_not_scored_gets_its_reason_and_no_number(prostate):
    explanation = prostate.explain("s7")
    said = section(explanation, "flag")
    assert said[0].startswith("Sample s7: NOT SCORED on panel prostate ")
    assert "Reason: the sample holds no reads or no measured miRNA." in said
    assert "This means no statement is made." in said
    assert not any(text.startswith("Score") for text in said)
    for name in ("members", "fragility", "what would change it"):
        assert section(explanation, name) == []
    assert section(explanation, "caveats") == section(prostate.explain("s0"), "caveats")


def test_sample_of_another_tissue_is_told_the_nearest():
    table = counts_like("tcga-lihc", 1, seed=4).reindex(columns=list(COUNTS))
    said = section(scored(table).explain(), "flag")
    assert (
        "Reason: the sample resembles another tissue more than the reference's "
        "(nearest: tcga-lihc)." in said
    )


def test_single_marker_is_called_so():
    found = scored(THYROID, panel="thyroid", reference="tcga-thca")
    explanation = found.explain("s0")
    assert "This is a single marker here: one member alone decides." in section(explanation, "flag")
    assert len(section(explanation, "members")) == 1
    assert section(explanation, "fragility") == [
        "1 of 1 members changes the flag when left out alone: miR-486-5p."
    ]
    assert "panel thyroid is a single marker here: miR-486-5p alone decides" in found.notes


def test_pathways_add_up_the_contributions_of_their_mirnas(prostate):
    rows = prostate.contributions
    rows = rows[(rows["sample"] == "s2") & (rows["status"] == "used")].set_index("mirna")
    pathways: dict[str, list[str]] = {}
    for member_, mirna in mirrisk.load_panel("prostate").features():
        if mirna.name in rows.index:
            for pathway in member_.pathways or ("no pathway stated",):
                pathways.setdefault(pathway, []).append(mirna.name)
    *said, last = section(prostate.explain("s2", by="pathway"), "members")
    assert last == "A miRNA of several pathways counts in each, so these do not add up."
    assert len(said) == len(pathways)
    totals = []
    for text in said:
        total, pathway, names = re.fullmatch(r"([+-][\d.]+)  (.+?): (.+)", text).groups()
        assert sorted(names.split(", ")) == sorted(pathways[pathway])
        expected = rows.loc[pathways[pathway], "contribution"].sum()
        assert float(total) == pytest.approx(expected, abs=0.0051)
        totals.append(abs(expected))
    assert totals == sorted(totals, reverse=True)


def test_explanation_by_anything_else_is_refused(prostate):
    with pytest.raises(NotFoundError, match="by is 'target'") as caught:
        prostate.explain("s0", by="target")
    assert caught.value.expected == "member | pathway"


def test_caveats_hold_the_endpoint_research_use_and_the_digests(prostate, toy):
    loaded = mirrisk.load_panel("prostate")
    said = section(prostate.explain("s0"), "caveats")
    assert said[0] == "Endpoint: bone metastasis."
    assert said[1:-1] == list(loaded.caveats)
    digests = loaded.digest[:12], Reference.load("tcga-prad").digest[:12]
    assert said[-1] == f"Panel digest {digests[0]}, reference digest {digests[1]}."
    for assessment in (prostate, toy):
        caveats = section(assessment.explain("s0"), "caveats")
        assert sum("research use only" in text.lower() for text in caveats) == 1


# -- what is said comes true -------------------------------------------------------------------


def test_fragility_is_what_leaving_a_member_out_does(toy, reference):
    flags = toy.scores.set_index("sample")["flag"]
    parts = {m.name: [mirna.name for mirna in m.mirnas] for m in TOY.members[:3]}
    without = {}
    for name in parts:
        rest = TOY.model_copy(update={"members": tuple(m for m in TOY.members if m.name != name)})
        found = mirrisk.score(LOGS, panel=rest, reference=reference, unit="log2", min_coverage=0)
        without[name] = found.scores.set_index("sample")["flag"]
    some = 0
    for sample in LOGS.index:
        said = section(toy.explain(sample), "fragility")[0]
        changing = [name for name in parts if without[name][sample] != flags[sample]]
        some += bool(changing)
        if changing:
            assert said.startswith(f"{len(changing)} of 3 members change")
            assert said.endswith(f": {', '.join(changing)}.")
        else:
            assert said == "None of the 3 members changes the flag when it alone is left out."
    assert 0 < some < len(LOGS)


def changed(table: pd.DataFrame, sample: str, columns: list[str], change: float) -> pd.DataFrame:
    """The sample alone, some of its log2 levels changed."""
    one = table.loc[[sample]].copy()
    one[columns] += change
    return one


def test_counterfactual_on_the_log_scale_comes_true_and_nothing_smaller_does(toy, reference):
    how = {"panel": TOY, "reference": reference, "unit": "log2"}
    parts = [[mirna.name for mirna in m.mirnas] for m in TOY.members[:3]]
    named = {m.name: part for m, part in zip(TOY.members[:3], parts, strict=True)}
    checked = 0
    for row in toy.scores.head(25).itertuples():
        said = section(toy.explain(row.sample), "what would change it")[0]
        told = CHANGE.match(said)
        if not told:
            assert said == "No change of a single member up to 64-fold would change the flag."
            continue
        checked += 1
        change = float(told["change"]) * (1 if told["way"] == "higher" else -1)
        assert float(told["fold"]) == pytest.approx(2 ** abs(change), abs=0.0051)
        now = changed(LOGS, row.sample, named[told["member"]], change)
        flag = mirrisk.score(now, **how).scores["flag"][0]
        assert flag == told["flag"].replace(" ", "_") != row.flag
        smaller = pd.concat(
            [
                changed(LOGS, row.sample, part, sign * (abs(change) - step)).rename(
                    {row.sample: f"{i} {sign} {step}"}
                )
                for i, part in enumerate(parts)
                for sign in (1, -1)
                for step in {0.01, 0.05, abs(change) / 2}
                if abs(change) - step > 0.009
            ]
            or [LOGS.loc[[row.sample]]]
        )
        assert set(mirrisk.score(smaller, **how).scores["flag"]) == {row.flag}
    assert checked > 15


def test_counterfactual_of_reads_is_a_fold_change_of_the_reads():
    # Halving reads is not halving log2(CPM + 1): the sentence must hold for the reads.
    found = scored(CPM, unit="cpm")
    checked = 0
    for row in found.scores.head(7).itertuples():
        told = CHANGE.match(section(found.explain(row.sample), "what would change it")[0])
        if not told:
            continue
        rows = found.contributions
        columns = rows.loc[
            (rows["sample"] == row.sample)
            & (rows["member"] == told["member"])
            & (rows["status"] == "used"),
            "matched",
        ]
        if CPM.loc[row.sample, list(columns)].sum() > 5e4:
            continue  # so much of the library that all others would move
        flags = []
        # The table must add up to a million again, so that the others give way by a trifle,
        # and the composition with them: a few hundredths of a log2 unit.
        for change in (float(told["change"]) - 0.1, float(told["change"]) + 0.1):
            one = CPM.loc[[row.sample]].copy()
            one[list(columns)] *= 2 ** (change if told["way"] == "higher" else -change)
            one *= 1e6 / one.to_numpy().sum()
            flags.append(scored(one, unit="cpm").scores["flag"][0])
        assert flags == [row.flag, told["flag"].replace(" ", "_")]
        checked += 1
    assert checked > 3


def test_mirna_without_a_read_cannot_be_lowered():
    toy = panel(member("rare", "hsa-miR-135b-5p"), member("other", "hsa-miR-145-5p"))
    table = counts_like("tcga-prad", 40, seed=9)
    with pytest.warns(MirriskWarning):
        reference = Reference.fit(table, unit="counts", name="r", panels=[toy])
    one = table.iloc[[0]].copy()
    one["hsa-mir-135b"] = 0
    result = mirrisk.score(one, panel=toy, reference=reference, unit="counts").results[0]
    sample = _Sample(result, 0)
    np.testing.assert_array_equal(sample._changed(0.0, np.array([-6.0, 6.0])), [0.0, 0.0])
    # 7 CPM halved and doubled are 3.5 and 14: log2(4.5) and log2(15).
    np.testing.assert_allclose(
        sample._changed(3.0, np.array([-1.0, 1.0])), np.log2([4.5, 15.0]), rtol=1e-12
    )


def test_counterfactual_of_ct_counts_cycles_and_turns_the_sign():
    ct = 30 - log2_table(60, seed=8, others=20) / 2
    marker = panel(member("miR-34a", "hsa-miR-34a-5p"))
    reference = Reference.fit(ct, unit="ct", name="r", panels=[marker])
    how = {"panel": marker, "reference": reference, "unit": "ct"}
    row = mirrisk.score(ct, **how)
    flagged = row.scores[row.scores["flag"] == "average"]["sample"].iloc[0]
    told = CHANGE.match(section(row.explain(flagged), "what would change it")[0])
    assert told["unit"] == "cycles"
