"""Measure name resolution: of the names that denote a panel miRNA, how many are resolved.

    python tools/measure_names.py FOLDER

FOLDER holds nomenclature/ with human_mature.tsv, human_hairpin.tsv, platform_headers.tsv and
agilent_name_to_mimat.tsv. The truth is independent of mirrisk's rules: the accession that the
platform's authors assigned, or the whole of miRBase's names (v6 to v22) looked up by a plain
reading of the name in which the platform, not the capitals, tells mature miRNAs from stem-loops.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mirrisk import nomenclature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """The figures of one platform."""

    platform: str
    names: int
    panel: int
    resolved: int
    ambiguous: int
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = sorted(header_rows(folder)) + list(author_rows(folder))
    print("| platform | names | denote a panel miRNA | resolved | ambiguous | wrong |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row.platform} | {row.names} | {row.panel} | {row.resolved} "
            f"| {row.ambiguous} | {len(row.wrong)} |"
        )
    total = [sum(column) for column in zip(*(row[1:5] for row in rows), strict=True)]
    wrong = sum(len(row.wrong) for row in rows)
    print(f"| all | {' | '.join(map(str, total))} | {wrong} |")
    for title, field in (("wrong", "wrong"), ("missed", "missed"), ("no miRBase name", "beyond")):
        for row in rows:
            for name in getattr(row, field):
                print(f"{title}: {row.platform}: {name}")


if __name__ == "__main__":
    main()
