"""Build src/mirrisk/facts/mirna.tsv: the names, loci and dominant arms of the panels' miRNAs.

    python tools/build_nomenclature.py FOLDER

FOLDER holds nomenclature/human_mature.tsv and human_hairpin.tsv (human miRBase entries, v6 to
v22, with their former names), curation/evidence.tsv (which miRNAs the panels name) and
data/thyroid_ptc_mature_counts.csv.gz (mature counts of 16 papillary thyroid samples, from which
the shares of the two arms are measured).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

OUTPUT = Path(__file__).parent.parent / "src" / "mirrisk" / "facts" / "mirna.tsv"
COLUMNS = (
    "accession", "level", "name", "former_names", "stem_loop", "arm", "loci", "hgnc_symbol",
    "curated", "arm_share", "arm_reads", "arm_samples", "dominant", "dominance_basis",
)  # fmt: skip
HEADER = """\
# The miRNAs of the curated panels: both arms and every locus of their stem-loops (miRBase v22).
# One row per miRBase entry. stem_loop: the name without its locus, shared by loci and arms.
# arm: from the name; where the name has none, from the half of the stem-loop it lies in.
# loci: the stem-loop entries that a mature miRNA is cut from. curated: named by a panel.
# arm_share: share of the reads of the stem-loop's two arms; arm_reads: reads of this arm;
# both summed over arm_samples, the samples with at least 100 reads of the two arms together,
# of a public cohort of 8 papillary thyroid carcinomas and 8 normal thyroids.
# dominant: whether the entry is its stem-loop's dominant arm. dominance_basis: what decided,
# reads (more than half of them), former names (starred or not), both, or neither / conflict.
# Made by tools/build_nomenclature.py; do not edit.
"""
FEWEST_READS = 100


class Arms(NamedTuple):
    """Reads of the 5p and the 3p arm of one stem-loop over the samples that were counted."""

    reads: dict[str, int]
    samples: int


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def split(text: str) -> list[str]:
    """Split a semicolon-separated field; an empty field has no parts."""
    return [part for part in text.split(";") if part]


def without_locus(name: str) -> str:
    """hsa-mir-16-1 -> hsa-mir-16; the number itself (hsa-mir-21) is no locus."""
    return re.sub(r"^(hsa-(?:mir-\d+[a-z]*|let-7[a-z]))-\d+$", r"\1", name)


def names_of(entry: dict[str, str]) -> list[str]:
    """Every name that miRBase ever printed for an entry, the newest first."""
    names = [entry["name_v22"], entry["last_name"], *split(entry["previous_names"])]
    return list(dict.fromkeys(name for name in names if name))


def select(
    mature: list[dict[str, str]], hairpins: list[dict[str, str]], curated: set[str]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Pick the curated miRNAs' stem-loops with all loci and arms, and what shares a name with them.

    Two entries that miRBase gave one name at different times must both be known, or the name
    would be resolved to the one that happens to be here.
    """
    loci_of = {entry["accession"]: set(split(entry["hairpins_v22"])) for entry in mature}
    keys = {
        without_locus(hairpin["name_v22"])
        for hairpin in hairpins
        if any(hairpin["accession"] in loci_of[accession] for accession in curated)
    }
    while True:
        chosen_hairpins = [h for h in hairpins if without_locus(h["name_v22"]) in keys]
        ids = {hairpin["accession"] for hairpin in chosen_hairpins}
        chosen = [m for m in mature if loci_of[m["accession"]] & ids]
        taken = {name for entry in (*chosen, *chosen_hairpins) for name in names_of(entry)}
        colliding = {
            key
            for entry in mature
            if loci_of[entry["accession"]] and taken.intersection(names_of(entry))
            for key in (
                without_locus(h["name_v22"])
                for h in hairpins
                if h["accession"] in loci_of[entry["accession"]]
            )
        } | {
            without_locus(h["name_v22"])
            for h in hairpins
            if h["name_v22"] and taken.intersection(names_of(h))
        }
        if colliding <= keys:
            return chosen, chosen_hairpins
        keys |= colliding


def arm_of(entry: dict[str, str], hairpin: dict[str, str]) -> str:
    """5p or 3p: by name, else by the half of the stem-loop that the sequence lies in."""
    if found := re.search(r"-([35]p)$", entry["name_v22"]):
        return found[1]
    start = hairpin["sequence"].find(entry["sequence"])
    if start < 0:
        return ""
    middle = start + len(entry["sequence"]) / 2
    return "5p" if middle < len(hairpin["sequence"]) / 2 else "3p"


