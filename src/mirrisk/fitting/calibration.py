"""From linear predictors of samples that a fit had not seen: probabilities and cutoffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import expit, logit

from mirrisk.errors import MismatchError
from mirrisk.validation.interval import Proportion, clopper_pearson

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

NEWTON_STEPS = 100
CONVERGED = 1e-12


class Calibration(NamedTuple):
    """Log odds are ``intercept + slope * eta``."""

    intercept: float
    slope: float


class ChosenCutoffs(NamedTuple):
    """Cutoffs on the linear predictor, and what they achieve.

    Attributes
    ----------
    low, high : float
        A sample is low at or below the first, high at or above the second.
    sensitivity : Proportion
        Share of the events that are not low. The limits (Clopper and Pearson's) take the cutoff
        as given; it was chosen on the predictors that it is judged on here, so that they are too
        narrow, and the share on its target almost by construction.
    specificity : Proportion
        Share of the non-events that are not high.
    merged : bool
        Whether the two targets crossed, so that both cutoffs are their midpoint.
    """

    low: float
    high: float
    sensitivity: Proportion
    specificity: Proportion
    merged: bool


def calibrate(eta: FloatArray, y: FloatArray, weights: FloatArray | None = None) -> Calibration:
    """Fit Platt's logistic calibration with a slope that is not negative.

    The targets are Platt's, ``(n1 + 1) / (n1 + 2)`` and ``1 / (n0 + 2)``, so that predictors that
    separate the classes still get a finite slope.

    Parameters
    ----------
    eta : ndarray of shape (n,)
        Linear predictors, each of a model that had not seen its sample.
    y : ndarray of shape (n,)
        0 and 1.
    weights : ndarray of shape (n,), optional
        Of predictors, where a sample has several; its weights add up to 1.

    References
    ----------
    Platt J. Probabilistic outputs for support vector machines. Advances in Large Margin
    Classifiers, 1999. Newton's method: Lin HT, Lin CJ, Weng RC. Machine Learning
    2007;68:267-276. doi:10.1007/s10994-007-5018-6
    """
    w = np.ones(len(eta)) if weights is None else weights
    events, others = float(w @ (y == 1)), float(w @ (y == 0))
    target = np.where(y == 1, (events + 1) / (events + 2), 1 / (others + 2))
    flat = Calibration(float(logit(w @ target / w.sum())), 0.0)
    spread = float(eta.std())
    if spread == 0 or _slope_at(flat, eta, target, w) <= 0:
        return flat
    # On a unit scale, and down the steepest way until the loss falls: it is convex.
    x = eta / spread
    design = np.column_stack([np.ones(len(x)), x])
    at = np.array([flat.intercept, 0.0])
    for _ in range(NEWTON_STEPS):
        p = expit(design @ at)
        gradient = design.T @ (w * (p - target))
        if np.abs(gradient).max() <= CONVERGED * w.sum():
            break
        hessian = (design * (w * p * (1 - p))[:, None]).T @ design
        step = np.linalg.solve(hessian + CONVERGED * np.eye(2), gradient)
        at = _descend(at, step, design, target, w)
    return Calibration(float(at[0]), float(at[1]) / spread)


def _slope_at(flat: Calibration, eta: FloatArray, target: FloatArray, w: FloatArray) -> float:
    """Return how steeply the likelihood rises with the slope, where that is 0."""
    return float((w * (target - expit(flat.intercept))) @ (eta - eta.mean()))


def _descend(
    at: FloatArray, step: FloatArray, design: FloatArray, target: FloatArray, w: FloatArray
) -> FloatArray:
    """Take a Newton step, halved until the loss does not rise."""

    def loss(place: FloatArray) -> float:
        log_odds = design @ place
        return float(w @ (np.logaddexp(0.0, log_odds) - target * log_odds))

    before = loss(at)
    for _ in range(60):
        if loss(at - step) <= before:
            return at - step
        step = step / 2
    return at


def check_targets(sensitivity: float, specificity: float) -> None:
    """Refuse targets that no cutoff has.

    Raises
    ------
    MismatchError
    """
    for name, target in (("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 < target < 1:
            raise MismatchError(f"{name}={target}", expected="a share above 0 and below 1")


def choose_cutoffs(
    eta: FloatArray, y: FloatArray, *, sensitivity: float = 0.9, specificity: float = 0.9
) -> ChosenCutoffs:
    """Choose the least high cutoff that is specific, and the greatest low one that is sensitive.

    Both are values that occurred. Where they cross, so that a sample could be low and high at
    once, both become their midpoint.

    Parameters
    ----------
    eta : ndarray of shape (n_samples,)
        Out-of-fold linear predictors.
    y : ndarray of shape (n_samples,)
        0 and 1.
    sensitivity, specificity : float
        Targets, above 0 and below 1: the share of events above the low cutoff, and that of
        non-events below the high one.
    """
    check_targets(sensitivity, specificity)
    events, others = np.sort(eta[y == 1]), np.sort(eta[y == 0])
    seen = np.unique(eta)
    # Beyond all values there is always one that reaches the target.
    upward = np.append(seen, np.nextafter(seen[-1], np.inf))
    downward = np.append(seen[::-1], np.nextafter(seen[0], -np.inf))
    below = np.searchsorted(others, upward, side="left") / len(others)
    above = 1 - np.searchsorted(events, downward, side="right") / len(events)
    high = float(upward[np.argmax(below >= specificity - 1e-12)])
    low = float(downward[np.argmax(above >= sensitivity - 1e-12)])
    merged = low > high
    if merged:
        low = high = (low + high) / 2
    return ChosenCutoffs(
        low,
        high,
        sensitivity=clopper_pearson(int((events > low).sum()), len(events)),
        specificity=clopper_pearson(int((others < high).sum()), len(others)),
        merged=merged,
    )
