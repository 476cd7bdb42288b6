"""Figures as plain JSON types and as data frames, without anything of single patients."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.validation.calibration_curve import CalibrationCurve
from mirrisk.validation.discrimination import AucDifference
from mirrisk.validation.estimate import Estimate
from mirrisk.validation.interval import Interval, Proportion

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

CURVE_POINTS = 19
"""Of a calibration curve; its own points are the predicted risks of single patients."""


def plain(value: Any) -> Any:
    """Return a figure as plain JSON types; what is no finite number becomes None."""
    if isinstance(value, CalibrationCurve):
        return _curve(value)
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, Proportion):
            content["estimate"] = plain(value.estimate)
        return content
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def frame(records: Iterable[Any]) -> pd.DataFrame:
    """Return a row per record; an estimate becomes its value and limits."""
    import pandas as pd

    return pd.DataFrame([_row(record) for record in records])


def _row(record: Any) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field in fields(record):
        name, value = field.name, getattr(record, field.name)
        row[name] = value
        if isinstance(value, Interval | Proportion):
            row[name] = value.estimate
        elif isinstance(value, Estimate):
            row[name] = value.value
        elif isinstance(value, AucDifference):
            row[name], row["p_value"] = value.difference, value.p_value
        else:
            continue
        row[f"{name}_low"], row[f"{name}_high"] = value.low, value.high
    return row


def _curve(curve: CalibrationCurve) -> dict[str, Any]:
    predicted, observed = np.array(curve.predicted), np.array(curve.observed)
    at = np.quantile(predicted, np.linspace(0.05, 0.95, CURVE_POINTS))
    return {
        "predicted": at.tolist(),
        "observed": np.interp(at, predicted, observed).tolist(),
        **{name: plain(getattr(curve, name)) for name in ("ici", "e50", "e90", "emax")},
    }
