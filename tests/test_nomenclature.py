"""Names of features: what each denotes in miRBase v22, and what is not taken for a human miRNA.

Expected answers are miRBase's own history of names, not what the code says.
"""

from __future__ import annotations

import csv
import gzip
import re
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrisk import nomenclature
from mirrisk.errors import InvalidExpressionError, InvalidTableError, NotFoundError
from mirrisk.nomenclature import facts, resolve, resolve_all

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
needs_shared = pytest.mark.skipif(
    not (SHARED / "nomenclature" / "human_mature.tsv").exists(),
    reason="the miRBase names of ../shared/nomenclature are not here",
)

ENTRIES = list(facts.entries().values())
MATURE = [entry for entry in ENTRIES if entry.level == "mature"]
STEM_LOOPS = [entry for entry in ENTRIES if entry.level == "stem-loop"]


# --- the table of facts -------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_fact_is_well_formed(entry: facts.Entry) -> None:
    accession, name = {
        "mature": (r"MIMAT\d{7}", r"hsa-miR-\d+[a-z]?(-\d)?(-[35]p)?"),
        "stem-loop": (r"MI\d{7}", r"hsa-mir-\d+[a-z]?(-\d)?"),
    }[entry.level]
    assert re.fullmatch(accession, entry.accession)
    assert re.fullmatch(name, entry.name)
    assert re.fullmatch(r"hsa-mir-\d+[a-z]?", entry.stem_loop)
    assert entry.name.lower().startswith(entry.stem_loop)
    assert entry.name not in entry.former_names


@pytest.mark.parametrize("entry", MATURE, ids=lambda entry: entry.name)
def test_mature_facts_point_to_their_stem_loops(entry: facts.Entry) -> None:
    stem_loops = {facts.entries()[locus].stem_loop for locus in entry.loci}
    assert stem_loops == {entry.stem_loop}
    assert entry.arm in {"5p", "3p"}
    if found := re.search(r"[35]p$", entry.name):
        assert entry.arm == found[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_fact_resolves_to_itself_by_name_and_by_accession(entry: facts.Entry) -> None:
    for name, match in ((entry.name, "current"), (entry.accession, "accession")):
        found = resolve(name)
        assert (found.canonical, found.accession) == (entry.name, entry.accession)
        assert (found.level, found.match) == (entry.level, match)
        assert (found.key, found.stem_loop) == (entry.key, entry.stem_loop)


def test_names_and_accessions_of_facts_are_unique() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    assert len(STEM_LOOPS) + len(MATURE) == len(ENTRIES)


def test_no_stem_loop_has_two_dominant_arms() -> None:
    dominant = [entry.stem_loop for entry in MATURE if entry.dominant]
    assert len(dominant) == len(set(dominant))


@needs_shared
def test_facts_hold_every_curated_mirna_with_its_accession() -> None:
    with (SHARED / "curation" / "evidence.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    curated = {
        pair
        for row in rows
        for pair in zip(row["mirnas"].split(";"), row["accessions"].split(";"), strict=True)
    }
    assert len(curated) == 54
    assert {(entry.name, entry.accession) for entry in MATURE if entry.curated} == curated


@needs_shared
def test_facts_are_what_the_tool_builds() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "build_nomenclature.py"))
    lines = [line for line in tool["OUTPUT"].read_text().splitlines() if not line.startswith("#")]
    stored = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    built = [{c: row.get(c, "") for c in tool["COLUMNS"]} for row in tool["build"](SHARED)]
    assert stored == built


@needs_shared
def test_no_name_of_our_facts_was_ever_another_mirnas() -> None:
    """A collision with an entry outside the facts would be resolved instead of reported."""
    ours = {name.lower() for e in ENTRIES for name in (e.name, *e.former_names)}
    for file in ("human_mature.tsv", "human_hairpin.tsv"):
        with (SHARED / "nomenclature" / file).open(encoding="utf-8") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                names = {row["name_v22"], row["last_name"], *row["previous_names"].split(";")}
                if row["accession"] not in facts.entries():
                    level_names = {name.lower() for name in names if name}
                    assert not level_names & ours, row


# --- dominant arms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem_loop", "mature"),
    [
        ("hsa-mir-16", "hsa-miR-16-5p"),
        ("hsa-mir-21", "hsa-miR-21-5p"),
        ("hsa-mir-409", "hsa-miR-409-3p"),
        ("hsa-mir-154", "hsa-miR-154-5p"),
        ("hsa-mir-378a", "hsa-miR-378a-3p"),
        ("hsa-mir-141", "hsa-miR-141-3p"),
        ("hsa-mir-940", "hsa-miR-940"),
        ("hsa-mir-193a", None),  # reads favour 5p (55%), the former naming 3p
        ("hsa-mir-103a", None),  # outside the facts
        ("hsa-mir-16-1", None),  # a locus is no key
    ],
)
def test_dominant_arm(stem_loop: str, mature: str | None) -> None:
    assert nomenclature.dominant_mature(stem_loop) == mature


