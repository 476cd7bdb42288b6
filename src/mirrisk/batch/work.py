"""Some of many files: read, scored together, written apart.

A sample's result does not depend on the samples beside it, so files whose columns are the same
are scored as one table: most of the cost of a score is by the table, not by the sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.batch import manifest
from mirrisk.batch.onefile import run
from mirrisk.batch.scoring import Scoring
from mirrisk.batch.sinks import sinks
from mirrisk.batch.tally import counted, found_in
from mirrisk.errors import MirriskError
from mirrisk.notes import Note
from mirrisk.output import csv_bytes, write_bytes
from mirrisk.tables.cells import located
from mirrisk.tables.clinical import none_covered
from mirrisk.tables.depth import Shallow
from mirrisk.tables.streaming.alike import AlikeReader
from mirrisk.tables.streaming.part import joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mirrisk.assessment import Assessment
    from mirrisk.batch.sinks import Sink
    from mirrisk.expression import Expression

LARGE = 1 << 25
"""Files of more bytes are scored by themselves, in batches."""

TOGETHER = 256
"""Of small files so many samples are scored at once, or those of one file if it holds more."""

KEPT = ("n_samples", "flags", "reasons", "n_shallow", "digest")
"""What a manifest keeps of an outcome, beside its notes."""


@dataclass(frozen=True)
class Job:
    """A file, and where its own results go: ``out``, ``contributions``, or nowhere."""

    file: str
    targets: dict[str, str]


@dataclass(frozen=True)
class FileOutcome:
    """What came of one file.

    Attributes
    ----------
    file : str
    n_samples : int
    flags, reasons : dict of str to dict of str to int
        Panel id -> flag, or reason -> number of samples.
    notes : tuple of str
        What was found or decided while reading and scoring it, in sentences, but for those on
        library sizes.
    n_shallow : int
        Samples with fewer miRNA reads than wished, but not without any.
    digest : str
        SHA-256 of the file.
    written : dict of str to tuple of str
        ``out``, ``contributions`` -> where they are, and their SHA-256; empty in one table.
    error : str
        Why it could not be scored; empty where it was.
    unchanged : bool
        Whether its results were there already.
    """

    file: str
    n_samples: int = 0
    flags: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    n_shallow: int = 0
    digest: str = ""
    written: dict[str, tuple[str, str]] = field(default_factory=dict)
    error: str = ""
    unchanged: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Where its results are; empty in one table."""
        return tuple(path for path, _ in self.written.values())

    def kept(self) -> dict[str, Any]:
        """Return what a manifest keeps."""
        kept = {name: getattr(self, name) for name in KEPT}
        notes = [note.to_dict() if isinstance(note, Note) else note for note in self.notes]
        return {**kept, "notes": notes}

    @classmethod
    def of_kept(cls, job: Job, entry: Mapping[str, Any]) -> FileOutcome:
        """Return what a manifest kept of a file whose results are there.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError
            If it kept something else.
        """
        kept = entry["outcome"]
        if set(kept) != {*KEPT, "notes"}:
            raise ValueError(f"{sorted(kept)} is kept")
        notes = (Note(**note) if isinstance(note, dict) else note for note in kept["notes"])
        found = {**kept, "notes": tuple(notes)}
        written = {what: (path, entry["outputs"][what][1]) for what, path in job.targets.items()}
        return cls(job.file, **found, written=written, unchanged=True)


@dataclass
class _Read:
    """A file that was read, and is to be scored."""

    job: Job
    expression: Expression
    digest: str


