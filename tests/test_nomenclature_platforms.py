"""Every human name of miRBase, printed as platforms print names, is read for what it denotes.

What a printed name denotes is known because it was printed from a miRBase entry.
"""

from __future__ import annotations

import csv
import runpy
from pathlib import Path
from typing import Any

import pytest

from mirrisk.nomenclature import facts, resolve, resolve_all

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
STYLES = runpy.run_path(str(ROOT / "tools" / "platform_styles.py"))
MEASURE = runpy.run_path(str(ROOT / "tools" / "measure_names.py"))

pytestmark = pytest.mark.skipif(
    not (SHARED / "nomenclature" / "human_mature.tsv").exists(),
    reason="the miRBase names of ../shared/nomenclature are not here",
)


@pytest.fixture(scope="module")
def printed() -> dict[str, dict[str, frozenset[str]]]:
    return dict(STYLES["printed_names"](SHARED))


@pytest.fixture(scope="module")
def rows(printed: dict[str, dict[str, frozenset[str]]]) -> dict[str, Any]:
    names = MEASURE["miRBase_names"](SHARED)
    return {
        platform: MEASURE["measure"](platform, printed[platform], names) for platform in printed
    }


def test_every_platform_of_the_printed_names_has_a_style() -> None:
    with (SHARED / "nomenclature" / "platform_headers.tsv").open(encoding="utf-8") as file:
        platforms = {row["platform"] for row in csv.DictReader(file, delimiter="\t")}
    assert platforms == STYLES["STYLES"].keys()


@pytest.mark.parametrize("platform", [p for p, style in STYLES["STYLES"].items() if any(style)])
def test_names_in_the_style_of_a_platform_are_resolved_and_none_is_wrong(
    rows: dict[str, Any], platform: str
) -> None:
    row = rows[platform]
    assert row.wrong == row.beyond == ()
    assert row.ambiguous == row.several  # all that denote several, and no other
    assert row.panel - row.several >= 45
    assert row.resolved >= 0.995 * (row.panel - row.several)


def test_no_name_of_another_species_or_a_virus_is_taken_for_a_human_one() -> None:
    names = list(dict.fromkeys(STYLES["foreign_names"](SHARED)))
    assert len(names) > 30_000
    assert [r.name for r in resolve_all(names) if r.match != "foreign"] == []


def test_no_viral_name_of_the_arrays_is_taken_for_a_human_one() -> None:
    with (SHARED / "nomenclature" / "agilent_name_to_mimat.tsv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    printed = {row[column] for row in table for column in ("arm", "AHUS", "UCAM")}
    viral = {name for name in printed if name and not name.startswith("hsa-")}
    assert len(viral) > 150
    for name in viral:
        for how in (name, STYLES["dotted"](name), f"{name}_st", name.upper(), f"X7...{name}"):
            assert resolve(how).match == "foreign", how


def test_names_of_mirgenedb_are_recognised_and_not_read() -> None:
    names = list(STYLES["mirgenedb_names"]())
    assert {resolve(name).match for name in names} == {"mirgenedb"}


def test_merged_names_report_every_panel_mirna_among_their_members(
    printed: dict[str, dict[str, frozenset[str]]],
) -> None:
    panel = MEASURE["miRBase_names"](SHARED).panel
    merged = {
        name: {facts.entries()[accession].name for accession in truth & panel}
        for platform in ("exceRpt miRNA_ReadCounts", "miRge + miRBase merged names")
        for name, truth in printed[platform].items()
        if len(truth) > 1 and truth & panel
    }
    assert len(merged) > 700
    for name, members in merged.items():
        assert members <= set(resolve(name).candidates), name


def test_the_page_on_names_holds_what_the_tool_measures(rows: dict[str, Any]) -> None:
    page = MEASURE["page"](MEASURE["found_rows"](SHARED), rows.values())
    assert page == (ROOT / "docs" / "names.md").read_text(encoding="utf-8")