@needs_shared
def test_dominant_arms_hold_most_reads_of_the_thyroid_cohort() -> None:
    with gzip.open(SHARED / "data" / "thyroid_ptc_mature_counts.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    for minor, major in (("409-5p", "409-3p"), ("154-3p", "154-5p")):
        reads = {arm: sum(int(row[f"hsa-miR-{arm}"]) for row in rows) for arm in (minor, major)}
        assert reads[minor] / sum(reads.values()) < 0.04


# --- styles -------------------------------------------------------------------------------------

MATURE_NAMES = {
    # miRBase, now and then
    "hsa-miR-16-5p": "hsa-miR-16-5p",
    "hsa-miR-34a": "hsa-miR-34a-5p",
    "hsa-miR-34a*": "hsa-miR-34a-3p",
    "hsa-miR-154": "hsa-miR-154-5p",
    "hsa-miR-154*": "hsa-miR-154-3p",
    "hsa-miR-378*": "hsa-miR-378a-5p",
    "hsa-miR-422b": "hsa-miR-378a-3p",
    "hsa-miR-124a": "hsa-miR-124-3p",
    "hsa-miR-146": "hsa-miR-146a-5p",
    "hsa-miR-193": "hsa-miR-193a-3p",
    "hsa-miR-203": "hsa-miR-203a-3p",
    "hsa-miR-203a": "hsa-miR-203a-3p",
    "hsa-miR-17": "hsa-miR-17-5p",
    "hsa-miR-17-3p": "hsa-miR-17-3p",
    "hsa-miR-16-1*": "hsa-miR-16-1-3p",
    "hsa-miR-181b-2-3p": "hsa-miR-181b-2-3p",
    "hsa-miR-940": "hsa-miR-940",
    # names that miRBase never printed but that can mean one thing only
    "hsa-miR-203-5p": "hsa-miR-203a-5p",
    "hsa-miR-378-3p": "hsa-miR-378a-3p",
    "hsa-miR-940-3p": "hsa-miR-940",
    "hsa-miR-125b-1-5p": "hsa-miR-125b-5p",
    "hsa-miR-135a-2*": "hsa-miR-135a-2-3p",
    "hsa-miR-1296*": "hsa-miR-1296-3p",
    # no prefix, case, blanks, dashes
    "miR-205-5p": "hsa-miR-205-5p",
    "miR-10b*": "hsa-miR-10b-3p",
    "miR21": "hsa-miR-21-5p",
    "hsa-mir-203a-3p  ": "hsa-miR-203a-3p",
    "HSA-MIR-21-5P": "hsa-miR-21-5p",
    "has-miR-21-5p": "hsa-miR-21-5p",
    "hsa\u2010miR\u201021\u20135p": "hsa-miR-21-5p",
    "\ufeffhsa-miR-21-5p\u00a0": "hsa-miR-21-5p",
    '"hsa-miR-21-5p"': "hsa-miR-21-5p",
    # accessions
    "MIMAT0000076": "hsa-miR-21-5p",
    "MIMAT0000453_st": "hsa-miR-154-3p",
    "hsa-miR-21-5p|MIMAT0000076": "hsa-miR-21-5p",
    "hsa-miR-21-5p|MIMAT0000076_1": "hsa-miR-21-5p",
    "hsa-miR-21 (MIMAT0000076)": "hsa-miR-21-5p",
    "MIMAT0000076_hsa-miR-21-5p": "hsa-miR-21-5p",
    "mature,MIMAT0000076": "hsa-miR-21-5p",
    "hsa-mir-21.MIMAT0000076": "hsa-miR-21-5p",
    "hsa-mir-16-1_MIMAT0000069": "hsa-miR-16-5p",
    "hsa-miR-378|MIMAT0000732": "hsa-miR-378a-3p",
    "hsa.miR.154..MIMAT0000453": "hsa-miR-154-3p",
    "hsa-miR-21-5p|MI0000077": "hsa-miR-21-5p",
    # TaqMan
    "hsa-miR-16-000391": "hsa-miR-16-5p",
    "hsa-miR-154#-000478": "hsa-miR-154-3p",
    "hsa-miR-154#_000478:B": "hsa-miR-154-3p",
    "hsa-miR-193a-3p_002250:A": "hsa-miR-193a-3p",
    "hsa-miR-409-3P_002332:A": "hsa-miR-409-3p",
    "hsa.miR.154._000478.A": "hsa-miR-154-3p",
    "hsa-miR-21-5p_477975_mir": "hsa-miR-21-5p",
    # Affymetrix, Agilent, NanoString, Exiqon
    "hsa-miR-154-star_st": "hsa-miR-154-3p",
    "hsa-miR-16-1-star_st": "hsa-miR-16-1-3p",
    "hsa-miR-200a_st": "hsa-miR-200a-3p",
    "hsa-miR-21-5p_x_st": "hsa-miR-21-5p",
    "hsa-miR-1296_v14.0": "hsa-miR-1296-5p",
    "hsa-miR-200a_nmiR00217.1": "hsa-miR-200a-3p",
    "X42490...hsa.miR.30a.5p": "hsa-miR-30a-5p",
    "42490 | hsa-miR-30a-5p": "hsa-miR-30a-5p",
    "hsa-miR-21-5p/mmu-miR-21a-5p/rno-miR-21-5p": "hsa-miR-21-5p",
    "hsa-miR-21*/mmu-miR-21*/rno-miR-21*": "hsa-miR-21-3p",
    "X42490...hsa.miR.106a.3p.mmu.miR.106a.3p": "hsa-miR-106a-3p",
    "hsa-miR-200b-3p|0": "hsa-miR-200b-3p",
    "hsa-miR-200b|0.006": "hsa-miR-200b-3p",
    "hsa-miR-21 (+++ See Message Below)": "hsa-miR-21-5p",
    # make.names, underscores, merged loci, repeated names, isomiRs
    "hsa.miR.34a.5p": "hsa-miR-34a-5p",
    "hsa.miR.154.": "hsa-miR-154-3p",
    "hsa.miR.16.1.3p": "hsa-miR-16-1-3p",
    "hsa_miR_26a_5p": "hsa-miR-26a-5p",
    "hsa-miR-135a(2)": "hsa-miR-135a-5p",
    "hsa-miR-124*(3)": "hsa-miR-124-5p",
    "miR-16(2)": "hsa-miR-16-5p",
    "hsa-miR-21-5p.1": "hsa-miR-21-5p",
    "hsa-miR-16.1": "hsa-miR-16-5p",
    "hsa.miR.106a.1": "hsa-miR-106a-5p",  # there is no such locus: a repeated name
    "hsa.miR.16.1.": "hsa-miR-16-1-3p",  # nobody prints (1): a star
    "X.hsa.mir.141.3p.": "hsa-miR-141-3p",  # blanks around the name
    "hsa-miR-154 *": "hsa-miR-154-3p",
    "hsa-miR-10b*|hsa-miR-10b*": "hsa-miR-10b-3p",
    "hsa-miR-21-5p_UAGCUUA_-1": "hsa-miR-21-5p",
    "hsa-miR-16-5p|hsa-mir-16-1": "hsa-miR-16-5p",
    "hsa-miR-21|hsa-miR-21-5p": "hsa-miR-21-5p",
}

STEM_LOOP_NAMES = {
    "hsa-mir-16-1": "hsa-mir-16-1",
    "hsa-mir-16-2": "hsa-mir-16-2",
    "hsa-mir-203": "hsa-mir-203a",
    "hsa-mir-378": "hsa-mir-378a",
    "hsa-mir-193": "hsa-mir-193a",
    "hsa-mir-124a-2": "hsa-mir-124-2",
    "hsa-mir-486": "hsa-mir-486-1",
    "hsa-miR-124-1": "hsa-mir-124-1",  # no mature miRNA has a locus without an arm
    "hsa_mir_125b_2": "hsa-mir-125b-2",
    "hsa.mir.30c.1": "hsa-mir-30c-1",
    "mir-34a": "hsa-mir-34a",
    "mir21": "hsa-mir-21",
    "HSA-MIR-34A": "hsa-mir-34a",
    "MIR34A": "hsa-mir-34a",
    "MIR16-1": "hsa-mir-16-1",
    "MIR30C1": "hsa-mir-30c-1",
    "MIR-21": "hsa-mir-21",
    "MIRN21": "hsa-mir-21",
    "MIRN378": "hsa-mir-378a",
    "MIRN124A1": "hsa-mir-124-1",
    "MI0000077": "hsa-mir-21",
    "hsa-mir-21|MI0000077": "hsa-mir-21",
    "hp_hsa-mir-34a_st": "hsa-mir-34a",
    "hp_hsa-mir-16-1_x_st": "hsa-mir-16-1",
    "hsa-mir-106a_MI0000113_st": "hsa-mir-106a",
    "MIRNA21": "hsa-mir-21",
    "MIR-16-1": "hsa-mir-16-1",
    "hsa-mir-16": "hsa-mir-16",  # no locus: what its loci share
}

AMBIGUOUS_NAMES = {
    "hsa-miR-378": ("hsa-miR-378a-3p", "hsa-miR-378a-5p"),
    "hsa-miR-378_000567:B": ("hsa-miR-378a-3p", "hsa-miR-378a-5p"),
    "hsa-miR-409": ("hsa-miR-409-3p", "hsa-miR-409-5p"),
    "hsa-miR-16-3p": ("hsa-miR-16-1-3p", "hsa-miR-16-2-3p"),
    "hsa-miR-27a-3p/27b-3p": ("hsa-miR-27a-3p", "hsa-miR-27b-3p"),
    "hsa-miR-106a-5p/17-5p": ("hsa-miR-106a-5p", "hsa-miR-17-5p"),
    "hsa-miR-133a-3p/133b": ("hsa-miR-133a-3p", "hsa-miR-133b"),
    "hsa.miR.27a.3p.27b.3p": ("hsa-miR-27a-3p", "hsa-miR-27b-3p"),
    "hsa-miR-200a+hsa-miR-141": ("hsa-miR-141-3p", "hsa-miR-200a-3p"),
    "miR-30a/d-5p": ("hsa-miR-30a-5p", "hsa-miR-30d-5p"),
    "hsa-let-7a-5p/7c-5p": ("hsa-let-7a-5p", "hsa-let-7c-5p"),
    "hsa.miR.378a.3p.378c": ("hsa-miR-378a-3p", "hsa-miR-378c"),
    "hsa.miR.200a.3p.200b.3p.429": ("hsa-miR-200a-3p", "hsa-miR-200b-3p", "hsa-miR-429"),
    "miR.21.5p.miR.16.5p": ("hsa-miR-16-5p", "hsa-miR-21-5p"),
    "X4...hsa.miR.106a..mmu.miR.106a.": ("hsa-miR-106a-3p", "hsa-miR-106a-5p"),  # a star or not
    "hsa-miR-200": ("hsa-miR-200a-3p", "hsa-miR-200b-3p", "hsa-miR-200c-3p"),
    "miR-135": ("hsa-miR-135a-5p", "hsa-miR-135b-5p"),
    "hsa-mir-15": ("hsa-mir-15a", "hsa-mir-15b"),
    "hsa-miR-34-5p": ("hsa-miR-34-5p", "hsa-miR-34a-5p"),  # 34b and 34c are not among our facts
    "hsa-miR-378a": ("hsa-miR-378a-3p", "hsa-miR-378a-5p"),
    "hsa.miR.16.2.": ("hsa-miR-16-2-3p", "hsa-miR-16-5p"),  # was 16-2* or 16(2)
    "hsa-miR-21-5p|MIMAT0000069": ("hsa-miR-16-5p", "hsa-miR-21-5p"),  # contradicts itself
    "hsa-miR-21-5p|MIMAT0000062": ("MIMAT0000062", "hsa-miR-21-5p"),
}

FORMS = {  # name: level, key, stem-loop
    "hsa-miR-4274": ("mature", "hsa-miR-4274", "hsa-mir-4274"),
    "hsa-mir-4274": ("stem-loop", "hsa-mir-4274", "hsa-mir-4274"),
    "hsa-mir-103-1": ("stem-loop", "hsa-mir-103", "hsa-mir-103"),
    "hsa-mir-103-1-as": ("stem-loop", "hsa-mir-103-as", "hsa-mir-103-as"),
    "hsa-mir-1-1": ("stem-loop", "hsa-mir-1", "hsa-mir-1"),
    "hsa-mir-7-5p": ("mature", "hsa-miR-7-5p", "hsa-mir-7"),
    "hsa-miR-203b-3p": ("mature", "hsa-miR-203b-3p", "hsa-mir-203b"),
    "hsa-let-7f-1-3p": ("mature", "hsa-let-7f-1-3p", "hsa-let-7f"),
    "hsa-let-7a*(2)": ("mature", "hsa-let-7a*", "hsa-let-7a"),
    "hsa-let-7c-000379": ("mature", "hsa-let-7c", "hsa-let-7c"),
    "hsa-let-7c": ("stem-loop", "hsa-let-7c", "hsa-let-7c"),
    "hsa-miR-548P_002798:B": ("mature", "hsa-miR-548p", "hsa-mir-548p"),
    "hsa-miR-548aa": ("mature", "hsa-miR-548aa", "hsa-mir-548aa"),
    "hsa-miR-940-5p": ("mature", "hsa-miR-940-5p", "hsa-mir-940"),
    "MIRLET7A1": ("stem-loop", "hsa-let-7a", "hsa-let-7a"),
    "hsa-mir-16-3": ("stem-loop", "hsa-mir-16-3", "hsa-mir-16-3"),  # miRBase has no such locus
    "hsa-let-7a-2-3p|MIMAT0010195": ("mature", "hsa-let-7a-2-3p", "hsa-let-7a"),
    "MIMAT0000062_st": ("mature", "MIMAT0000062", None),
}

FOREIGN_NAMES = (
    "mmu-miR-21a-5p",
    "mmu-miR-124a-001182",
    "mmu-miR-151-3p_st",
    "rno.miR.34a",
    "ebv-miR-BART3*",
    "hcmv-miR-US25-1*",
    "hsv1-miR-H6-3p",
    "cel-miR-39-3p",
    "ath-miR159a",
    "mmu-let-7a-5p",
    "miR-BART7",
    "Mir21",
    "mmu-miR-16-5p|MIMAT0000069",
)
MIRGENEDB_NAMES = (
    "Hsa-Mir-8-P1a_3p",
    "Hsa-Let-7-P1a",
    "Hsa-Let-7-P2a2_3p*",
    "Hsa-Mir-652_3p",
    "Hsa-Mir-337-as_3p",
    "Hsa-Mir-21",
    "Hsa-Mir-103-P1_3p/P2_3p/P3_3p",
    "Hsa.Mir.8.P1a_3p",
    "Mir-8-P1a_3p",
)
OTHER_NAMES = (
    *("age", "Mar-21", "1-Sep", "mir", "miR", "let", "let-8a", "RNU48", "SNORD44", "platform"),
    *("sample", "stage", "MIRLET7BHG", "MIR22HG", "MIR100HG", "MIR-21-like", "TP53", "MIRF1"),
    *("iso-21-8YUYFYK6B", "nmiR00002.1", "precursor", "", "21", "hsa", "hsa-miR", "miR-21/U6"),
    *("hsa-miR-34a-5p*", "hsa-miR-021", "mir_count", "serum_hsa-miR-21-5p", "hsa-miRPlus-E1012"),
)


@pytest.mark.parametrize(("name", "canonical"), MATURE_NAMES.items())
def test_mature_name_is_resolved(name: str, canonical: str) -> None:
    found = resolve(name)
    assert (found.canonical, found.level, found.key) == (canonical, "mature", canonical)
    assert found.name == name
    assert found.candidates == ()
    assert found.accession == nomenclature.accession_of(canonical)


@pytest.mark.parametrize(("name", "canonical"), STEM_LOOP_NAMES.items())
def test_stem_loop_name_is_resolved(name: str, canonical: str) -> None:
    found = resolve(name)
    assert (found.canonical, found.level) == (canonical, "stem-loop")
    assert found.key == found.stem_loop == re.sub(r"(mir-\d+[a-z]?)-\d$", r"\1", canonical)


@pytest.mark.parametrize(("name", "candidates"), AMBIGUOUS_NAMES.items())
def test_name_of_several_mirnas_is_reported_not_guessed(
    name: str, candidates: tuple[str, ...]
) -> None:
    found = resolve(name)
    assert found.match == "ambiguous"
    assert found.candidates == candidates
    assert (found.canonical, found.accession, found.key) == (None, None, None)
    assert found.is_mirna


@pytest.mark.parametrize(("name", "expected"), FORMS.items())
def test_mirna_outside_the_facts_is_recognised_by_its_form(
    name: str, expected: tuple[str, str, str | None]
) -> None:
    found = resolve(name)
    assert (found.level, found.key, found.stem_loop) == expected
    assert (found.match, found.canonical, found.is_mirna) == ("form", None, True)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        *((name, "foreign") for name in FOREIGN_NAMES),
        *((name, "mirgenedb") for name in MIRGENEDB_NAMES),
        *((name, "unknown") for name in OTHER_NAMES),
    ],
)
def test_what_is_no_human_mirna_is_not_taken_for_one(name: str, match: str) -> None:
    found = resolve(name)
    assert found.match == match
    assert not found.is_mirna
    assert (found.canonical, found.level, found.key, found.stem_loop) == (None, None, None, None)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("hsa-miR-16-5p", "current"),
        ("hsa-mir-16-5p", "current"),
        ("hsa-miR-154*", "previous"),
        ("hsa-mir-378", "previous"),
        ("hsa-miR-203-3p", "alias"),
        ("MIMAT0000069", "accession"),
    ],
)
def test_the_way_of_recognition_is_told(name: str, match: str) -> None:
    assert resolve(name).match == match


