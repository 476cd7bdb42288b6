"""Measure name resolution: of the names that denote a panel miRNA, how many are resolved.

    python tools/measure_names.py FOLDER > docs/names.md

prints the page on names with the table that is measured; what went wrong goes to standard error.
FOLDER holds nomenclature/ with human_mature.tsv, human_hairpin.tsv, platform_headers.tsv and
agilent_name_to_mimat.tsv. The truth is independent of mirrisk's rules: the accession that the
platform's authors assigned; for the names that platforms printed, the whole of miRBase's names
(v6 to v22) looked up by a plain reading of the name in which the platform, not the capitals, tells
mature miRNAs from stem-loops; for the names made by platform_styles, the entry they were made of.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mirrisk import nomenclature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER = ("panel", "resolved", "ambiguous", "wrong")
TEMPLATE = Path(__file__).with_name("names_page.md")
STEM_LOOP_PLATFORMS = re.compile(r"stem-loop|hairpin|HGNC")
DECORATIONS = (
    (r"^X?\d+\W+(?=hsa)", ""),
    (r"^HSA-MIR-", "hsa-mir-"),
    (r"^MIRN?(LET)?-?", lambda found: "hsa-let-" if found[1] else "hsa-mir-"),
    (r"[-_]\d{6}(:[AB])?$", ""),
    (r"_(x_)?st$|_nmiR[\d.]+$|_v\d+\.\d$|_[ACGU]+_-?\d+$", ""),
    (r"-star$|#$", "*"),
    (r"(?<!p)\.$", "*"),
    (r"\(\d+\)$", ""),
    (r"[._]", "-"),
)


class Names(NamedTuple):
    """Every name of every human entry of miRBase, and which entries yield a panel miRNA."""

    mature_index: dict[str, frozenset[str]]
    hairpin_index: dict[str, frozenset[str]]
    panel: frozenset[str]
    name_of: dict[str, str]


class Row(NamedTuple):
    """The figures of one platform.

    ``several``: the names that truly denote several miRNAs; ``ambiguous``: those reported so.
    """

    platform: str
    names: int
    panel: int
    resolved: int
    ambiguous: int
    several: int
    wrong: tuple[str, ...]
    missed: tuple[str, ...]
    beyond: tuple[str, ...]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def miRBase_names(folder: Path) -> Names:  # noqa: N802
    """Index the names of all human entries."""
    mature = read_table(folder / "nomenclature" / "human_mature.tsv")
    hairpins = read_table(folder / "nomenclature" / "human_hairpin.tsv")
    evidence = read_table(folder / "curation" / "evidence.tsv")
    curated = {a for row in evidence for a in row["accessions"].split(";") if a}
    yielding = {
        locus
        for entry in mature
        if entry["accession"] in curated
        for locus in entry["hairpins_v22"].split(";")
    }
    return Names(
        _index(mature),
        _index(hairpins),
        frozenset(curated | yielding),
        {entry["accession"]: entry["name_v22"] for entry in (*mature, *hairpins)},
    )


def _index(entries: Iterable[dict[str, str]]) -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    current: dict[str, str] = {}
    for entry in entries:
        for name in (entry["last_name"], *entry["previous_names"].split(";")):
            found[name.lower()].add(entry["accession"])
        if entry["name_v22"]:
            current[entry["name_v22"].lower()] = entry["accession"]
    found.update({name: {accession} for name, accession in current.items()})
    return {name: frozenset(accessions) for name, accessions in found.items() if name}


def true_accessions(raw: str, platform: str, names: Names) -> frozenset[str]:
    """Look a printed name up in the whole of miRBase; no accession if it is not found."""
    if printed := re.findall(r"MIMAT\d{7}", raw):
        return frozenset(printed)
    name = raw.strip()
    for pattern, replacement in DECORATIONS:
        name = re.sub(pattern, replacement, name)
    name = name.lower()
    name = name if re.match(r"[a-z0-9]+-(mir|let)", name) else f"hsa-{name}"
    name = re.sub(r"(hsa-(?:mir-\d+|let-7)[a-z])(\d)$", r"\1-\2", name)
    if STEM_LOOP_PLATFORMS.search(platform):
        return names.hairpin_index.get(name, frozenset())
    return names.mature_index.get(name) or names.hairpin_index.get(name, frozenset())


def measure(platform: str, truths: dict[str, frozenset[str]], names: Names) -> Row:
    """Resolve the names of one platform as one table and compare with the truth."""
    resolved = ambiguous = 0
    wrong: list[str] = []
    missed: list[str] = []
    beyond: list[str] = []
    of_panel = {raw for raw, truth in truths.items() if truth & names.panel}
    for found in nomenclature.resolve_all(list(truths)):
        truth = truths[found.name]
        if found.canonical and not truth:
            beyond.append(f"{found.name} -> {found.canonical}")
        elif found.canonical and found.accession and found.accession not in truth:
            wrong.append(f"{found.name} -> {found.canonical}")
        if found.name not in of_panel:
            continue
        if found.match == "ambiguous":
            ambiguous += 1
        elif found.accession in truth and len(truth) == 1:
            resolved += 1
        else:
            missed.append(found.name)
    return Row(
        platform,
        len(truths),
        len(of_panel),
        resolved,
        ambiguous,
        sum(len(truths[raw]) > 1 for raw in of_panel),
        tuple(wrong),
        tuple(missed),
        tuple(beyond),
    )


def header_rows(folder: Path) -> Iterator[Row]:
    """Measure the names that platforms and pipelines print."""
    names = miRBase_names(folder)
    printed: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for row in read_table(folder / "nomenclature" / "platform_headers.tsv"):
        platform, raw = row["platform"], row["raw_name"]
        printed[platform][raw] = true_accessions(raw, platform, names)
    for platform, truths in printed.items():
        yield measure(platform, truths, names)


def author_rows(folder: Path) -> Iterator[Row]:
    """Measure the names whose accession the authors of three arrays assigned."""
    names = miRBase_names(folder)
    table = read_table(folder / "nomenclature" / "agilent_name_to_mimat.tsv")
    for column in ("AHUS", "UCAM", "volinia"):
        truths = {row[column]: frozenset({row["MIMAT"]}) for row in table if row[column]}
        yield measure(f"authors' accessions, {column}", truths, names)


def style_rows(folder: Path) -> Iterator[Row]:
    """Measure all of miRBase's names printed in the style of each platform."""
    from platform_styles import printed_names  # beside this file

    names = miRBase_names(folder)
    for platform, truths in printed_names(folder):
        yield measure(platform, truths, names)


