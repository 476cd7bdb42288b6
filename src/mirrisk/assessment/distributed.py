"""Dask data frames: the same scores, partition by partition, where the partitions lie."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirrisk.errors import InvalidTableError, MismatchError
from mirrisk.notes import Note
from mirrisk.tables.cells import Cells, named_by_text
from mirrisk.tables.clinical import rows_for
from mirrisk.tables.depth import depth_notes
from mirrisk.tables.frames import cells_of
from mirrisk.tables.streaming.head import HEAD_ROWS, Settled, mirnas, refuse_whole_only, settle
from mirrisk.tables.streaming.part import UnstreamableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from mirrisk.assessment import Assessment
    from mirrisk.reference import Reference
    from mirrisk.tables.assembly import Reading


@dataclass(frozen=True)
class LazyAssessment:
    """What :func:`mirrisk.score` will find in a Dask data frame.

    Nothing is scored but the first samples, which settle unit, names and level; the rest when it
    is asked for: ``.scores.compute()``, ``.scores.to_parquet(...)``, ``dask.compute(...)``.

    Attributes
    ----------
    scores, contributions : dask.dataframe.DataFrame
        As in :class:`mirrisk.Assessment`, one partition for each of the table, rows in its order.
        Their index counts from 0 in every partition.
    reference : Reference
    notes : tuple of str
        What holds of all samples, in sentences. What would be said of some of them is not known.
    """

    scores: Any
    contributions: Any
    reference: Reference
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"LazyAssessment of {self.scores.npartitions} partitions against "
            f"{self.reference.name}: .scores.compute() scores them"
        )


@dataclass(frozen=True)
class _Shared:
    """What every partition is scored with; sent once."""

    settled: Settled
    names: str | None
    score: Callable[..., Assessment]
    options: Mapping[str, Any]

    def cells(self, frame: pd.DataFrame) -> Cells:
        """Return the cells of a partition, named as those of the first samples were."""
        cells = cells_of(frame, None)
        if self.names is None:
            return cells
        j = cells.columns.index(self.names)
        column = cells.text[j]
        if any(name is None or not str(name).strip() for name in column):
            raise InvalidTableError(
                "a sample without a name",
                where=f"column {self.names!r}",
                expected="a name in every row",
            )
        names = tuple(map(str, column))
        rest = cells.take([i for i in range(len(cells.columns)) if i != j])
        return Cells(names, rest.columns, rest.values, rest.text)


def is_dask(X: object) -> bool:
    """Tell whether something is a data frame of Dask, without importing it."""
    kind = type(X)
    return kind.__module__.startswith("dask.") and hasattr(X, "to_delayed")


def score_partitions(
    X: Any, how: Reading, score: Callable[..., Assessment], options: Mapping[str, Any]
) -> LazyAssessment:
    """Score a Dask data frame lazily.

    Parameters
    ----------
    X : dask.dataframe.DataFrame
        Samples in rows, named by the index or a column of text.
    how : Reading
    score : callable
        Scores an Expression.
    options : mapping
        Its arguments: panels and reference, loaded.

    Raises
    ------
    InvalidTableError
        If miRNAs stand in rows.
    MismatchError
        If it is to be read as only whole tables are.
    MirriskError
        If the first samples cannot be scored so.
    """
    import dask.dataframe as dataframe
    from dask.delayed import delayed

    raw = cells_of(X.head(HEAD_ROWS, npartitions=-1, compute=True), None)
    head = named_by_text(raw)
    turned = how.orientation == "features_in_rows"
    if turned or (how.orientation is None and mirnas(head.rows, how) > mirnas(head.columns, how)):
        raise InvalidTableError(
            "a Dask data frame with miRNAs in rows: its partitions would be parts of samples",
            expected="samples in rows",
            remedy="score the file it came from: mirrisk.score_file, or `mirrisk score FILE --out`",
        )
    try:
        refuse_whole_only(how)
        settled = settle(head, how, None)
    except UnstreamableError:
        raise MismatchError(
            "a Dask data frame in Ct, or with library sizes beside it, duplicates, undetermined "
            "wells or a limit: only a whole table is read so",
            expected="log2, CPM or counts; library sizes in a column",
            remedy="score the file it came from: mirrisk.score_file, or `mirrisk score FILE --out`",
        ) from None
    lost = set(raw.columns) - set(head.columns)
    shared = _Shared(settled, lost.pop() if lost else None, score, options)
    first = score(settled.first, **_for_part(options, settled.first.samples))
    sent = delayed(pickle.loads)(pickle.dumps(shared))

    def frame_of(what: str) -> Any:
        empty = getattr(first, what).iloc[:0]
        parts = [delayed(_rows)(part, sent, what, empty) for part in X.to_delayed()]
        return dataframe.from_delayed(parts, meta=empty, verify_meta=False)

    return LazyAssessment(
        frame_of("scores"),
        frame_of("contributions"),
        first.reference,
        _standing(first),
    )


def _standing(first: Assessment) -> tuple[str, ...]:
    """Return the notes that hold of all partitions: not those on some of the first samples."""
    of_these = depth_notes(first.expression, 0)
    return tuple(n for n in first.notes if not isinstance(n, Note) and n not in of_these)


def refuse_cohort() -> MismatchError:
    """Say that a table in partitions cannot be its own reference."""
    return MismatchError(
        "a Dask data frame as its own reference: a cohort is learned from the whole table",
        remedy="fit a reference first (mirrisk.Reference.fit), and name it",
    )


def refuse_feature_names(names: Sequence[str] | None) -> None:
    """Refuse names beside those that a Dask data frame has.

    Raises
    ------
    MismatchError
    """
    if names is not None:
        raise MismatchError(
            "feature_names for a Dask data frame, whose columns have names",
            remedy="leave feature_names out; rename the columns where they are wrong",
        )


def _rows(frame: pd.DataFrame, shared: _Shared, what: str, empty: pd.DataFrame) -> pd.DataFrame:
    """Return the scores or contributions of one partition."""
    if not len(frame):
        return empty
    part = shared.settled.part_of_cells(shared.cells(frame))
    options = _for_part(shared.options, part.samples)
    found: pd.DataFrame = getattr(shared.score(part, **options), what)
    return found


def _for_part(options: Mapping[str, Any], samples: Sequence[str]) -> dict[str, Any]:
    """Return the arguments with which some of the samples are scored."""
    covariates = options["covariates"]
    return {
        **options,
        "covariates": None if covariates is None else rows_for(covariates, samples),
    }