# --- names of one table -------------------------------------------------------------------------


def test_small_mir_is_mature_where_it_carries_arms() -> None:
    fireplex = ["hsa-mir-22-3p  ", "hsa-mir-429 ", "hsa-mir-940", "hsa-let-7c"]
    found = resolve_all(fireplex)
    assert [r.level for r in found] == ["mature"] * 4
    assert [r.canonical for r in found] == [None, "hsa-miR-429", "hsa-miR-940", None]


def test_small_mir_stays_a_stem_loop_beside_mature_names_with_capitals() -> None:
    found = resolve_all(["hsa-miR-21-5p", "hsa-miR-16-5p", "hsa-mir-21"])
    assert found[2].level == "stem-loop"


def test_bare_let_has_the_level_of_its_table() -> None:
    agilent = resolve_all(["hsa-let-7c", "hsa-miR-16", "hsa-miR-21"])
    tcga = resolve_all(["hsa-let-7c", "hsa-mir-16-1", "hsa-let-7a-1"])
    assert (agilent[0].level, tcga[0].level) == ("mature", "stem-loop")


@pytest.mark.parametrize(
    ("dotted", "beside", "meant"),
    [
        ("hsa.miR.16.2.", "hsa.miR.16", "hsa-miR-16-2-3p"),  # not hsa-miR-16(2)
        ("X2...hsa.miR.16.2.", "X1...hsa.miR.16", "hsa-miR-16-2-3p"),
        ("hsa.miR.124.1", "hsa.miR.124", "hsa-miR-124-3p"),  # repeated, not the locus
        ("hsa.miR.16.2.", "hsa.miR.21", None),
        ("hsa.miR.124.1", "hsa.miR.21", None),
    ],
)
def test_the_other_names_settle_what_r_wrote_as_dots(
    dotted: str, beside: str, meant: str | None
) -> None:
    found = resolve_all([beside, dotted])[1]
    assert (found.name, found.canonical) == (dotted, meant)
    assert (found.match == "ambiguous") == (meant is None)


