"""The closed test on a cohort, and the panel that its choice makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.closed_test import ClosedTest, closed_test
from mirrisk.fitting.updating import cutoffs as cutoffs_of
from mirrisk.model import Link

if TYPE_CHECKING:
    from mirrisk.fitting.updating.cohort import UpdateCohort
    from mirrisk.model import Cutoffs, FittedPanel
    from mirrisk.vocabulary import FloatArray

WITHOUT_ORIGINAL = ("logistic recalibration", "revision")

EVENTS_PER_COEFFICIENT = 10
"""Below it, of events or non-events whichever are fewer, nothing is revised: the rule of thumb, and
about where the test comes near its level (``tools/measure_fitting.py closed_test``)."""


def choose(
    cohort: UpdateCohort, alpha: float, *, of_log_odds: bool
) -> tuple[ClosedTest, tuple[str, ...]]:
    """Test as far as the cohort allows, and say where that is not as far as revision.

    Parameters
    ----------
    cohort : UpdateCohort
    alpha : float
    of_log_odds : bool
        False for a score, of which neither the original nor recalibration in the large exist.

    Raises
    ------
    MismatchError
        If not even the recalibration can be fitted.
    """
    told = _too_few(cohort)
    if not told:
        try:
            test = closed_test(cohort.log_odds, cohort.X[:, cohort.estimable], cohort.y, alpha)
        except MismatchError as error:
            told = error.what
    if told:
        # What troubles the recalibration, too, is raised here.
        test = closed_test(cohort.log_odds, None, cohort.y, alpha)
    notes = (f"No revision ({told}): the test ends at logistic recalibration.",) if told else ()
    return (test if of_log_odds else _without_original(test)), notes


def _too_few(cohort: UpdateCohort) -> str:
    """Say where a revision would rest on too few events or non-events; "" where it would not.

    The likelihood ratio tests hold for large cohorts. With few events for each coefficient that
    is revised they reject a model that holds far too often.
    """
    events, count = int(cohort.y.sum()), int(cohort.estimable.sum())
    least = min(events, len(cohort.y) - events)
    # The revision of a single predictor is its recalibration.
    if count < 2 or least >= EVENTS_PER_COEFFICIENT * count:
        return ""
    what = "events" if least == events else "non-events"
    return (
        f"{least} {what} for {count} coefficients, where {EVENTS_PER_COEFFICIENT} each are the "
        "least"
    )


def _without_original(test: ClosedTest) -> ClosedTest:
    fits = tuple(fit for fit in test.fits if fit.update in WITHOUT_ORIGINAL)
    tests = tuple(each for each in test.tests if each.null in WITHOUT_ORIGINAL)
    held = (each.null for each in tests if each.p_value >= test.alpha)
    return replace(test, fits=fits, tests=tests, chosen=next(held, fits[-1].update))


def apply(
    panel: FittedPanel, cohort: UpdateCohort, test: ClosedTest, *, keep_cutoffs: bool
) -> tuple[FittedPanel, FloatArray | None]:
    """Return the panel with the chosen update, and out-of-fold linear predictors of a revision.

    Parameters
    ----------
    panel : FittedPanel
        The one before.
    cohort : UpdateCohort
    test : ClosedTest
    keep_cutoffs : bool
        Whether it has cutoffs to be kept as long as its coefficients are.
    """
    if test.chosen == "revision":
        return _revised(panel, cohort, test)
    if test.chosen == "original":
        return replace(panel, cutoffs=cutoffs_of.kept(panel.cutoffs, cohort.eta, cohort.y)), None
    shift, factor = (*test.coefficients, 1.0)[:2]
    intercept = shift + factor * panel.link.intercept
    # The slope becomes part of the coefficients: what a panel says of them is what counts.
    slope = factor * panel.link.slope
    if keep_cutoffs and slope > 0:
        found = cutoffs_of.kept(panel.cutoffs, cohort.eta, cohort.y, slope)
    else:
        # Of a risk that falls with the linear predictor the flags would be the wrong way round.
        found = cutoffs_of.chosen_anew(slope * cohort.eta, cohort.y, "in the cohort of the update")
    features = list(range(len(panel.coefficients)))
    return _with_coefficients(panel, features, slope * panel.coefficients, intercept, found), None


def _revised(
    panel: FittedPanel, cohort: UpdateCohort, test: ClosedTest
) -> tuple[FittedPanel, FloatArray | None]:
    """Return the panel with new coefficients; what the cohort cannot speak for leaves it."""
    intercept, coefficients = test.coefficients[0], np.array(test.coefficients[1:])
    kept = np.flatnonzero(cohort.estimable)
    centred = (cohort.X - cohort.mean)[:, kept]
    unseen = cutoffs_of.out_of_fold(centred, cohort.y)
    eta, where = (
        (centred @ coefficients, "in the very samples of the revision")
        if unseen is None
        else (unseen, "out of fold in the cohort of the update")
    )
    found = cutoffs_of.chosen_anew(eta, cohort.y, where)
    intercept += float(coefficients @ cohort.mean[kept])
    features = [cohort.features[j] for j in kept]
    return _with_coefficients(panel, features, coefficients, intercept, found), unseen


def _with_coefficients(
    panel: FittedPanel,
    features: list[int],
    coefficients: FloatArray,
    intercept: float,
    cutoffs: Cutoffs,
) -> FittedPanel:
    """Return a panel of some of the features, with other coefficients."""
    count = len(panel.terms)
    new = dict(zip(features, coefficients.tolist(), strict=True))
    terms = tuple(
        replace(term, coefficient=new[j]) for j, term in enumerate(panel.terms) if j in new
    )
    covariates = tuple(
        replace(covariate, coefficient=new[j])
        for j, covariate in enumerate(panel.covariates, start=count)
        if j in new
    )
    whole = len(terms) == count
    return replace(
        panel,
        reference=panel.reference if whole else panel.reference.restricted([t.key for t in terms]),
        terms=terms,
        covariates=covariates,
        mean=panel.mean[features],
        covariance=panel.covariance[np.ix_(features, features)],
        link=Link("logistic", intercept=intercept),
        cutoffs=cutoffs,
    )
