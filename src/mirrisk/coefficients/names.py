"""The names in a table of coefficients: each one mature miRNA, or an error that says why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirrisk import nomenclature
from mirrisk.errors import InvalidTableError
from mirrisk.nomenclature.facts import arms_of
from mirrisk.panel import MATURE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.coefficients.table import Row
    from mirrisk.nomenclature import Resolution


@dataclass(frozen=True)
class ResolvedRow:
    """One row, its mature miRNA (the accession empty where unknown), and how its name was read."""

    row: Row
    name: str
    accession: str
    reading: str


def resolve_rows(rows: Sequence[Row], aliases: Mapping[str, str] | None) -> list[ResolvedRow]:
    """Resolve the names of a table to mature miRNAs, each once.

    Raises
    ------
    InvalidTableError
        If a name is none of a human miRNA, or of several, or two are of one.
    """
    names = [row["mirna"] for row in rows]
    accessions = {
        name: key for key, name in (aliases or {}).items() if re.match(r"MIMAT\d{7}$", key)
    }
    terms: dict[str, ResolvedRow] = {}
    for row, found in zip(rows, nomenclature.resolve_all(names, aliases), strict=True):
        name = _mature_name(found, row.place)
        accession = nomenclature.accession_of(name) or accessions.get(name, "")
        if found.level == "mature":
            accession = found.accession or accession
        term = ResolvedRow(row, name, accession, _reading(found, name))
        first = terms.setdefault(name, term)
        if first is not term:
            raise InvalidTableError(
                f"{row['mirna']!r} is {name}, which {first.row['mirna']!r} above is, too",
                where=row.place,
                expected="a row per miRNA",
            )
    return list(terms.values())


def _mature_name(found: Resolution, place: str) -> str:
    """Return the mature miRNA that a name stands for.

    Raises
    ------
    InvalidTableError
        If there is none, or more than one.
    """
    if found.match == "ambiguous":
        raise _several(found, found.candidates, place)
    if not found.is_mirna:
        near = nomenclature.suggest(found.name)
        raise InvalidTableError(
            f"{found.name!r} is no human miRNA" + (f", did you mean {near!r}?" if near else ""),
            where=place,
            expected="a miRBase name such as hsa-miR-16-5p",
            remedy="for names of your own, or old ones: --aliases FILE",
        )
    if found.level == "stem-loop":
        stem_loop = found.stem_loop or ""
        arm = nomenclature.dominant_mature(stem_loop)
        if arm is None:
            raise _several(found, [entry.name for entry in arms_of(stem_loop)], place)
        return arm
    name = found.canonical or found.key or ""
    if not re.match(MATURE_NAME, name):
        raise InvalidTableError(
            f"{found.name!r}: mirrisk does not know the name of this miRNA",
            where=place,
            expected="its miRBase name, such as hsa-miR-16-5p",
            remedy="or give miRBase's mature.fa: --aliases mature.fa",
        )
    return name


def _several(found: Resolution, candidates: Sequence[str], place: str) -> InvalidTableError:
    kind = "a stem-loop or its gene" if found.level == "stem-loop" else "not one mature miRNA"
    may_be = f", which may be {' or '.join(candidates)}" if candidates else ""
    return InvalidTableError(
        f"{found.name!r} is {kind}{may_be}",
        where=place,
        expected="one mature miRNA, with its arm",
        remedy="write the one that the publication measured",
    )


def _reading(found: Resolution, name: str) -> str:
    """Say what was read into a name; empty where it is today's."""
    if found.level == "stem-loop":
        return (
            f"The table names the stem-loop ({found.name}), the arm {name} is taken: "
            "most of its reads are of that one."
        )
    if found.match in ("previous", "alias"):
        return f"The table's name {found.name} is {name} in miRBase v22."
    return ""