def test_names_that_count_features_are_no_mirnas() -> None:
    counted = resolve_all([f"miR_{number}" for number in range(1, 200)])
    assert {r.match for r in counted} == {"unknown"}
    named = resolve_all(["miR_21", "miR_155", "miR_7"])
    assert all(r.is_mirna for r in named)


def test_order_of_names_is_kept() -> None:
    names = ["age", "hsa-miR-21-5p", "hsa-mir-429", "age"]
    assert [r.name for r in resolve_all(names)] == names
    assert resolve_all([]) == ()


# --- arms and stem-loops ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mature", "stem_loop"),
    [
        ("hsa-miR-16-5p", "hsa-mir-16"),
        ("hsa-miR-16-1-3p", "hsa-mir-16"),
        ("hsa-miR-203", "hsa-mir-203a"),
        ("hsa-miR-378", "hsa-mir-378a"),
        ("hsa-miR-4274-5p", "hsa-mir-4274"),
        ("hsa-let-7f-1-3p", "hsa-let-7f"),
    ],
)
def test_stem_loop_of_a_mature_mirna(mature: str, stem_loop: str) -> None:
    assert nomenclature.stem_loop_of(mature) == stem_loop


def test_stem_loop_of_what_is_no_mirna_is_an_error() -> None:
    with pytest.raises(InvalidExpressionError, match="'age' denotes no single human miRNA"):
        nomenclature.stem_loop_of("age")


