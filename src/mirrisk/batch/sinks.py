"""Rows to files as they come; a file appears whole or not at all."""

from __future__ import annotations

import sys
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from mirrisk.output import STDOUT, csv_bytes, explained, is_packed, partial_of
from mirrisk.tables.columnar import PARQUET_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    import pyarrow as pa


class Sink(Protocol):
    """Takes rows."""

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows."""

    def append(self, path: Path) -> None:
        """Append the rows of a file of the same kind and columns."""

    def close(self) -> None:
        """Write what is still held back."""

    @property
    def begun(self) -> bool:
        """Whether there are any rows."""


class CsvSink:
    """Rows as CSV, the header once.

    Parameters
    ----------
    stream : binary file
    packed : bool
        Whether to gzip.
    """

    def __init__(self, stream: IO[bytes], *, packed: bool) -> None:
        self._stream = stream
        # wbits=31: a gzip stream, without a time stamp.
        self._packer = zlib.compressobj(9, zlib.DEFLATED, 31) if packed else None
        self.begun = False

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows."""
        self._write(csv_bytes(frame, header=not self.begun))

    def append(self, path: Path) -> None:
        """Append the rows of a CSV file of the same columns."""
        with path.open("rb") as rows:
            if self.begun:
                rows.readline()  # the header
            while block := rows.read(1 << 20):
                self._write(block)

    def _write(self, data: bytes) -> None:
        self.begun = True
        self._stream.write(data if self._packer is None else self._packer.compress(data))

    def close(self) -> None:
        """Write what is still held back."""
        if self._packer is not None:
            self._stream.write(self._packer.flush())
        self._stream.flush()


class ParquetSink:
    """Rows as Parquet: text and numbers, one row group per batch."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows."""
        import pyarrow as pa
        from pandas.api.types import is_numeric_dtype

        schema = pa.schema(
            [
                (name, pa.float64() if is_numeric_dtype(frame[name].dtype) else pa.string())
                for name in frame.columns
            ]
        )
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        self._write(table.replace_schema_metadata(None))

    def append(self, path: Path) -> None:
        """Append the rows of a Parquet file of the same columns."""
        import pyarrow as pa
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                self._write(pa.Table.from_batches([batch]))

    def _write(self, table: pa.Table) -> None:
        from pyarrow import parquet

        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)

    @property
    def begun(self) -> bool:
        """Whether there are any rows."""
        return self._writer is not None

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()
        self._stream.flush()


@contextmanager
def sinks(targets: Mapping[str, str | Path | None]) -> Iterator[dict[str, Sink]]:
    """Open files to be written, and let them appear when all is written.

    Parameters
    ----------
    targets : mapping of str to str, Path or None
        What is written -> where: CSV, gzipped CSV (``.gz``) or Parquet (``.parquet``) by the
        file's name; ``"-"`` is standard output; None: not at all.

    Raises
    ------
    MirriskError
        If a file cannot be written; none is left then.
    """
    partials: dict[str, tuple[Path, Path]] = {}
    try:
        with ExitStack() as stack:
            opened: dict[str, Sink] = {}
            for what, target in targets.items():
                if target is not None:
                    opened[what], becomes = _sink(str(target), stack)
                    if becomes is not None:
                        partials[what] = becomes
            with explained(" and ".join(str(t) for t in targets.values() if t is not None)):
                yield opened
                for sink in opened.values():
                    sink.close()
        for what, (partial, path) in partials.items():
            if opened[what].begun:  # no rows, no file
                with explained(path):
                    partial.replace(path)
    finally:
        for partial, _ in partials.values():
            partial.unlink(missing_ok=True)


def _sink(target: str, stack: ExitStack) -> tuple[Sink, tuple[Path, Path] | None]:
    """Open a file to be written; return also what it is to become when all is written."""
    if target == STDOUT:
        return CsvSink(sys.stdout.buffer, packed=False), None
    path = Path(target).resolve()  # a link stays a link
    at_once = path.exists() and not path.is_file()  # a device, or a pipe
    writes = path if at_once else partial_of(path)
    with explained(target):
        stream = stack.enter_context(writes.open("wb"))
    sink = ParquetSink(stream) if is_parquet(path) else CsvSink(stream, packed=is_packed(path))
    return sink, None if at_once else (writes, path)


def is_parquet(path: Path) -> bool:
    """Tell by its name whether a file is to be Parquet."""
    return path.suffix.lower() in PARQUET_SUFFIXES
