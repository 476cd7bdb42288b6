"""What all measures refuse, and how they say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mirrisk.errors import MismatchError
from mirrisk.validation.added_value import added_value
from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.cutoffs import at_cutoff, cutoff_for
from mirrisk.validation.discrimination import auc, auc_interval, delong, delong_test
from mirrisk.validation.outcome import (
    binary_outcome,
    check_level,
    finite,
    group_codes,
    probability,
)
from mirrisk.validation.permutation import permutation_test
from mirrisk.validation.roc import average_precision, roc_curve

if TYPE_CHECKING:
    from collections.abc import Callable

Y = [0, 0, 1, 1]
RISK = [0.1, 0.4, 0.3, 0.8]

MEASURES: dict[str, Callable[[Any, Any], object]] = {
    "auc": auc,
    "delong": delong,
    "auc_interval": auc_interval,
    "delong_test, first": lambda y, risk: delong_test(y, risk, RISK),
    "delong_test, second": lambda y, risk: delong_test(Y, RISK, risk, y_b=y),
    "roc_curve": roc_curve,
    "average_precision": average_precision,
    "bootstrap_interval": lambda y, risk: bootstrap_interval(auc, y, risk),
    "permutation_test": permutation_test,
    "cutoff_for": lambda y, risk: cutoff_for(y, risk, sensitivity=0.9),
    "at_cutoff": lambda y, risk: at_cutoff(y, risk, 0.5),
    "added_value": lambda y, risk: added_value(y, risk, risk),
}

REFUSED: dict[str, tuple[Any, Any, str]] = {
    "no events": ([0, 0, 0, 0], RISK, "no sample has the event"),
    "all events": ([1, 1, 1, 1], RISK, "every sample has the event"),
    "missing outcome": ([0, np.nan, 1, 1], RISK, "position 1: y holds nan"),
    "outcome of 2": ([0, 1, 2, 1], RISK, "position 2: y holds 2"),
    "words": (["no", "no", "yes", "yes"], RISK, "y holds something else than numbers"),
    "no samples": ([], [], r"y has the shape \(0,\)"),
    "NaN risk": (Y, [0.1, np.nan, np.nan, 1], "position 1: 2 of 4 values of risk are NaN"),
    "infinite risk": (Y, [0.1, 0.2, 0.3, np.inf], "position 3: 1 of 4 values of risk are inf"),
    "another length": (Y, RISK[:3], "y has 4 samples, risk has 3"),
    "two columns": (Y, [RISK, RISK], r"risk has the shape \(2, 4\)"),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize(("y", "risk", "message"), REFUSED.values(), ids=REFUSED)
def test_measure_refuses(
    measure: Callable[[Any, Any], object], y: Any, risk: Any, message: str
) -> None:
    with pytest.raises(MismatchError, match=message):
        measure(y, risk)


def test_error_names_the_sample_where_pandas_knows_it() -> None:
    risk = pd.Series([0.1, None, 0.3, 0.4], index=list("abcd"), dtype="Float64")
    with pytest.raises(MismatchError, match=r"position 1 \(sample 'b'\)") as refused:
        auc(Y, risk)
    assert "leave out the samples that were not scored" in refused.value.remedy


def test_series_of_other_samples_are_refused() -> None:
    y = pd.Series(Y, index=list("abcd"))
    with pytest.raises(MismatchError, match="indexes of y and risk differ"):
        auc(y, pd.Series(RISK, index=list("abdc")))


def test_series_of_the_same_samples_are_taken() -> None:
    y = pd.Series(Y, index=list("abcd"), dtype="boolean")
    assert auc(y, pd.Series(RISK, index=list("abcd"))) == 0.75


def test_one_class_is_taken_where_it_is_enough() -> None:
    outcome, risk = binary_outcome([0, 0], both_classes=False)
    assert outcome.tolist() == [0, 0]
    assert risk.size == 0


@pytest.mark.parametrize("risk", [[0.1, -0.2, 0.5], [0.1, 55.0, 0.5]])
def test_score_is_no_probability(risk: list[float]) -> None:
    with pytest.raises(MismatchError, match="position 1: 1 of 3 risks are outside 0 to 1"):
        probability(risk)


def test_zero_and_one_are_probabilities() -> None:
    assert probability([0, 1]).tolist() == [0, 1]


def test_measures_of_rank_take_any_risk() -> None:
    assert auc(Y, [-5, 2, 1, 1000]) == auc(Y, RISK)


def test_name_of_the_column_is_in_the_error() -> None:
    with pytest.raises(MismatchError, match="1 of 2 values of time are NaN"):
        finite([1, np.nan], "time")


def test_groups_are_numbered_in_order_of_appearance() -> None:
    assert group_codes(["b", "a", "b"], 3).tolist() == [0, 1, 0]
    assert group_codes(None, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("groups", [["a", "b"], ["a", None, "b"], [1.0, np.nan, 2.0]])
def test_every_sample_needs_a_group(groups: list[Any]) -> None:
    with pytest.raises(MismatchError, match="group"):
        group_codes(groups, 3)


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_level_is_between_0_and_1(level: float) -> None:
    with pytest.raises(MismatchError, match="level is"):
        check_level(level)