def test_accession_of_knows_current_names_only() -> None:
    assert nomenclature.accession_of("hsa-miR-34a-5p") == "MIMAT0000255"
    assert nomenclature.accession_of("hsa-miR-34a") is None
    assert nomenclature.accession_of("hsa-mir-34a") is None
    assert nomenclature.accession_of("hsa-let-7a-5p") is None


# --- suggestions and controls -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("hsa-mri-21-5p", "hsa-miR-21-5p"),
        ("hsa-miR-34a-5pp", "hsa-miR-34a-5p"),
        ("miRr-200c", "hsa-miR-200c-3p"),
        ("age", None),
        ("TP53", None),
        ("Mar-21", None),
        ("hsa-miR-21-5p", None),
        ("mmu-miR-21a-5p", None),
    ],
)
def test_nearest_panel_mirna_is_suggested_for_unknown_names(name: str, nearest: str | None) -> None:
    assert nomenclature.suggest(name) == nearest


@pytest.mark.parametrize(
    "name",
    [
        *("U6", "U6 snRNA-001973", "U6 rRNA-001973:A", "MammU6-4395470", "RNU6B", "RNU6-1"),
        *("RNU44-001094", "RNU48", "RNU48_001006:A", "SNORD95_11", "hsa-SNORD44", "HY3", "Z30"),
        *("cel-miR-39", "cel-miR-39-3p", "ath-miR159a-000338", "ath-miR-159a", "osa-miR414"),
        *("UniSp6", "18S", "GAPDH", "B2M", "miRTC", "PPC", "dmr_285", "POS_A(128)", "NEG_B"),
    ],
)
def test_controls_are_known_and_are_no_mirna(name: str) -> None:
    assert nomenclature.is_control(name)
    assert not resolve(name).is_mirna


