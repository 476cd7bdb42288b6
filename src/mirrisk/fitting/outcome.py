"""The outcome of a survival fit: one endpoint, made of what a user gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from mirrisk.errors import MismatchError
from mirrisk.fitting.competing import subdistribution_rows
from mirrisk.fitting.endpoint import CENSORED, COMPETING, EVENT, metastasis_free, time_to_metastasis
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

Death = Literal["event", "competes"]

FIELDS = ("event", "time")
CODES = (CENSORED, EVENT, COMPETING)


@dataclass(frozen=True, eq=False)
class SurvivalOutcome:
    """Follow-up of each sample, by one endpoint.

    Attributes
    ----------
    time : ndarray of shape (n_samples,)
        Above 0.
    code : int ndarray of shape (n_samples,)
        How it ended: 0 censored, 1 the event, 2 death without it.
    death : {"event", "competes"}
        What the last is.
    """

    time: FloatArray
    code: IntArray
    death: Death

    @classmethod
    def of(cls, y: Any, samples: Sequence[str], death: Death) -> SurvivalOutcome:
        """Check what a user gave (see :class:`mirrisk.fitting.survival.PanelSurvival`).

        Raises
        ------
        MismatchError
            If it is no follow-up of these samples.
        """
        if death not in get_args(Death):
            raise MismatchError(f"death is {death!r}", expected=" | ".join(get_args(Death)))
        event, time = event_and_time(y)
        if len(event) != len(samples):
            raise MismatchError(
                f"y has {len(event)} outcomes, X has {len(samples)} samples",
                expected="one outcome per sample",
            )
        endpoint = metastasis_free if death == "event" else time_to_metastasis
        checked = endpoint(time, event, samples=samples)
        return cls(checked.time, event.astype(np.intp), death)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: IntArray | BoolArray) -> SurvivalOutcome:
        return SurvivalOutcome(self.time[rows], self.code[rows], self.death)

    @cached_property
    def event(self) -> IntArray:
        """0 censored, 1 the event, 2 a competing event (only where death competes)."""
        return np.minimum(self.code, EVENT) if self.death == "event" else self.code

    @property
    def happened(self) -> BoolArray:
        """Who had the event."""
        return np.asarray(self.event == EVENT)

    @property
    def events(self) -> int:
        """How many had the event."""
        return int(self.happened.sum())

    @property
    def deaths(self) -> int:
        """How many died without the event, whatever that counts as."""
        return int((self.code == COMPETING).sum())

    @property
    def competing(self) -> int:
        """How many had a competing event."""
        return int((self.event == COMPETING).sum())

    @cached_property
    def rows(self) -> dict[str, Any]:
        """What Cox regression takes: rows of the subdistribution where something competes."""
        if not self.competing:
            return {"time": self.time, "event": self.event}
        return subdistribution_rows(self.time, self.event)._asdict()

    def risk_sets(self) -> RiskSets:
        """Return who was at risk at each event."""
        rows = self.rows
        return RiskSets.of(
            rows["time"],
            rows["event"],
            start=rows.get("start"),
            weights=rows.get("weights"),
            sample=rows.get("sample"),
            n_samples=len(self),
        )

    def residuals(self) -> FloatArray:
        """Return martingale residuals of the model without predictors."""
        return self.risk_sets().score(np.zeros(len(self)))

    def by(self, horizon: float) -> FloatArray:
        """Return 1 for an event by a horizon, 0 for none, NaN for who was censored before.

        Who had the competing event by then is known not to have the event.
        """
        status = np.where(self.time >= horizon, 0.0, np.nan)
        status[(self.time <= horizon) & (self.event == COMPETING)] = 0.0
        status[(self.time <= horizon) & self.happened] = 1.0
        return status


def event_and_time(y: Any) -> tuple[FloatArray, FloatArray]:
    """Take follow-up apart, whatever it comes in.

    Parameters
    ----------
    y : structured array, DataFrame, array of two columns, or tuple of two arrays
        Fields or columns named ``event`` and ``time``; without names the event is first.

    Raises
    ------
    MismatchError
        If it is something else, or holds text.
    """
    parts = _named(y) or _in_order(y)
    event, time = (_numbers(part, name) for part, name in zip(parts, FIELDS, strict=True))
    if event.shape != time.shape or event.ndim != 1:
        raise MismatchError(
            f"event has the shape {event.shape}, time {time.shape}",
            where="y",
            expected="an event code and a time for each sample",
        )
    if np.isin(time, CODES).all() and not np.isin(event, CODES).all():
        raise MismatchError(
            "event holds times, and time holds codes", where="y", expected="event first, then time"
        )
    return event, time


def _named(y: Any) -> tuple[Any, Any] | None:
    if isinstance(y, pd.DataFrame):
        names = list(map(str, y.columns))
    else:
        names = list((y.dtype.names or ()) if isinstance(y, np.ndarray) else ())
    if not names:
        return None
    if set(FIELDS) <= set(names):
        return y["event"], y["time"]
    if isinstance(y, np.ndarray) and len(names) == len(FIELDS):  # as scikit-survival has it
        return y[names[0]], y[names[1]]
    raise MismatchError(
        f"y has the columns {', '.join(names)}", expected="columns (or fields) event and time"
    )


def _in_order(y: Any) -> tuple[Any, Any]:
    if isinstance(y, tuple) and len(y) == 2:
        return y[0], y[1]
    table = np.asarray(y, dtype=object) if y is not None else np.empty(0)
    if table.ndim != 2 or table.shape[1] != 2:
        what = "None" if y is None else f"of the shape {table.shape}"
        raise MismatchError(
            f"y is {what}",
            expected="event and time of each sample: a structured array or DataFrame with these "
            "names, two columns in this order, or a tuple (event, time)",
        )
    return table[:, 0], table[:, 1]


def _numbers(values: Any, name: str) -> FloatArray:
    """Return numbers; text is refused even where it looks like numbers."""
    array = np.asarray(values)
    if array.dtype.kind in "OSU":
        cells = array.astype(object).ravel().tolist()
        text = next((cell for cell in cells if isinstance(cell, str | bytes)), None)
        if text is not None:
            raise MismatchError(
                f"{name} holds {text!r}",
                where="y",
                expected="event codes 0 (censored), 1 (event), 2 (death without it), and times"
                if name == "event"
                else "numbers",
                remedy="turn text into numbers",
            )
    if array.dtype.kind not in "biufO":
        raise MismatchError(f"{name} holds {array.dtype}", where="y", expected="numbers")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MismatchError(f"{name} is not numeric: {error}", where="y") from None
