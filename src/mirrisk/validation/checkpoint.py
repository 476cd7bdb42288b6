"""Finished fits of a long run, kept in a file, so that an interrupted run can go on.

The file is of JSON lines. The first tells what the run is: digests of its data and estimator,
its scheme in full, and versions of the software. Each other line is a finished fit, appended when
it finishes. It holds risks or measures by row number; errors and warnings of fits are kept
without the names of samples (:mod:`mirrisk.validation.anonymous`).
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mirrisk.errors import MirriskError
from mirrisk.validation.fingerprint import fingerprint, software
from mirrisk.validation.parallel import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from mirrisk.validation.samples import Cohort

FORMAT = "mirrisk checkpoint 1"


class CheckpointError(MirriskError):
    """A checkpoint cannot be read or written, or is of another run."""


class Checkpoint:
    """A journal of finished tasks; a context manager.

    Parameters
    ----------
    path : str or Path
        Made if it does not exist; continued if it is of the same run.
    run : mapping
        All that determines the results, as plain JSON types; large things as their digest.

    Attributes
    ----------
    finished : dict of int to Outcome
        What the file holds, by the number of the task.

    Raises
    ------
    CheckpointError
        If the file is of another run or no checkpoint (it is left as it is then), or cannot be
        read or written.
    """

    def __init__(self, path: str | Path, run: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.finished: dict[int, Outcome] = {}
        header = {"format": FORMAT, **run, "software": software()}
        first = json.dumps(header, sort_keys=True).encode() + b"\n"
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = self._read(content, first)
            self._file: BinaryIO = self.path.open("ab", buffering=0)
            if whole < len(content):
                self._file.truncate(whole)
            if not whole:
                self._file.write(first)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint cannot be used: {error.strerror}", where=str(path)
            ) from error

    def append(self, number: int, outcome: Outcome) -> None:
        """Add a finished task; when this returns the operating system has it."""
        entry = [number, outcome.value, outcome.error, list(outcome.warnings)]
        # One write, so that an interruption falls before or after it.
        self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, content: bytes, first: bytes) -> int:
        """Read finished tasks; return how many bytes of the content are whole lines."""
        if first.startswith(content):  # nothing, or a first line that was torn
            return len(content) if content == first else 0
        header, *entries = content.split(b"\n")
        self._check_run(header, first)
        # Behind the last newline there is nothing, or a line that was torn.
        torn = entries.pop()
        for row, entry in enumerate(entries, start=2):
            self._read_entry(row, entry)
        return len(content) - len(torn)

    def _read_entry(self, row: int, entry: bytes) -> None:
        try:
            number, value, error, warned = json.loads(entry)
            self.finished[int(number)] = Outcome(value, str(error), tuple(warned))
        except (ValueError, TypeError) as problem:
            raise CheckpointError(
                f"line {row} is damaged",
                where=str(self.path),
                remedy="remove the line, or the file to start anew",
            ) from problem

    def _check_run(self, found: bytes, first: bytes) -> None:
        try:
            before = dict(json.loads(found))
        except (ValueError, TypeError):
            before = {}
        if before.get("format") != FORMAT:
            raise CheckpointError(
                "the file exists and is no checkpoint of mirrisk",
                where=str(self.path),
                remedy="name a file that does not exist",
            )
        now = json.loads(first)
        changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        if changed:
            raise CheckpointError(
                f"the checkpoint is of another run: {_listing(changed, before, now)}",
                where=str(self.path),
                expected="the same data, estimator, scheme and software",
                remedy="name another file, or remove this one to start anew",
            )


def journal(
    path: str | Path | None, run: Mapping[str, Any], estimator: Any, data: Cohort
) -> AbstractContextManager[Checkpoint | None]:
    """Open the checkpoint of a run, if one is wanted.

    Parameters
    ----------
    path : str or Path, optional
        None for no checkpoint.
    run : mapping
        The scheme, as plain JSON types.
    estimator, data
        Known to the file by digests.
    """
    if path is None:
        return nullcontext()
    origin = {
        "X": fingerprint(data.X),
        "y": fingerprint(data.y),
        "groups": fingerprint(data.patients) if data.grouped else "none",
        "estimator": fingerprint(estimator),
    }
    return Checkpoint(path, {**run, **origin})


def _listing(changed: list[str], before: dict[str, Any], now: dict[str, Any]) -> str:
    """Name what differs, with both values where they are short enough to tell something."""
    told = []
    for key in changed:
        was, given = before.get(key), now.get(key)
        if isinstance(was, dict) and isinstance(given, dict):
            told += _listing(
                [k for k in sorted({*was, *given}) if was.get(k) != given.get(k)], was, given
            ).split("; ")
        elif isinstance(was, str) and isinstance(given, str) and len(was) == len(given) == 64:
            told.append(f"{key} differs")
        else:
            told.append(f"{key} was {was!r}, now {given!r}")
    return "; ".join(told)