@pytest.mark.parametrize("name", ["hsa-miR-16-5p", "mmu-miR-16-5p", "TP53", "age", "sample1", "U"])
def test_others_are_no_controls(name: str) -> None:
    assert not nomenclature.is_control(name)


# --- a user's own names -------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_mature_fasta_extends_the_facts(tmp_path: Path) -> None:
    fasta = (
        ">cel-let-7-5p MIMAT0000001 Caenorhabditis elegans let-7-5p\nUGAGGUAGUAGGUUGUAUAGUU\n"
        ">hsa-let-7a-5p MIMAT0000062 Homo sapiens let-7a-5p\nUGAGGUAGUAGGUUGUAUAGUU\n"
        ">hsa-miR-34a MIMAT0000255 Homo sapiens miR-34a\nUGGCAGUGUCUUAGCUGGUUGU\n"
    )
    plain = write(tmp_path, "mature.fa", fasta)
    zipped = tmp_path / "mature.fa.gz"
    zipped.write_bytes(gzip.compress(fasta.encode()))
    for path in (plain, zipped):
        aliases = nomenclature.read_aliases(path)
        assert "cel-let-7-5p" not in aliases
        assert aliases["hsa-miR-34a"] == "hsa-miR-34a-5p"
        for name in ("hsa.let.7a.5p", "MIMAT0000062_st", "hsa-let-7a-5p"):
            found = resolve(name, aliases)
            assert (found.canonical, found.level, found.match) == (
                "hsa-let-7a-5p",
                "mature",
                "alias",
            )


