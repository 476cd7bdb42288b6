"""Tables larger than memory: a file becomes Expressions of a bounded number of samples.

``blocks`` cuts text into whole lines; ``samples`` and ``features`` read them in either
orientation, ``parquet`` reads columns. ``head`` has the first rows read as whole tables are, which
settles unit, level, names and everything else that is inferred. Whatever cannot be read in parts
exactly as it is read whole (workbooks, AnnData, layouts of pipelines, Ct, fractional counts with
miRNAs in rows) is read whole, and cut.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError, MirriskError, NotFoundError
from mirrisk.tables.assembly import Reading, to_expression
from mirrisk.tables.cells import located
from mirrisk.tables.columnar import parquet_files
from mirrisk.tables.delimited import without_preamble
from mirrisk.tables.sources import name_of, read_cells
from mirrisk.tables.streaming.ahead import ahead
from mirrisk.tables.streaming.blocks import BLOCK_BYTES, blocks, cut
from mirrisk.tables.streaming.features import FeaturesInRows, sketched
from mirrisk.tables.streaming.head import (
    HEAD_ROWS,
    mirnas,
    refuse_layouts,
    refuse_whole_only,
    settle,
)
from mirrisk.tables.streaming.parquet import Dataset, parquet_parts
from mirrisk.tables.streaming.part import Part, Seen, UnstreamableError, gathered, part_of
from mirrisk.tables.streaming.samples import SamplesInRows, layout_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mirrisk.expression import Expression
    from mirrisk.tables.assembly import Assemble, Duplicates, Orientation
    from mirrisk.tables.streaming.samples import Layout
    from mirrisk.vocabulary import Level, Specimen, Undetermined, Unit

__all__ = ["Part", "UnstreamableError", "batches", "check_rows", "parts_of", "stream", "whole"]

SKETCHED = 20

ROWS = 1024
"""Samples per batch; a batch of text may end earlier, with its block of bytes."""


def batches(
    path: str | Path,
    *,
    keys: Collection[str] | None = None,
    rows: int = ROWS,
    unit: Unit | None = None,
    level: Level | None = None,
    specimen: Specimen = "tissue",
    orientation: Orientation | None = None,
    library_size: str | Sequence[float] | None = None,
    duplicates: Duplicates | None = None,
    aliases: Mapping[str, str] | None = None,
    undetermined: Undetermined = "missing",
    limit: float | None = None,
    sheet: str | None = None,
    layer: str | None = None,
    assemble: Assemble | None = None,
) -> Iterator[Expression]:
    """Read a table of any size, some samples at a time.

    CSV and TSV (also compressed), Parquet and folders of Parquet are read in parts; everything
    else is read whole, and cut. Either way samples score as those of :func:`mirrisk.read` do, to
    the last bit.

    Parameters
    ----------
    path : str or Path
    keys : collection of str, optional
        The miRNAs needed (mature names, stem-loops without locus): other columns of a table in
        log2 are then neither parsed nor checked. Counts and CPM need all of them.
    rows : int, default 1024
        The most samples in an Expression.
    unit, level, specimen, orientation, library_size, duplicates, aliases, undetermined, limit
        As for :func:`mirrisk.read`; what is inferred is inferred from the first rows.
    sheet, layer, assemble
        As for :func:`mirrisk.read`.

    Yields
    ------
    Expression

    Raises
    ------
    MirriskError
        As :func:`mirrisk.read` does, when the fault is come to.
    """
    how = Reading(
        unit,
        level,
        specimen,
        orientation,
        library_size,
        duplicates,
        aliases,
        undetermined=undetermined,
        limit=limit,
        sheet=sheet,
        layer=layer,
        assemble=assemble,
    )
    check_rows("rows", rows)
    yield from parts_of(path, how, keys, rows=rows)


def check_rows(name: str, rows: object) -> None:
    """Refuse a size of batches that is none.

    Raises
    ------
    InvalidTableError
    """
    if not isinstance(rows, int | np.integer) or isinstance(rows, bool) or rows < 1:
        raise InvalidTableError(f"{name} is {rows!r}", expected="a number of samples, 1 or more")


def parts_of(
    path: str | Path,
    how: Reading,
    keys: Collection[str] | None = None,
    *,
    rows: int = ROWS,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Expression]:
    """Read a table in parts where that can be, else whole and cut."""
    done = 0
    try:
        for part in stream(path, how, keys, rows=rows, block_bytes=block_bytes):
            yield part
            done += len(part)
    except UnstreamableError:
        yield from whole(path, how, rows=rows, start=done)


def stream(
    path: str | Path,
    how: Reading,
    keys: Collection[str] | None = None,
    *,
    rows: int = ROWS,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Expression]:
    """Read a table in parts, or not at all.

    Raises
    ------
    UnstreamableError
        Where it must be read as a whole; parts that were yielded before then do not count.
    MirriskError
        As :func:`mirrisk.read` does.
    """
    try:
        with closing(ahead(_parts(path, how, keys, rows, block_bytes))) as parts:
            yield from gathered(_once(parts), rows)
    except (NotFoundError, UnstreamableError):
        raise
    except MirriskError as error:
        raise located(error, name_of(path)) from None


def _once(parts: Iterable[Part]) -> Iterator[Part]:
    """Pass parts on, refusing a sample that comes again."""
    seen = Seen()
    for part in parts:
        seen.add(part.samples)
        yield part


def whole(
    path: str | Path, how: Reading, *, rows: int | None = ROWS, start: int = 0
) -> Iterator[Expression]:
    """Read a table as a whole, and yield its samples so many at a time; all at once if None."""
    try:
        expression = to_expression(read_cells(path, how), how)
    except NotFoundError:
        raise
    except MirriskError as error:
        raise located(error, name_of(path)) from None
    if rows is None:
        yield expression
        return
    for first in range(start, len(expression), rows):
        yield part_of(expression, slice(first, first + rows))


def _parts(
    path: str | Path, how: Reading, keys: Collection[str] | None, rows: int, block_bytes: int
) -> Iterator[Part]:
    refuse_whole_only(how)
    if str(path) == "-":
        raise UnstreamableError("standard input")
    file = Path(path)
    if not file.exists():
        raise NotFoundError(f"no file {str(path)!r}")
    if file.is_dir():
        files = tuple(parquet_files(file))
        if not files:
            raise UnstreamableError("a folder")
        return parquet_parts(Dataset(file, files), how, keys, rows)
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
    except OSError as error:
        raise InvalidTableError(f"cannot be read: {error.strerror}") from None
    if start == b"PAR1":
        return parquet_parts(Dataset(file, (file,)), how, keys, rows)
    return _text_parts(file, how, keys, rows, block_bytes)


def _text_parts(
    path: Path, how: Reading, keys: Collection[str] | None, rows: int, block_bytes: int
) -> Iterator[Part]:
    source = blocks(path, block_bytes)
    first, ended = _enough(source, how)
    if ended:
        raise UnstreamableError("small")
    text, delimiter = without_preamble(first.decode())
    layout = layout_of(text, delimiter, str(path))
    body = text[layout.head.length :]
    remaining = chain(cut(body.encode(), block_bytes), source)
    turned = _turned(layout, body, how)
    body = _lines(body, SKETCHED if turned else HEAD_ROWS + 20)
    del first, text  # else as large as two blocks for as long as the file is read
    if turned:
        yield from _features(path, layout, body, remaining, block_bytes, how, keys, rows)
        return
    cells = layout.cells(body)
    if layout.head.one_short and not any(cells.text.get(len(cells.columns) - 1, [True])):
        raise UnstreamableError("a last column without cells")
    refuse_layouts(cells, path, how)
    if len(cells.rows) < HEAD_ROWS or "" in cells.rows:
        raise UnstreamableError("blank rows")
    yield from SamplesInRows(layout, settle(cells, how, keys), how).parts(remaining)


def _enough(source: Iterator[bytes], how: Reading) -> tuple[bytes, bool]:
    """Return as many blocks as settle how the file is read, and whether it is but one."""
    first = next(source, b"")
    second = next(source, None)
    if second is None:
        return first, True
    first += second
    while first.count(b"\n") < 2 * HEAD_ROWS and _samples_follow(first, how):
        more = next(source, None)
        if more is None:
            break
        first += more
    return first, False


def _samples_follow(first: bytes, how: Reading) -> bool:
    """Tell whether the lines after the header seem to be samples."""
    if how.orientation is not None:
        return how.orientation == "samples_in_rows"
    text, delimiter = without_preamble(first.decode())
    return mirnas(layout_of(text, delimiter, "").columns, how) > 0


def _lines(text: str, count: int) -> str:
    """Return the first lines of a text."""
    end = 0
    for _ in range(count):
        end = text.find("\n", end) + 1 or len(text)
    return text[:end]


def _turned(layout: Layout, body: str, how: Reading) -> bool:
    """Tell whether miRNAs stand in rows."""
    if how.orientation is not None:
        return how.orientation == "features_in_rows"
    lines = _lines(body, HEAD_ROWS).splitlines()
    names = [line.lstrip('"').partition(layout.delimiter)[0].strip(' "') for line in lines]
    down, across = mirnas(names, how), mirnas(layout.columns, how)
    if bool(down) == bool(across):
        raise UnstreamableError("miRNAs on both sides, or on neither")
    return down > 0


def _features(
    path: Path,
    layout: Layout,
    body: str,
    source: Iterable[bytes],
    block_bytes: int,
    how: Reading,
    keys: Collection[str] | None,
    rows: int,
) -> Iterator[Part]:
    if layout.delimiter == ";":
        raise UnstreamableError("decimal commas")
    aside, blank, reads = sketched(layout, body, how)
    opened = partial(FeaturesInRows, layout, how, keys, aside, blank=blank)
    reader = opened(parse_all=reads)
    reader.read(source)
    if reader.lacks_a_sample():
        # Empty samples, or such as hold other miRNAs than those needed? All rows tell.
        again = blocks(path, block_bytes)
        first, _ = _enough(again, how)
        text = without_preamble(first.decode())[0][layout.head.length :].encode()
        reader = opened(parse_all=True)
        reader.read(chain(cut(text, block_bytes), again))
    yield from reader.parts(reader.settled(path), rows)