class Worker:
    """Scores files, and keeps what it learns of their layout.

    Parameters
    ----------
    scoring : Scoring
    """

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring
        self.reader = AlikeReader(scoring.how)

    def score(self, jobs: Sequence[Job], parts: dict[str, str]) -> list[FileOutcome]:
        """Score files.

        Parameters
        ----------
        jobs : sequence of Job
        parts : dict of str to str
            Where the rows of all of them go; empty where each has a place of its own.
        """
        done: dict[str, FileOutcome] = {}
        with sinks(parts) as opened:
            together: list[_Read] = []
            n_samples = 0
            for job in jobs:
                found = self._read(job)
                if isinstance(found, _Read):
                    size = len(found.expression)
                    if n_samples + size > TOGETHER or not _alike(together, found):
                        self._score(together, opened, done)
                        together, n_samples = [], 0
                    together.append(found)
                    n_samples += size
                    continue
                self._score(together, opened, done)
                together, n_samples = [], 0
                done[job.file] = found or self._by_itself(job, parts, opened)
            self._score(together, opened, done)
        return [done[job.file] for job in jobs]

    def _read(self, job: Job) -> _Read | FileOutcome | None:
        """Read a file; a bad one is told, and None is said of one that is scored by itself."""
        path = Path(job.file)
        try:
            if not path.is_file() or path.stat().st_size > LARGE or self.scoring.of_cohort:
                return None
            content = path.read_bytes()
            expression = self.reader.read(job.file, content)
            if not self.scoring.covered(expression.samples):
                raise located(none_covered(expression.samples[0]), job.file)
        except (MirriskError, OSError) as error:
            return FileOutcome(job.file, error=str(error))
        return _Read(job, expression, manifest.digest_of_bytes(content))

    def _by_itself(
        self, job: Job, parts: Mapping[str, str], opened: Mapping[str, Sink]
    ) -> FileOutcome:
        # Beside the others' rows until all is well: a fault far down leaves none of its own.
        own = {what: Path(part).with_stem(f"{Path(part).stem}.own") for what, part in parts.items()}
        targets = {what: str(path) for what, path in own.items()} or job.targets
        digest = _digest_or_none(job.file)  # before: it may be written to while it is scored
        try:
            summary = run(job.file, self.scoring, targets, name=job.file if own else "")
            written = {
                what: (path, manifest.digest_of_file(path)) for what, path in job.targets.items()
            }
        except (MirriskError, OSError) as error:
            return FileOutcome(job.file, error=str(error))
        for what, path in own.items():
            opened[what].append(path)
            path.unlink()
        return FileOutcome(
            job.file,
            n_samples=summary.n_samples,
            flags={panel: dict(count) for panel, count in summary.flags.items()},
            reasons={panel: dict(count) for panel, count in summary.reasons.items()},
            notes=tuple(note for note in summary.notes if note not in summary.on_depth),
            n_shallow=summary.n_shallow,
            digest=digest,
            written=written,
        )

    def _score(
        self,
        files: Sequence[_Read],
        opened: Mapping[str, Sink],
        done: dict[str, FileOutcome],
    ) -> None:
        """Score files together; if that cannot be, one by one, so that the bad one is told."""
        if not files:
            return
        try:
            assessment = self.scoring.assess(joined([file.expression for file in files]))
            written = self._write(files, assessment, opened)
            outcomes = self._outcomes(files, assessment, written)
        except MirriskError as error:
            if len(files) == 1:
                name = files[0].job.file
                done[name] = FileOutcome(name, error=str(located(error, name)))
                return
            for file in files:
                self._score([file], opened, done)
            return
        done.update(outcomes)

    def _outcomes(
        self,
        files: Sequence[_Read],
        assessment: Assessment,
        written: Mapping[str, dict[str, tuple[str, str]]],
    ) -> dict[str, FileOutcome]:
        outcomes, start = {}, 0
        found = found_in(assessment)
        for file in files:
            rows = slice(start, start + len(file.expression))
            counts = {result.panel.id: counted(result, rows) for result in assessment.results}
            samples, reads = file.expression.samples, file.expression.reads
            said = _notes_of(found, start, samples)
            start = rows.stop
            outcomes[file.job.file] = FileOutcome(
                file.job.file,
                n_samples=len(file.expression),
                flags={panel: flags for panel, (flags, _) in counts.items()},
                reasons={panel: reasons for panel, (_, reasons) in counts.items()},
                notes=(*file.expression.notes, *said),
                n_shallow=Shallow.of(samples, reads, self.scoring.min_reads).count,
                digest=file.digest,
                written=written[file.job.file],
            )
        return outcomes

    def _write(
        self, files: Sequence[_Read], assessment: Assessment, opened: Mapping[str, Sink]
    ) -> dict[str, dict[str, tuple[str, str]]]:
        """Write the rows; return of each file where its own are, with their digests."""
        sizes = [len(file.expression) for file in files]
        kinds = set(opened) | set(files[0].job.targets)
        frames = {"out": assessment.scores} if "out" in kinds else {}
        if "contributions" in kinds:
            frames["contributions"] = assessment.contributions
        written: dict[str, dict[str, tuple[str, str]]] = {file.job.file: {} for file in files}
        for what, frame in frames.items():
            per_sample = len(frame) // max(sum(sizes), 1)
            rows = [size * per_sample for size in sizes]
            if what in opened:
                named = np.repeat(np.array([f.job.file for f in files], dtype=object), rows)
                frame.insert(0, "file", named)
                opened[what].write(frame)
                continue
            texts = _cut(frame, rows)
            for file, text in zip(files, texts, strict=True):
                target = file.job.targets[what]
                write_bytes({target: text})
                written[file.job.file][what] = (target, manifest.digest_of_bytes(text))
        return written


def score_elsewhere(packed: bytes, jobs: Sequence[Job], parts: dict[str, str]) -> list[FileOutcome]:
    """Score files in another process, which loads panels and reference once."""
    return _worker(packed).score(jobs, parts)


@lru_cache(maxsize=1)
def _worker(packed: bytes) -> Worker:
    return Worker(Scoring.unpacked(packed))


def _digest_or_none(file: str) -> str:
    try:
        return manifest.digest_of_file(file)
    except OSError:
        return ""  # reading it tells why


def _alike(together: Sequence[_Read], other: _Read) -> bool:
    """Tell whether a file can be scored with others: the same columns, unit and specimen."""
    if not together:
        return True
    first, second = together[0].expression, other.expression
    return (
        first.index is second.index
        and first.unit == second.unit
        and first.specimen == second.specimen
        and (first.library_size is None) == (second.library_size is None)
        and first.undetermined == second.undetermined
        and first.limit == second.limit
        and first.notes == second.notes
    )


def _notes_of(found: Sequence[str], start: int, samples: Sequence[str]) -> list[str]:
    """Return what was found of one of the files that were scored together."""
    said = (note.within(start, samples) if isinstance(note, Note) else note for note in found)
    return [note for note in said if note is not None]


def _cut(frame: pd.DataFrame, rows: Sequence[int]) -> list[bytes]:
    """Return the CSV of consecutive rows, each with the header."""
    text = csv_bytes(frame)
    if text.count(b"\n") != len(frame) + 1:  # a name holds a line break
        ends = np.cumsum(rows)
        return [csv_bytes(frame.iloc[e - n : e]) for e, n in zip(ends, rows, strict=True)]
    header, *body = [line + b"\n" for line in text.split(b"\n")[:-1]]
    texts, start = [], 0
    for count in rows:
        texts.append(header + b"".join(body[start : start + count]))
        start += count
    return texts