def found_rows(folder: Path) -> list[Row]:
    """Measure the names that platforms and authors of arrays printed."""
    return [*sorted(header_rows(folder)), *author_rows(folder)]


def page(found: Iterable[Row], made: Iterable[Row]) -> str:
    """Return the page on names with its table."""
    return TEMPLATE.read_text(encoding="utf-8").replace("{{table}}", table(found, made))


def table(found: Iterable[Row], made: Iterable[Row]) -> str:
    """Lay out the figures of the printed names and of those made in the same style."""
    made_of = {row.platform: row for row in made}
    rows = list(found)
    lines = [
        f"| platform | {' | '.join(('printed', *HEADER, 'made', *HEADER))} |",
        "|---|" + "---:|" * 10,
    ]
    for row in rows:
        other = made_of.get(row.platform)
        lines.append(_line(row.platform, _figures(row), _figures(other) if other else None))
    totals = [_total(map(_figures, group)) for group in (rows, made_of.values())]
    return "\n".join((*lines, _line("**all**", *totals)))


def _figures(row: Row) -> tuple[int, ...]:
    return row.names, row.panel, row.resolved, row.ambiguous, len(row.wrong)


def _total(figures: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*figures, strict=True)))


def _line(platform: str, found: tuple[int, ...], made: tuple[int, ...] | None) -> str:
    cells = [f"{n:,}" for n in found] + ([f"{n:,}" for n in made] if made else [""] * len(found))
    return f"| {platform} | {' | '.join(cells)} |"


def main() -> None:
    """Print the page on names, and what went wrong on standard error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    found, made = found_rows(folder), list(style_rows(folder))
    sys.stdout.write(page(found, made))
    for title, field in (("wrong", "wrong"), ("missed", "missed"), ("no miRBase name", "beyond")):
        for row in (*found, *made):
            for name in getattr(row, field):
                print(f"{title}: {row.platform}: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
