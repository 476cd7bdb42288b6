"""Samples with what is known of them: outcome, patient, site, subgroups, clinical columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mirrisk.errors import InvalidTableError, MismatchError
from mirrisk.tables.clinical import numbers
from mirrisk.validation.classes import two_classes
from mirrisk.validation.follow_up import FollowUp, follow_up
from mirrisk.validation.outcome import group_codes
from mirrisk.validation.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class LeftOut:
    """Samples that no figure counts, and why."""

    reason: str
    count: int


@dataclass(frozen=True, eq=False)
class Cases:
    """Samples whose outcome is known, in the order of the table.

    Attributes
    ----------
    rows : array of int of shape (n_cases,)
        Their positions in the table.
    y : array of shape (n_cases,)
        1 for the event of interest, 0 for none (or none so far).
    outcome : str
        The name of the outcome's column, if it has one.
    event, other : str
        What the labels call the two.
    follow_up : FollowUp, optional
        Where the outcome is the time to an event.
    patients : array of int of shape (n_cases,)
    grouped : bool
        Whether the caller said who the patients are.
    sites : array of str of shape (n_cases,), optional
    subgroups, covariates, baseline, others : DataFrame
        One row per case: text, what the panel needs, what it is to add to, other risks; without
        columns where none were given.
    left_out : tuple of LeftOut
    notes : tuple of str
    """

    rows: IntArray
    y: FloatArray
    outcome: str
    event: str
    other: str
    follow_up: FollowUp | None
    patients: IntArray
    grouped: bool
    sites: Any
    subgroups: pd.DataFrame
    covariates: pd.DataFrame
    baseline: pd.DataFrame
    others: pd.DataFrame
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def events(self) -> int:
        """How many have the event of interest."""
        return int(self.y.sum())

    @property
    def competing(self) -> int:
        """How many had a competing event."""
        if self.follow_up is None:
            return 0
        return int(np.count_nonzero(self.follow_up.competed))

    @property
    def groups(self) -> IntArray | None:
        """The patients, where the caller said who they are."""
        return self.patients if self.grouped else None

    def take(self, which: BoolArray, *reasons: LeftOut) -> Cases:
        """Return some cases; reasons tell why the others are left out."""
        return replace(
            self,
            rows=self.rows[which],
            y=self.y[which],
            follow_up=None if self.follow_up is None else self.follow_up.take(which),
            patients=np.unique(self.patients[which], return_inverse=True)[1],
            sites=None if self.sites is None else self.sites[which],
            subgroups=self.subgroups[which],
            covariates=self.covariates[which],
            baseline=self.baseline[which],
            others=self.others[which],
            left_out=(*self.left_out, *(reason for reason in reasons if reason.count)),
        )

    def with_competing_as_events(self) -> Cases:
        """Count competing events as events: event-free survival."""
        if self.follow_up is None or not self.competing:
            return self
        event = np.minimum(self.follow_up.event, 1)
        note = (
            f"{self.competing} competing events count as events: the panel predicts survival free "
            "of either"
        )
        return replace(
            self,
            y=event.astype(np.float64),
            follow_up=FollowUp(self.follow_up.time, event),
            notes=(*self.notes, note),
        )


def gather(
    samples: Sequence[str],
    *,
    y: object = None,
    time: object = None,
    event: object = None,
    groups: object = None,
    sites: object = None,
    subgroups: object = None,
    covariates: object = None,
    baseline: object = None,
    others: object = None,
    event_class: object = None,
    fitted_to: tuple[str, str] | None = None,
) -> Cases:
    """Bring all that is known of samples into the order of their table.

    Parameters
    ----------
    samples : sequence of str
        The table's.
    y : array-like or Series, optional
        Of two classes; missing where the outcome is not known.
    time, event : array-like or Series, optional
        Instead of `y`: follow-up, and 0 censored, 1 event, from 2 up competing events.
    groups, sites : array-like or Series, optional
    subgroups, covariates, baseline, others : DataFrame, Series or mapping, optional
        All but subgroups are numbers.
    event_class : str, number or bool, optional
        The class of `y` that is the event; default the second in order.
    fitted_to : tuple of str, optional
        What a fitted panel calls no event and the event: the classes of `y` must be these,
        unless `event_class` says which is the event.

    Raises
    ------
    MismatchError
        If columns are not of the table's samples, no outcome or no patient is known, it is not
        said which outcome is meant, or its classes are others than the panel's.
    InvalidTableError
        If a cell is no number where one is needed.
    """
    notes: list[str] = []
    if y is not None and time is None and event is None:
        labels = aligned(y, samples, "y", notes)
        known = ~pd.isna(labels)
        _require_known(known)
        codes, other, named = two_classes(labels[known], event_class, fitted_to)
        outcome = np.full(len(samples), np.nan)
        outcome[known] = codes
        followed = None
    elif y is None and time is not None and event is not None:
        if event_class is not None:
            raise MismatchError(
                f"event class {event_class!r} with a follow-up",
                expected="codes: 0 censored, 1 event, from 2 up competing events",
            )
        times, ends = (
            numbers(pd.Series(aligned(v, samples, name, notes), index=list(samples), name=name))
            for v, name in ((time, "time"), (event, "event"))
        )
        known = ~np.isnan(times) & ~np.isnan(ends)
        _require_known(known)
        followed = follow_up(times[known], ends[known], competing=True)
        outcome, other, named = (ends == 1).astype(np.float64), "0 (end of follow-up)", "1"
    else:
        raise MismatchError("no outcome, or more than one", expected="y, or time and event")
    patients, unknown = _patients(aligned(groups, samples, "groups", notes), known)
    cases = Cases(
        rows=np.flatnonzero(known),
        y=outcome[known],
        outcome=str(getattr(event if y is None else y, "name", None) or ""),
        event=named,
        other=other,
        follow_up=followed,
        patients=patients,
        grouped=groups is not None,
        sites=None if sites is None else words(aligned(sites, samples, "sites", notes)[known]),
        subgroups=_frame(subgroups, samples, "subgroups", notes)[known],
        covariates=_numeric(_frame(covariates, samples, "covariates", notes), samples)[known],
        baseline=_numeric(_frame(baseline, samples, "baseline", notes), samples)[known],
        others=_numeric(_frame(others, samples, "other risks", notes), samples)[known],
        notes=tuple(dict.fromkeys(notes)),
    )
    listed = np.logical_and.reduce(
        [_listed(given, samples) for given in (y, time, event) if given is not None]
    )
    absent = LeftOut("without a row", int(np.count_nonzero(~listed)))
    without = LeftOut("outcome not known", int(np.count_nonzero(listed & ~known)))
    nameless = LeftOut("patient not known", int(unknown.sum()))
    return cases.take(~unknown, absent, without, nameless)


def aligned(values: object, samples: Sequence[str], name: str, notes: list[str]) -> Any:
    """Return one cell per sample of the table; None where no values were given.

    A Series goes by its names, unless it has none (pandas' default index, which counts rows);
    anything else by position.
    """
    if values is None:
        return None
    if isinstance(values, pd.Series):
        if not _nameless(values.index, samples):
            places = _places(values.index, samples, name, notes)
            cells = np.append(values.to_numpy(dtype=object), [None])
            return cells[places]
        values = values.to_numpy(dtype=object)
    cells = np.asarray(values, dtype=object)
    if cells.shape != (len(samples),):
        raise MismatchError(
            f"{name} has the shape {cells.shape}, the table {len(samples)} samples",
            expected="one value per sample, in the table's order, or a Series by sample name",
        )
    return cells


def _listed(values: object, samples: Sequence[str]) -> BoolArray:
    """Tell which samples have a row, with or without a value in it."""
    if isinstance(values, pd.Series) and not _nameless(values.index, samples):
        rows = set(map(str, values.index))
        return np.array([sample in rows for sample in samples], dtype=bool)
    return np.ones(len(samples), dtype=bool)


def _nameless(index: pd.Index, samples: Sequence[str]) -> bool:
    """Tell whether an index only counts rows; samples named "1" to "n" are not rows 0 to n - 1."""
    if not isinstance(index, pd.RangeIndex) or (index.start, index.step) != (0, 1):
        return False
    return set(map(str, index)) != set(samples)


def _places(index: pd.Index, samples: Sequence[str], name: str, notes: list[str]) -> IntArray:
    """Return the row of each sample, -1 where there is none."""
    labels = list(map(str, index))
    position = {label: row for row, label in enumerate(labels)}
    places = np.array([position.get(sample, -1) for sample in samples], dtype=np.intp)
    if (places < 0).all():
        shown = f"rows named like {labels[0]!r}" if labels else "no rows"
        raise MismatchError(
            f"no sample of the table is in {name}",
            expected=f"rows named like {samples[0]!r}, found {shown}",
            remedy="check that both use the same sample names",
        )
    if len(position) < len(labels):
        twice = index[index.duplicated()][0]
        raise InvalidTableError(f"sample {str(twice)!r} occurs twice", where=name)
    strangers = len(labels) - int(np.count_nonzero(places >= 0))
    if strangers:
        are = "is of a sample" if strangers == 1 else "are of samples"
        notes.append(f"{plural(strangers, 'row')} of labels {are} that the table does not hold")
    return places


def _frame(values: object, samples: Sequence[str], name: str, notes: list[str]) -> pd.DataFrame:
    rows = pd.RangeIndex(len(samples))
    if values is None:
        return pd.DataFrame(index=rows)
    if isinstance(values, pd.Series):
        values = values.to_frame(name="subgroup" if values.name is None else values.name)
    columns: Mapping[Any, Any] = (
        {c: values.iloc[:, i] for i, c in enumerate(values.columns)}
        if isinstance(values, pd.DataFrame)
        else dict(values)  # type: ignore[call-overload]
    )
    cells = {str(c): aligned(column, samples, name, notes) for c, column in columns.items()}
    return pd.DataFrame(cells, index=rows, dtype=object)


def _numeric(frame: pd.DataFrame, samples: Sequence[str]) -> pd.DataFrame:
    values = {c: numbers(frame[c].set_axis(list(samples))) for c in frame.columns}
    return pd.DataFrame(values, index=frame.index)


def _patients(groups: Any, known: BoolArray) -> tuple[IntArray, BoolArray]:
    """Return the number of each case's patient, and whose patient is not known."""
    count = int(np.count_nonzero(known))
    if groups is None:
        return group_codes(None, count), np.zeros(count, dtype=bool)
    codes, _ = pd.factorize(groups[known])
    if (codes < 0).all():
        raise MismatchError(
            "the patient of no sample with a known outcome is known",
            expected="groups of samples of the table",
            remedy="leave groups out if no patient has several samples",
        )
    return np.asarray(codes, dtype=np.intp), np.asarray(codes < 0)


def words(cells: Any) -> Any:
    """Return an array of cells as text; of one that is not known the text says so."""
    return np.array(["not known" if pd.isna(c) else str(c) for c in cells], dtype=object)


def _require_known(known: Any) -> None:
    if not len(known) or not known.any():
        raise MismatchError(
            "the outcome of no sample is known", expected="outcomes of samples of the table"
        )
