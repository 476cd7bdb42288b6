"""One table of any size: scored in batches, written as they come."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from mirrisk.batch.scoring import Scoring
from mirrisk.batch.sinks import sinks
from mirrisk.batch.tally import Summary, Tally
from mirrisk.errors import MirriskWarning
from mirrisk.output import STDOUT, check_targets
from mirrisk.scoring import MIN_COVERAGE
from mirrisk.tables.assembly import Reading
from mirrisk.tables.depth import MIN_READS
from mirrisk.tables.streaming import ROWS, UnstreamableError, parts_of, stream, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd

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
    targets = {
        "out": str(out),
        "contributions": None if contributions is None else str(contributions),
    }
    check_targets(targets, {"path": str(path)})
    summary = run(path, scoring, targets, rows=batch_rows)
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
    """

    def write(parts: Iterable[Expression]) -> Summary:
        with sinks(targets) as opened:
            return _write(parts, scoring, opened, name)

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
    parts: Iterable[Expression], scoring: Scoring, opened: Mapping[str, Sink], name: str = ""
) -> Summary:
    tally = Tally(scoring.min_reads)
    for part in parts:
        assessment = scoring.assess(part)
        tally.add(assessment, scoring.uncovered(part.samples))
        for what, sink in opened.items():
            frame = assessment.scores if what == "out" else assessment.contributions
            if name:
                frame.insert(0, "file", name)
            sink.write(frame)
    return tally.summary()
