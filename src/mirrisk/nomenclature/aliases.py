"""A user's own names for miRNAs: files of miRBase, or a table of two columns."""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError, NotFoundError
from mirrisk.nomenclature import facts
from mirrisk.nomenclature.resolution import resolve

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

_EXPECTED = (
    "miRBase's mature.fa or hairpin.fa, miRBase's aliases.txt, MirGeneDB's human GFF, or a table "
    "of two columns (the name in your data, the miRBase name it stands for)"
)
_FASTA = re.compile(r">(?P<name>\S+)\s+(?P<accession>MI(?:MAT)?\d{7})")
_ALIASES = re.compile(r"(?P<accession>MI(?:MAT)?\d{7})\t(?P<names>\S+)")
_MIRGENEDB = re.compile(r"ID=(?P<name>[^;\s]+);Alias=(?P<accession>MI(?:MAT)?\d{7})\b")


def read_aliases(path: str | os.PathLike[str]) -> Mapping[str, str]:
    """Read names that our facts do not hold, for ``resolve(name, aliases)``.

    Parameters
    ----------
    path : path-like
        miRBase's ``mature.fa`` or ``hairpin.fa``, miRBase's ``aliases.txt``, MirGeneDB's GFF of
        the human genes (each may be gzipped), or a table of two columns, comma, semicolon or tab
        between them: the name in your data and the miRBase name that it stands for. A header line
        is recognised by its second field, which is no miRNA.

    Returns
    -------
    mapping of str to str
        From name to miRBase name. A name that miRBase gave to several miRNAs maps to all of
        them, with ``/`` between them, and is resolved as ambiguous.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If it is none of these files, holds no human miRNA, or explains one name twice.
    """
    file = Path(path)
    lines = _lines(file)
    first = next((line for line in lines if line.strip()), "")
    if first.startswith(">"):
        names = _joined(_from_fasta(lines))
    elif first.startswith("##gff-version"):
        names = _joined(_from_mirgenedb(lines))
    elif _ALIASES.match(first):
        names = _joined(_from_aliases(lines))
    else:
        names = _from_table(lines, file)
    if not names:
        raise InvalidTableError("no human miRNA in it", where=str(file), expected=_EXPECTED)
    return names


def _lines(file: Path) -> Sequence[str]:
    try:
        data = file.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"no aliases file {file}") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidTableError(
            f"cannot be read: {error}", where=str(file), expected=_EXPECTED
        ) from None


def _from_fasta(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _FASTA.match(line)
        if found and found["name"].startswith("hsa-"):
            yield from _names(found["accession"], [found["name"]])


def _from_aliases(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _ALIASES.match(line)
        if found and found["names"].startswith("hsa-"):
            yield from _names(found["accession"], [n for n in found["names"].split(";") if n])


def _from_mirgenedb(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _MIRGENEDB.search(line)
        if found and found["name"].startswith("Hsa-"):
            entry = facts.entries().get(found["accession"])
            yield found["name"], entry.name if entry else found["accession"]


def _names(accession: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pair an entry's accession and names with its current name, which miRBase lists last."""
    entry = facts.entries().get(accession)
    current = entry.name if entry else names[-1]
    for name in (accession, *names, current):
        yield name, current


def _joined(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Collect the miRNAs of each name; a name that is in use today means today's miRNA."""
    meant: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for name, current in pairs:
        meant[name][current] = None
    return {name: name if name in them else "/".join(them) for name, them in meant.items()}


def _from_table(lines: Sequence[str], file: Path) -> dict[str, str]:
    separator = next((s for s in "\t;," if any(s in line for line in lines[:1])), ",")
    names: dict[str, str] = {}
    for number, fields in enumerate(csv.reader(lines, delimiter=separator), start=1):
        if not any(fields) or fields[0].startswith("#"):
            continue
        where = f"{file}, line {number}"
        if len(fields) != 2 or not all(field.strip() for field in fields):
            raise InvalidTableError(f"{len(fields)} fields", where=where, expected=_EXPECTED)
        name, target = (field.strip() for field in fields)
        if not resolve(target).is_mirna:
            if not names and number == 1:
                continue  # the header
            raise InvalidTableError(
                f"{target!r} is no human miRNA",
                where=where,
                expected="a miRBase name such as hsa-miR-16-5p, or an accession",
            )
        if names.setdefault(name, target) != target:
            raise InvalidTableError(
                f"{name!r} stands for {names[name]} and for {target}",
                where=where,
                expected="one miRNA for each name",
            )
    return names