def measured_arms(
    counts: Path, entries: list[dict[str, str]], arm: dict[str, str], key: dict[str, str]
) -> dict[str, Arms]:
    """Sum the reads of the arms of each stem-loop over the samples where they are frequent."""
    with gzip.open(counts, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    result: dict[str, Arms] = {}
    for stem_loop in dict.fromkeys(key.values()):
        members = [entry for entry in entries if key[entry["accession"]] == stem_loop]
        column = {
            entry["accession"]: [name for name in names_of(entry) if name in rows[0]]
            for entry in members
        }
        per_sample = [
            [
                (arm[accession], int(float(row[name])))
                for accession, columns in column.items()
                for name in columns
            ]
            for row in rows
        ]
        frequent = [s for s in per_sample if sum(reads for _, reads in s) >= FEWEST_READS]
        reads: dict[str, int] = defaultdict(int)
        for sample in frequent:
            for which, count in sample:
                reads[which] += count
        result[stem_loop] = Arms(dict(reads), len(frequent))
    return result


def guide_by_name(entries: list[dict[str, str]]) -> list[str]:
    """Return the accessions of the arms that miRBase once printed without an arm or a star."""
    if len(entries) == 1:
        return [entries[0]["accession"]]
    return [
        entry["accession"]
        for entry in entries
        if any(not re.search(r"(-[35]p|\*)$", name) for name in names_of(entry))
        and not any(name.endswith("*") for name in names_of(entry))
    ]


def dominance(
    entries: list[dict[str, str]], arm: dict[str, str], arms: Arms
) -> tuple[str | None, str]:
    """Say which mature miRNA dominates its stem-loop, and on what that rests."""
    guides = guide_by_name(entries)
    guide = guides[0] if len(guides) == 1 else None
    total = sum(arms.reads.values())
    major = [which for which, reads in arms.reads.items() if 2 * reads > total]
    candidates = [entry["accession"] for entry in entries if arm[entry["accession"]] in major]
    if len(entries) == 1:
        return guide, "sole mature product"
    if len(candidates) != 1:
        return (guide, "former names") if guide else (None, "neither")
    measured = candidates[0]
    if guide is None:
        return measured, "reads"
    if guide == measured:
        return measured, "reads and former names"
    return None, "conflict"


def build(folder: Path) -> list[dict[str, str]]:
    """Make the rows of the table, stem-loops first."""
    mature = read_table(folder / "nomenclature" / "human_mature.tsv")
    hairpins = read_table(folder / "nomenclature" / "human_hairpin.tsv")
    evidence = read_table(folder / "curation" / "evidence.tsv")
    curated = {accession for row in evidence for accession in split(row["accessions"])}
    chosen, chosen_hairpins = select(mature, hairpins, curated)
    hairpin = {entry["accession"]: entry for entry in chosen_hairpins}

    loci = {m["accession"]: [i for i in split(m["hairpins_v22"]) if i in hairpin] for m in chosen}
    arm = {m["accession"]: arm_of(m, hairpin[loci[m["accession"]][0]]) for m in chosen}
    key = {
        m["accession"]: without_locus(hairpin[loci[m["accession"]][0]]["name_v22"]) for m in chosen
    }
    counts = folder / "data" / "thyroid_ptc_mature_counts.csv.gz"
    arms = measured_arms(counts, chosen, arm, key)
    dominant = {
        stem_loop: dominance([m for m in chosen if key[m["accession"]] == stem_loop], arm, measured)
        for stem_loop, measured in arms.items()
    }

    rows = [
        {
            "accession": entry["accession"],
            "level": "stem-loop",
            "name": entry["name_v22"],
            "former_names": ";".join(n for n in names_of(entry) if n != entry["name_v22"]),
            "stem_loop": without_locus(entry["name_v22"]),
            "hgnc_symbol": entry["hgnc_symbol"],
        }
        for entry in chosen_hairpins
    ]
    for entry in chosen:
        accession = entry["accession"]
        measured, (winner, basis) = arms[key[accession]], dominant[key[accession]]
        total = sum(measured.reads.values())
        reads = measured.reads.get(arm[accession], 0)
        rows.append(
            {
                "accession": accession,
                "level": "mature",
                "name": entry["name_v22"],
                "former_names": ";".join(n for n in names_of(entry) if n != entry["name_v22"]),
                "stem_loop": key[accession],
                "arm": arm[accession],
                "loci": ";".join(sorted(loci[accession])),
                "curated": "yes" if accession in curated else "no",
                "arm_share": f"{reads / total:.4f}" if total else "",
                "arm_reads": str(reads) if total else "",
                "arm_samples": str(measured.samples),
                "dominant": "yes" if accession == winner else "no",
                "dominance_basis": basis,
            }
        )
    return sorted(rows, key=lambda row: (row["stem_loop"], row["level"] == "mature", row["name"]))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    rows = build(parser.parse_args().folder)
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        writer = csv.DictWriter(
            file, COLUMNS, restval="", delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE
        )
        writer.writeheader()
        writer.writerows(rows)
    print(f"{OUTPUT}: {len(rows)} entries")


if __name__ == "__main__":
    main()
