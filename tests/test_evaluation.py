"""The evaluation of the shipped panels: what is committed agrees with itself and with the data."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from check_statistics import auc, harrell
from evaluation_data import load
from evaluation_figures import (
    Evaluated,
    concordance_of_rows,
    endpoint_figures,
    followed_figures,
    gain_verdict,
    verdict,
)
from evaluation_page import page
from evaluation_tables import BONE, agreement
from sklearn.metrics import roc_auc_score

from mirrisk.signatures import load_signature

if TYPE_CHECKING:
    from pathlib import Path

COHORTS = ["brca", "prad", "lihc", "thca", "luad", "lusc"]


@pytest.fixture(scope="module", name="figures")
def committed(root: Path) -> dict[str, Any]:
    return json.loads((root / "docs" / "evaluation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", name="text")
def committed_page(root: Path) -> str:
    return (root / "docs" / "evaluation.md").read_text(encoding="utf-8")


# -- what is committed ------------------------------------------------------------------------


def test_page_is_that_of_the_figures(figures, text):
    assert text == page(figures)


def test_every_auc_on_the_page_is_the_figure_of_its_row(figures, text):
    for each in [*figures["endpoints"], *figures["follow_up"]]:
        found = each.get("auc") or each["c"]
        counted = f"| {each['n']} / {each['events']} | "
        cell = f"{found['estimate']:.2f} ({found['low']:.2f} to {found['high']:.2f}) |"
        assert f"{counted}{cell}" in text, (each["cohort"], each["endpoint"])


def test_every_cohort_and_endpoint_is_there(figures):
    assert [each["cohort"] for each in figures["cohorts"]] == COHORTS
    bone = {e["cohort"] for e in figures["endpoints"] if e["endpoint"] == "bone_met"}
    assert bone == {"brca", "prad", "lihc", "thca"}, "sites are not coded in the lung cohorts"
    distant = {e["cohort"] for e in figures["endpoints"] if e["endpoint"] == "distant_met"}
    assert distant == set(COHORTS)
    assert [e["cohort"] for e in figures["endpoints"] if e["endpoint"] == "bcr"] == ["prad"]
    assert min(each["events"] for each in figures["endpoints"]) > 0


def test_figures_are_of_the_panels_as_they_are_shipped(figures):
    for each in figures["cohorts"]:
        assert each["panel_digest"] == load_signature(each["panel"]).digest, "evaluate again"


def test_breast_is_also_told_without_the_21_who_were_m1(figures, text):
    (breast,) = (
        e for e in figures["endpoints"] if (e["cohort"], e["endpoint"]) == ("brca", "bone_met")
    )
    assert breast["events"] + breast["events_not_scored"] == 56
    rest = breast["without_metastatic"]
    assert breast["events"] - rest["events"] == 12
    assert breast["n"] - rest["n"] == 21
    assert f"| ... without 21 who were M1 at diagnosis | {breast['n'] - 21} / 44 |" in text


def test_verdicts_say_what_the_interval_allows(figures):
    words = {
        (True, False): "better than chance",
        (False, True): "worse than chance",
        (False, False): "not told from chance",
    }
    for each in [*figures["endpoints"], *figures["follow_up"]]:
        found = each.get("auc") or each["c"]
        assert each["verdict"] == words[found["low"] > 0.5, found["high"] < 0.5]
    for each in figures["endpoints"]:
        models = each["clinical"]["models"]
        if models:
            gain = models["gain"]
            assert (models["gain_verdict"] == "adds") == (gain["low"] > 0)
            assert (models["gain_verdict"] == "takes away") == (gain["high"] < 0)


def test_no_model_is_fitted_on_fewer_than_ten_events(figures):
    few = {each["events"] < 10: each["clinical"]["models"] is None for each in figures["endpoints"]}
    assert few == {True: True, False: False}


def test_flags_count_every_tumour_once(figures):
    tumours = {each["cohort"]: each["primary_tumours"] for each in figures["cohorts"]}
    for each in figures["endpoints"]:
        rows = each["flags"]["rows"]
        assert sum(row["n"] for row in rows.values()) == tumours[each["cohort"]]
        events = sum(row["events"] for row in rows.values())
        assert events == each["events"] + each["events_not_scored"]


def test_random_panels_are_ordered_and_p_counts_those_as_good(figures):
    for each in [*figures["endpoints"], *figures["follow_up"]]:
        found, own = each["random"], (each.get("auc") or each["c"])["estimate"]
        assert found["median"] <= found["percentile_95"] <= found["best"]
        assert found["p"] == pytest.approx((1 + found["as_good"]) / 1001)
        assert (own > found["best"]) == (found["as_good"] == 0)
        assert (own >= found["percentile_95"]) == (found["as_good"] <= 50)


def test_influence_is_what_the_panel_loses_without_a_member(figures):
    for each in figures["endpoints"]:
        for member in each["members"]:
            if member["influence"] is not None:
                lost = each["auc"]["estimate"] - member["auc_without"]
                assert member["influence"] == pytest.approx(lost, abs=1e-12)


def test_label_caveat_follows_every_table_with_bone_metastasis(text):
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    about_bone = [block for block in blocks if "bone metastasis" in block]
    assert len(about_bone) == 8  # summary, added, flags, parts, members of four panels
    for block in about_bone:
        assert text.split(block, 1)[1].lstrip().startswith(BONE)


def test_multiplicity_and_the_panels_without_a_cohort_are_said(figures, text):
    tests = len(figures["endpoints"]) + len(figures["follow_up"])
    assert f"These are {tests} intervals" in text
    assert f"about {0.05 * tests:.1f} of them would miss 0.5" in text
    assert "`ewing_sarcoma` and `osteosarcoma` have no TCGA cohort" in text


def test_nothing_of_a_single_patient_is_committed(root):
    for name in ("evaluation.md", "evaluation.json"):
        written = (root / "docs" / name).read_text(encoding="utf-8")
        assert not re.search(r"TCGA-\w\w-\w{4}", written)
        assert "/work" not in written
    assert not list((root / "docs").glob("*.npz"))


# -- the rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.501, 0.7, "better than chance"),
        (0.5, 0.7, "not told from chance"),
        (0.3, 0.5, "not told from chance"),
        (0.3, 0.499, "worse than chance"),
    ],
)
def test_verdict_at_its_limits(low, high, word):
    assert verdict({"low": low, "high": high}) == word


def test_gain_is_told_only_where_its_interval_is_off_zero():
    told = [gain_verdict(*limits) for limits in ((0.01, 0.1), (0.0, 0.1), (-0.1, -0.01))]
    assert told == ["adds", "not told from nothing", "takes away"]


def test_agreement_counts_sides_and_intervals():
    def member(estimate: float, low: float, high: float) -> dict[str, Any]:
        return {"auc": {"estimate": estimate, "low": low, "high": high}}

    members = [
        member(0.6, 0.55, 0.7),
        member(0.51, 0.4, 0.6),
        member(0.4, 0.3, 0.49),
        {"auc": None},
    ]
    assert agreement(members) == "2 of 3; told from chance 1, contrary 1"


def test_concordance_of_many_risks_is_that_of_each():
    rng = np.random.default_rng(1)
    time, event = rng.integers(1, 9, 40).astype(float), rng.integers(0, 2, 40).astype(float)
    risks = rng.integers(0, 5, (3, 40)).astype(float)
    expected = [harrell(time, event, risk).estimate for risk in risks]
    assert concordance_of_rows(time, event, risks) == pytest.approx(expected, abs=1e-12)


def test_checks_own_interval_is_that_of_the_documented_example():
    # docs/validation.md: AUC 0.92 (95% CI 0.52 to 0.99)
    y = np.array([0.0] * 6 + [1.0] * 4)
    found = auc(y, np.array([1, 2, 3, 4, 6, 7, 5, 8, 9, 10.0]))
    assert [f"{value:.2f}" for value in found] == ["0.92", "0.52", "0.99"]


def test_checkers_do_not_import_mirrisk(root):
    for name in ("check_evaluation", "check_scores", "check_statistics"):
        code = (root / "tools" / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) mirrisk", code, flags=re.MULTILINE)


# -- the data ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="thyroid")
def evaluated(shared: Path) -> Evaluated:
    return Evaluated(load(shared, "thca"))


def test_thyroid_recomputed_equals_the_page(thyroid, figures):
    printed = next(
        each
        for each in figures["endpoints"]
        if (each["cohort"], each["endpoint"]) == ("thca", "distant_met")
    )
    outcome = thyroid.cohort.labels["distant_met"].to_numpy(dtype=float)
    _same(endpoint_figures(thyroid, "distant_met", outcome), printed)
    kept = thyroid.scored
    own = roc_auc_score(outcome[kept], thyroid.score[kept])
    assert own == pytest.approx(printed["auc"]["estimate"], abs=1e-9)


def test_thyroid_follow_up_recomputed_equals_the_page(thyroid, figures):
    printed = next(
        each
        for each in figures["follow_up"]
        if (each["cohort"], each["endpoint"]) == ("thca", "time_to_death")
    )
    labels = thyroid.cohort.labels
    time, event = (labels[name].to_numpy(dtype=float) for name in ("os_days", "os_event"))
    _same(followed_figures(thyroid, "time_to_death", time, event), printed)


def _same(found: Any, printed: Any, where: str = "") -> None:
    if isinstance(printed, dict):
        assert found.keys() == printed.keys(), where
        for name, value in printed.items():
            _same(found[name], value, f"{where}/{name}")
    elif isinstance(printed, list):
        assert len(found) == len(printed), where
        for at, value in enumerate(printed):
            _same(found[at], value, f"{where}/{at}")
    elif isinstance(printed, float):
        assert found == pytest.approx(printed, abs=1e-6), where
    else:
        assert found == printed, where
