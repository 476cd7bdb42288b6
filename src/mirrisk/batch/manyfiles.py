"""Many files: one output each or one table, over processes; bad files are told and skipped."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirrisk.batch import manifest
from mirrisk.batch.engines import Here, Processes, engine_of
from mirrisk.batch.inputs import files_among, found, is_table, outputs
from mirrisk.batch.joined import OneTable, OwnFiles
from mirrisk.batch.scoring import Scoring
from mirrisk.batch.work import FileOutcome, Job, Worker, score_elsewhere
from mirrisk.errors import MirriskError, MirriskWarning
from mirrisk.notes import NAMED, AddedUp, Note
from mirrisk.output import check_targets, refuse_other_formats
from mirrisk.scoring import MIN_COVERAGE
from mirrisk.tables.assembly import Reading
from mirrisk.tables.depth import MIN_READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from mirrisk.batch.engines import Engine, EngineName
    from mirrisk.catalog import PanelLike
    from mirrisk.reference import Reference

CHUNK = 128
"""Files per task: enough that sending it costs nothing, few enough that workers end together."""


@dataclass(frozen=True)
class FilesSummary:
    """What came of many files.

    Attributes
    ----------
    files : tuple of FileOutcome
        One per file, in order.
    notes : tuple of str
        What was found or decided on the way, with the number of files or samples that it is true
        of.
    fitted : bool
        Whether the panel is a fitted one.
    panels : mapping of str to str
        Panel id -> version, of the panels that a file was scored on.
    reference : mapping of str to object
        What is to be known of it: name, digest, n, unit, level, specimen, cancer; empty where
        each file is its own.
    """

    files: tuple[FileOutcome, ...]
    notes: tuple[str, ...]
    fitted: bool = False
    panels: Mapping[str, str] = field(default_factory=dict)
    reference: Mapping[str, object] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[FileOutcome, ...]:
        """The files that could not be scored; each tells why."""
        return tuple(file for file in self.files if file.error)

    @property
    def unchanged(self) -> tuple[FileOutcome, ...]:
        """The files whose output was there already."""
        return tuple(file for file in self.files if file.unchanged)

    @property
    def n_samples(self) -> int:
        """Samples in all files."""
        return sum(file.n_samples for file in self.files)

    @property
    def flags(self) -> dict[str, dict[str, int]]:
        """Panel id -> flag -> number of samples."""
        return _added(file.flags for file in self.files)

    @property
    def reasons(self) -> dict[str, dict[str, int]]:
        """Panel id -> reason -> number of samples."""
        return _added(file.reasons for file in self.files)

    @property
    def n_scored(self) -> int:
        """How many scores there are, over all panels."""
        return sum(
            n for of in self.flags.values() for flag, n in of.items() if flag != "not_scored"
        )


def _added(counts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, Counter[str]] = {}
    for per_panel in counts:
        for panel, count in per_panel.items():
            total.setdefault(panel, Counter()).update(count)
    return {panel: dict(count) for panel, count in total.items()}


def score_files(
    paths: str | Path | Iterable[str | Path],
    *,
    panel: PanelLike | Iterable[PanelLike],
    reference: Reference | str | Path | None = None,
    out: str | Path,
    contributions: str | Path | None = None,
    covariates: pd.DataFrame | None = None,
    n_jobs: int = 1,
    resume: bool = False,
    engine: EngineName | None = None,
    scheduler: str | None = None,
    min_coverage: float = MIN_COVERAGE,
    min_reads: float = MIN_READS,
    **reading: Any,
) -> FilesSummary:
    """Score many files, over processes.

    Every file is a table of its own: its rows are those that it has alone. A file that cannot be
    scored is told in the result, and the others go on.

    Parameters
    ----------
    paths : str, Path, or several
        A folder (its files, sorted by name), a pattern (``"runs/**/*.csv"``), or files.
    panel, reference, covariates, min_coverage, min_reads
        As for :func:`mirrisk.score`; ``reference="cohort"`` takes each file for its own.
    out : str or Path
        One table (its name ends in ``.csv``, ``.gz`` or ``.parquet``), with the file as its
        first column, rows in the order of the files; or a folder, made if need be, with one CSV
        per file (``<file>.scores.csv``) and a manifest.
    contributions : str or Path, optional
        Likewise what each miRNA contributed (``<file>.contributions.csv``).
    n_jobs : int, default 1
        Processes; -1: one per core (joblib).
    resume : bool, default False
        Pass by files whose outputs are there, unchanged, and made from the same file by the same
        panels, reference, options and version of mirrisk, as the folder's manifest has it.
    engine : {"dask"}, optional
        The workers of a Dask cluster read and score the files, and write their outputs: they must
        see the same folders.
    scheduler : str, optional
        The cluster's address; without one a cluster of ``n_jobs`` workers is started here.
    **reading
        Arguments of :func:`mirrisk.read`.

    Returns
    -------
    FilesSummary

    Raises
    ------
    MirriskError
        If panel, reference or options do not hold together, there are no files, or outputs
        cannot be written.

    Warns
    -----
    MirriskWarning
        Once, where samples hold fewer than ``min_reads`` miRNA reads.
    """
    scoring = Scoring.of(panel, reference, Reading(**reading), covariates, min_coverage, min_reads)
    chosen = engine_of(engine, scheduler, n_jobs)
    files = found(paths)
    table = is_table(out)
    if contributions is not None and is_table(contributions) != table:
        raise MirriskError(
            "scores to one table and contributions to a folder, or the reverse",
            remedy="name two tables, or two folders",
        )
    if table and resume:
        raise MirriskError(
            "resume with one table for all files, which is written anew each time",
            remedy="name a folder: one output per file can be resumed",
        )
    targets = {"out": Path(out)}
    if contributions is not None:
        targets["contributions"] = Path(contributions)
    if table:
        inputs = files_among("panel", panel) | files_among("reference", reference)
        jobs = _into_table(files, targets, inputs)
    else:
        _refuse_other_formats(targets)
        jobs = _into_folders(files, targets)
    known = {} if table else manifest.load(targets["out"])
    done = _done(jobs, known, scoring) if resume else {}
    todo = [job for job in jobs if job.file not in done]
    came = _run(todo, scoring, chosen, targets, table=table)
    outcomes = done | {outcome.file: outcome for outcome in came}
    in_order = tuple(outcomes[job.file] for job in jobs)
    notes = (*_notes(in_order, min_reads), *_left_behind(jobs, known, outcomes))
    result = FilesSummary(in_order, notes, scoring.fitted, *scoring.told(_panels(in_order)))
    shallow = sum(file.n_shallow for file in result.files)
    if shallow:
        warnings.warn(
            f"{_samples(shallow)} hold{'s' * (shallow == 1)} fewer than {min_reads:,.0f} miRNA "
            "reads",
            MirriskWarning,
            stacklevel=2,
        )
    return result


def _into_table(
    files: Sequence[str], targets: dict[str, Path], inputs: dict[str, str]
) -> list[Job]:
    named = {what: str(path) for what, path in targets.items()}
    check_targets(named, dict(zip(files, files, strict=True)) | inputs)
    _refuse_other_formats(targets)
    return [Job(file, {}) for file in files]


def _refuse_other_formats(targets: Mapping[str, Path]) -> None:
    for what, place in targets.items():
        refuse_other_formats(what, place)


def _into_folders(files: Sequence[str], targets: dict[str, Path]) -> list[Job]:
    kinds = {"out": "scores", "contributions": "contributions"}
    places = {what: outputs(files, folder, kinds[what], ".csv") for what, folder in targets.items()}
    inside = {Path(file).parent.resolve() for file in files}
    for what, folder in targets.items():
        if folder.resolve() in inside:
            raise MirriskError(
                f"{what} is a folder that the files are read from",
                where=str(folder),
                remedy="name another folder: results would be read as tables the next time",
            )
    for folder in {path.parent for paths in places.values() for path in paths}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MirriskError(f"cannot be made: {error.strerror}", where=str(folder)) from None
    return [
        Job(file, {what: str(paths[i]) for what, paths in places.items()})
        for i, file in enumerate(files)
    ]


def _done(
    jobs: Sequence[Job], known: Mapping[str, Any], scoring: Scoring
) -> dict[str, FileOutcome]:
    """Return what came of the files that need not be scored again."""
    done = {}
    for job in jobs:
        entry = known.get(job.targets["out"])
        if entry is None or entry.get("scoring") != scoring.digest:
            continue
        try:
            if _as_written(job, entry):
                done[job.file] = FileOutcome.of_kept(job, entry)
        except (OSError, LookupError, TypeError, ValueError, AttributeError):
            continue  # a file is not there, or the manifest does not say what is needed
    return done


def _as_written(job: Job, entry: Mapping[str, Any]) -> bool:
    """Tell whether a file and all that is wanted of it are as the manifest has them.

    That they are there is not enough: outputs of another scoring may lie in their place, which was
    interrupted before it was written down.
    """
    return manifest.digest_of_file(job.file) == entry["input"] and all(
        entry["outputs"][what] == [target, manifest.digest_of_file(target)]
        for what, target in job.targets.items()
    )


def _run(
    jobs: Sequence[Job],
    scoring: Scoring,
    engine: Engine,
    targets: dict[str, Path],
    *,
    table: bool,
) -> list[FileOutcome]:
    """Score the files that are to be scored, and put together what is one table."""
    chunks = [tuple(jobs[start : start + CHUNK]) for start in range(0, len(jobs), CHUNK)]
    with OneTable(targets) if table else OwnFiles(targets["out"], scoring) as target:
        outcomes: list[FileOutcome] = []
        for number, came in enumerate(_results(chunks, scoring, engine, target)):
            outcomes += came
            target.take(number, came)
    return outcomes


def _results(
    chunks: Sequence[tuple[Job, ...]], scoring: Scoring, engine: Engine, target: OneTable | OwnFiles
) -> Iterator[list[FileOutcome]]:
    """Yield what came of each chunk, in order."""
    pieces = [(chunk, target.parts(number)) for number, chunk in enumerate(chunks)]
    if isinstance(engine, Here) or (isinstance(engine, Processes) and len(chunks) < 2):
        worker = Worker(scoring)
        return (worker.score(chunk, parts) for chunk, parts in pieces)
    # Workers that are given the same bytes load them once, and keep what they learn.
    return engine.map(score_elsewhere, scoring.packed(), pieces)


def _notes(outcomes: Iterable[FileOutcome], min_reads: float) -> tuple[str, ...]:
    """Say every note once, with the number of files or samples that it is true of."""
    scored = [outcome for outcome in outcomes if not outcome.error]
    of_files: Counter[str] = Counter()
    of_samples = AddedUp()
    for outcome in scored:
        of_files.update(note for note in outcome.notes if not isinstance(note, Note))
        of_samples.add(note for note in outcome.notes if isinstance(note, Note))
    notes = [
        note if count == len(scored) else f"{note} ({count:,} of {len(scored):,} files)"
        for note, count in of_files.items()
    ]
    notes += of_samples.of(sum(outcome.n_samples for outcome in scored))
    shallow = sum(outcome.n_shallow for outcome in scored)
    if shallow:
        notes.append(f"fewer than {min_reads:,.0f} miRNA reads in {_samples(shallow)}")
    return tuple(notes)


def _panels(outcomes: Iterable[FileOutcome]) -> list[str]:
    return list(dict.fromkeys(panel for outcome in outcomes for panel in outcome.flags))


def _samples(count: int) -> str:
    return f"{count:,} sample{'s' * (count != 1)}"


def _left_behind(
    jobs: Sequence[Job], known: Mapping[str, Any], outcomes: Mapping[str, FileOutcome]
) -> Iterator[str]:
    """Say which results of earlier runs lie beside those of this one."""
    failed = [job for job in jobs if outcomes[job.file].error]
    older = [t for job in failed for t in job.targets.values() if Path(t).is_file()]
    if older:
        yield f"older results of files that failed now were left where they are: {_some(older)}"
    mine = {job.targets["out"] for job in jobs if job.targets}
    others = [target for target in known if target not in mine and Path(target).is_file()]
    if others:
        yield f"results of files that are not among these lie in the folder, too: {_some(others)}"


def _some(paths: Sequence[str]) -> str:
    more = f", ... ({len(paths):,} in all)" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more