def test_mirbase_aliases_lead_old_names_to_the_last_one(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "aliases.txt",
        "MIMAT0000001\tcel-let-7;cel-let-7-5p;\n"
        "MIMAT0002813\thsa-miR-493*;hsa-miR-493-5p;\n"
        "MIMAT0004692\thsa-miR-340;hsa-miR-340-5p;\n"
        "MIMAT0000750\thsa-miR-340;hsa-miR-340-3p;\n",
    )
    aliases = nomenclature.read_aliases(path)
    assert resolve("hsa-miR-493*", aliases).canonical == "hsa-miR-493-5p"
    assert resolve("hsa-miR-493#", aliases).canonical == "hsa-miR-493-5p"
    both = resolve("hsa-miR-340", aliases)
    assert (both.match, both.candidates) == ("ambiguous", ("hsa-miR-340-3p", "hsa-miR-340-5p"))
    assert resolve("hsa-miR-16", aliases).canonical == "hsa-miR-16-5p"


def test_mirbase_own_name_of_a_stem_loop_leaves_the_level_to_the_table(tmp_path: Path) -> None:
    path = write(tmp_path, "aliases.txt", "MI0001641\thsa-mir-429;\nMI0000077\thsa-mir-21;\n")
    aliases = nomenclature.read_aliases(path)
    fireplex = resolve_all(["hsa-mir-429 ", "hsa-mir-21-5p "], aliases)
    assert [r.level for r in fireplex] == ["mature", "mature"]
    tcga = resolve_all(["hsa-mir-429", "hsa-mir-21"], aliases)
    assert [r.level for r in tcga] == ["stem-loop", "stem-loop"]


def test_gff_of_mirgenedb_converts_its_names(tmp_path: Path) -> None:
    lines = (
        "##gff-version 3",
        "# microRNAs:    MirGeneDB v2.0",
        "chr1\t.\tpre_miRNA\t1\t60\t.\t+\t.\tID=Hsa-Mir-21_pre;Alias=MI0000077",
        "chr1\t.\tmiRNA\t1\t22\t.\t+\t.\tID=Hsa-Mir-21_5p;Alias=MIMAT0000076",
        "chr1\t.\tmiRNA\t1\t22\t.\t+\t.\tID=Hsa-Let-7-P1_5p;Alias=MIMAT0000062",
    )
    aliases = nomenclature.read_aliases(write(tmp_path, "hsa.gff", "\n".join(lines)))
    found = resolve_all(["Hsa-Mir-21_5p", "Hsa-Mir-21_pre", "Hsa-Let-7-P1_5p"], aliases)
    assert [r.accession for r in found] == ["MIMAT0000076", "MI0000077", "MIMAT0000062"]
    assert [r.canonical for r in found[:2]] == ["hsa-miR-21-5p", "hsa-mir-21"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_table_of_two_columns_explains_a_users_names(tmp_path: Path, separator: str) -> None:
    lines = ["name,mirna", "probe_7,hsa-miR-21-5p", "hsa-miR-378,MIMAT0000732", "", "p8,miR-4274"]
    path = write(tmp_path, "names.csv", "\n".join(lines).replace(",", separator))
    aliases = nomenclature.read_aliases(path)
    found = resolve_all(["probe_7", "hsa-miR-378", "p8", "age"], aliases)
    assert [r.canonical for r in found] == ["hsa-miR-21-5p", "hsa-miR-378a-3p", "miR-4274", None]
    assert [r.match for r in found] == ["alias", "alias", "alias", "unknown"]
    assert found[0].name == "probe_7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no human miRNA in it"),
        (">mmu-let-7a-5p MIMAT0000521 Mus musculus let-7a-5p\nUGAGG\n", "no human miRNA in it"),
        ("a,hsa-miR-21-5p,x\n", "3 fields"),
        ("a,hsa-miR-21-5p\nb,TP53\n", "line 2: 'TP53' is no human miRNA"),
        ("a,hsa-miR-21-5p\na,hsa-miR-16-5p\n", "'a' stands for hsa-miR-21-5p and for hsa-miR-16"),
    ],
)
def test_unusable_aliases_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidTableError) as caught:
        nomenclature.read_aliases(write(tmp_path, "names.csv", text))
    assert message in str(caught.value)
    assert "expected:" in str(caught.value)


