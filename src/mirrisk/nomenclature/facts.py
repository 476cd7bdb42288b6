"""The facts about the panels' miRNAs: names then and now, accessions, loci, dominant arms."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["mature", "stem-loop"]
Arm = Literal["5p", "3p"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One miRBase entry, a mature miRNA or one locus of a stem-loop."""

    accession: str
    level: Level
    name: str
    former_names: tuple[str, ...]
    stem_loop: str
    arm: Arm | None
    loci: tuple[str, ...]
    curated: bool
    dominant: bool

    @property
    def key(self) -> str:
        """What every column of this molecule shares: loci of a stem-loop share their name."""
        return self.name if self.level == "mature" else self.stem_loop


@cache
def entries() -> Mapping[str, Entry]:
    """Return the entries of ``facts/mirna.tsv`` by accession."""
    text = (resources.files("mirrisk") / "facts" / "mirna.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {row["accession"]: _entry(row) for row in rows}


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        accession=row["accession"],
        level="mature" if row["level"] == "mature" else "stem-loop",
        name=row["name"],
        former_names=tuple(row["former_names"].split(";")) if row["former_names"] else (),
        stem_loop=row["stem_loop"],
        arm="5p" if row["arm"] == "5p" else "3p" if row["arm"] == "3p" else None,
        loci=tuple(row["loci"].split(";")) if row["loci"] else (),
        curated=row["curated"] == "yes",
        dominant=row["dominant"] == "yes",
    )


@cache
def named(level: Level) -> Mapping[str, tuple[Entry, ...]]:
    """Return the entries that a name denotes or once denoted, by name in small letters.

    More than one entry: miRBase gave the name to several over time. A name that an entry
    carries today is that entry's alone.
    """
    index: defaultdict[str, list[Entry]] = defaultdict(list)
    mine = [entry for entry in entries().values() if entry.level == level]
    for entry in mine:
        for name in entry.former_names:
            index[name.lower()].append(entry)
    for entry in mine:
        index[entry.name.lower()] = [entry]
    return {name: tuple(found) for name, found in index.items()}


@cache
def loci_named() -> Mapping[str, tuple[Entry, ...]]:
    """Return the stem-loop entries by locus-free name, current (hsa-mir-16) or former."""
    index: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries().values():
        if entry.level == "stem-loop":
            locus = entry.name.removeprefix(entry.stem_loop)
            # A former name ends in the locus of its entry, or was given before there were loci.
            former = {name.removesuffix(locus) for name in entry.former_names}
            for name in {entry.stem_loop, *former}:
                index[name].append(entry)
    return {name: tuple(found) for name, found in index.items()}


@cache
def families() -> Mapping[str, str]:
    """Return the letters of the stem-loops that share a number: ``hsa-mir-200`` has ``abc``.

    A number that is a stem-loop's name, now or formerly (``hsa-mir-203``), is no family's.
    """
    letters: defaultdict[str, str] = defaultdict(str)
    for stem_loop in sorted({entry.stem_loop for entry in entries().values()}):
        if stem_loop[-1].isalpha() and stem_loop[:-1] not in loci_named():
            letters[stem_loop[:-1]] += stem_loop[-1]
    return letters


@cache
def arms_of(stem_loop: str) -> tuple[Entry, ...]:
    """Return the mature miRNAs of a locus-free stem-loop (``hsa-mir-16``)."""
    return tuple(
        entry
        for entry in entries().values()
        if entry.level == "mature" and entry.stem_loop == stem_loop
    )


@cache
def current_mature() -> Mapping[str, Entry]:
    """Return the mature miRNAs by their miRBase v22 name."""
    return {entry.name: entry for entry in entries().values() if entry.level == "mature"}


def accession_of(mature_name: str) -> str | None:
    """Return the accession of a mature miRNA by its miRBase v22 name.

    Parameters
    ----------
    mature_name : str
        A current name such as ``hsa-miR-16-5p``; former names are for :func:`resolve`.

    Returns
    -------
    str or None
        The ``MIMAT`` accession, None for a miRNA that is not among our facts.

    Examples
    --------
    >>> accession_of("hsa-miR-16-5p")
    'MIMAT0000069'
    """
    entry = current_mature().get(mature_name)
    return entry.accession if entry else None


@cache
def dominant_mature(stem_loop_key: str) -> str | None:
    """Return the mature miRNA of the arm that makes up most of a stem-loop's reads.

    Parameters
    ----------
    stem_loop_key : str
        A stem-loop's name without its locus, such as ``hsa-mir-16``.

    Returns
    -------
    str or None
        The miRBase v22 name; None where no arm dominates (``hsa-mir-193a``: the measured and
        the former naming disagree) or the stem-loop is not among our facts.

    Examples
    --------
    >>> dominant_mature("hsa-mir-409")
    'hsa-miR-409-3p'
    """
    return next((entry.name for entry in arms_of(stem_loop_key) if entry.dominant), None)
