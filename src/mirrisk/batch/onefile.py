"""One table of any size: scored in batches, written as they come."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from mirrisk.batch.engines import Here, engine_of
from mirrisk.batch.inputs import files_among
from mirrisk.batch.scoring import Scoring
from mirrisk.batch.sinks import sinks
from mirrisk.batch.tally import Outcome, Summary, Tally
from mirrisk.errors import MirriskWarning
from mirrisk.output import STDOUT, check_targets, refuse_other_formats
from mirrisk.scoring import MIN_COVERAGE
from mirrisk.tables.assembly import Reading
from mirrisk.tables.depth import MIN_READS
from mirrisk.tables.streaming import ROWS, UnstreamableError, check_rows, parts_of, stream, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from mirrisk.batch.engines import Engine, EngineName
    from mirrisk.batch.sinks import Sink
    from mirrisk.catalog import PanelLike
    from mirrisk.expression import Expression
    from mirrisk.reference import Reference


def score_file(
    path: str | Path,
    *,
    panel: PanelLike | Iterable[PanelLike],
    reference: Reference | str | Path | None = None,
    out: str | Path,
    contributions: str | Path | None = None,
    covariates: pd.DataFrame | None = None,
    batch_rows: int = ROWS,
    min_coverage: float = MIN_COVERAGE,
    min_reads: float = MIN_READS,
    engine: EngineName | None = None,
    scheduler: str | None = None,
    **reading: Any,
) -> Summary:
    """Score a file that need not fit in memory, and write its rows as they come.

    The rows are those of ``mirrisk.score(mirrisk.read(path), ...)``, in the same order; a CSV file
    is the same to the byte as :meth:`mirrisk.Assessment.write` makes it.

    Parameters
    ----------
    path : str or Path
        As for :func:`mirrisk.read`. CSV and TSV (also compressed), Parquet and folders of Parquet
        are read in parts, everything else whole.
    panel, reference, covariates, min_coverage, min_reads
        As for :func:`mirrisk.score`; with ``reference="cohort"`` the table is read whole.
    out : str or Path
        Where the scores go: CSV, gzipped CSV (``.gz``) or Parquet (``.parquet``), by its name;
        ``"-"`` is standard output.
    contributions : str or Path, optional
        Likewise what each miRNA contributed.
    batch_rows : int, default 1024
        The most samples in memory.
    engine : {"dask"}, optional
        The workers of a Dask cluster score the batches that this process reads.
    scheduler : str, optional
        The cluster's address; without one a cluster on this machine is started.
    **reading
        ``unit``, ``level``, ``specimen``, ``orientation`` and the other arguments of
        :func:`mirrisk.read`.

    Returns
    -------
    Summary
        Flags and reasons counted, notes.

    Raises
    ------
    MirriskError
        When table, panel and reference do not hold together, or a file cannot be written; no
        output is left then.

    Warns
    -----
    MirriskWarning
        Where samples hold fewer than ``min_reads`` miRNA reads.
    """
    scoring = Scoring.of(panel, reference, Reading(**reading), covariates, min_coverage, min_reads)
    check_rows("batch_rows", batch_rows)
    targets = {
        "out": str(out),
        "contributions": None if contributions is None else str(contributions),
    }
    inputs = files_among("panel", panel) | files_among("reference", reference)
    check_targets(targets, {"path": str(path), **inputs})
    for what, target in targets.items():
        if target is not None:
            refuse_other_formats(what, target)
    where = engine_of(engine, scheduler, 1 if engine is None else -1)
    summary = run(path, scoring, targets, rows=batch_rows, engine=where)
    if summary.warning:
        warnings.warn(summary.warning, MirriskWarning, stacklevel=2)
    return summary


def run(
    path: str | Path,
    scoring: Scoring,
    targets: Mapping[str, str | None],
    *,
    rows: int = ROWS,
    name: str = "",
    engine: Engine | None = None,
) -> Summary:
    """Score a file into targets.

    Parameters
    ----------
    targets : mapping of str to str or None
        ``out`` and ``contributions``.
    rows : int
        The most samples in memory.
    name : str, optional
        What a first column ``file`` says; without it there is none.
    engine : Engine, optional
        Where batches are scored; here if omitted.
    """

    def write(parts: Iterable[Expression]) -> Summary:
        with sinks(targets) as opened:
            return _write(parts, scoring, opened, name, engine or Here())

    if scoring.of_cohort:
        return write(whole(path, scoring.how, rows=None))
    if STDOUT in targets.values():
        # What has been written there cannot be taken back.
        return write(parts_of(path, scoring.how, scoring.keys, rows=rows))
    try:
        return write(stream(path, scoring.how, scoring.keys, rows=rows))
    except UnstreamableError:
        return write(whole(path, scoring.how, rows=rows))


def _write(
    parts: Iterable[Expression],
    scoring: Scoring,
    opened: Mapping[str, Sink],
    name: str,
    engine: Engine,
) -> Summary:
    tally = Tally(scoring.min_reads)
    packed = b"" if isinstance(engine, Here) else scoring.packed()
    pieces = ((part, tuple(opened)) for part in parts)
    work = partial(_assess, scoring) if isinstance(engine, Here) else _assess_elsewhere
    for found, frames in engine.map(work, packed, pieces):
        tally.add(found)
        for what, sink in opened.items():
            if name:
                frames[what].insert(0, "file", name)
            sink.write(frames[what])
    return tally.summary()


def _assess(
    scoring: Scoring,
    packed: bytes,  # noqa: ARG001 (what engines elsewhere need)
    part: Expression,
    wanted: Sequence[str],
) -> tuple[Outcome, dict[str, pd.DataFrame]]:
    """Return what came of a batch, and its rows."""
    assessment = scoring.assess(part)
    frames = {
        what: assessment.scores if what == "out" else assessment.contributions for what in wanted
    }
    return Outcome.of(assessment), frames


def _assess_elsewhere(packed: bytes, part: Expression, wanted: Sequence[str]) -> Any:
    """Do the same in another process."""
    return _assess(Scoring.unpacked(packed), packed, part, wanted)