def test_missing_or_binary_aliases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no aliases file"):
        nomenclature.read_aliases(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InvalidTableError, match="cannot be read"):
        nomenclature.read_aliases(tmp_path / "binary.csv")


# --- properties ---------------------------------------------------------------------------------

DECORATED = {
    "plain": "{}",
    "make.names": lambda name: re.sub(r"[-*]", ".", name),
    "underscores": lambda name: name.replace("-", "_"),
    "no prefix": lambda name: name.removeprefix("hsa-"),
    "small, with its arm": lambda name: name.lower() if re.search("p$|[*]$", name) else name,
    "sharp": lambda name: name.replace("*", "#"),
    "Affymetrix": lambda name: name.replace("*", "-star") + "_st",
    "TaqMan": lambda name: name.replace("*", "#") + "-000604",
    "TaqMan card": lambda name: name.replace("*", "#") + "_002331:A",
    "NanoString": "{}_nmiR00132.1",
    "Exiqon": lambda name: "X42490..." + re.sub(r"[-*]", ".", name),
    "merged loci": "{}(2)",
    "repeated": "{}.1",
    "trailing blanks": "{}  ",
    "quoted": '"{}"',
}
#: Every name of a curated miRNA that miRBase gave to it alone.
OWN_NAMES = [
    (name, entry)
    for entry in MATURE
    for name in (entry.name, *entry.former_names)
    if len(facts.named("mature")[name.lower()]) == 1
]


@given(
    named=st.sampled_from(OWN_NAMES),
    style=st.sampled_from(sorted(DECORATED)),
    accession=st.sampled_from(["", "|{}", "_{}", ",{}", " ({})", " [{}]"]),
)
def test_any_style_of_a_name_leads_back_to_its_mirna(
    named: tuple[str, facts.Entry], style: str, accession: str
) -> None:
    name, entry = named
    decorate = DECORATED[style]
    printed = decorate.format(name) if isinstance(decorate, str) else decorate(name)
    found = resolve(printed + accession.format(entry.accession))
    if found.match == "ambiguous":  # the dots of hsa.miR.16.2. were a star or brackets
        assert re.search(r"\.\d\.$", printed)
        assert entry.name in found.candidates
    else:
        assert (found.canonical, found.accession) == (entry.name, entry.accession)


@given(st.text(max_size=40))
def test_any_text_gets_an_answer_that_holds_together(name: str) -> None:
    found = resolve(name)
    assert found.name == name
    assert (found.canonical is None) or (found.level is not None and found.key is not None)
    assert (len(found.candidates) > 1) == (found.match == "ambiguous")
    assert found.is_mirna == (found.match not in {"foreign", "mirgenedb", "unknown"})


def test_text_of_any_length_is_no_name() -> None:
    assert resolve("hsa-miR-21" + " " * 20_000 + "x").match == "unknown"
    assert resolve("hsa.miR.21" + "." * 20_000 + "x").match == "unknown"


@given(st.from_regex(r"[A-Z][A-Z0-9]{1,8}(-AS1|HG|P[0-9])?", fullmatch=True))
def test_gene_symbols_are_no_mirnas(symbol: str) -> None:
    is_mir_gene = re.match(r"MIRN?(LET7|\d)|LET7|MI(MAT)?00\d{5}$", symbol)
    assert is_mir_gene or not resolve(symbol).is_mirna


def test_a_name_is_worked_out_once() -> None:
    names = [f"hsa-miR-{number}-5p" for number in range(1, 2001)]
    first = resolve_all(names)
    assert all(resolve(name) is found for name, found in zip(names, first, strict=True))


# --- measurement against all of miRBase ---------------------------------------------------------


@needs_shared
def test_names_of_all_platforms_are_resolved_and_none_is_wrong() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "measure_names.py"))
    rows = [*tool["header_rows"](SHARED), *tool["author_rows"](SHARED)]
    wrong = [name for row in rows for name in row.wrong]
    panel = sum(row.panel for row in rows)
    unambiguous = panel - sum(row.ambiguous for row in rows)
    assert wrong == []
    assert panel > 300
    assert sum(row.resolved for row in rows) >= 0.995 * unambiguous
    assert sum(row.ambiguous for row in rows) <= 0.02 * panel  # hsa-miR-378 alone


@needs_shared
def test_every_human_name_of_mirbase_is_recognised_at_its_level() -> None:
    for file, level in (("human_mature.tsv", "mature"), ("human_hairpin.tsv", "stem-loop")):
        with (SHARED / "nomenclature" / file).open(encoding="utf-8") as handle:
            names = [row["name_v22"] for row in csv.DictReader(handle, delimiter="\t")]
        found = [resolve(name) for name in names if name]
        assert len(found) > 1900
        assert {r.level for r in found} == {level}
        assert all(r.canonical in {None, r.name} for r in found)
