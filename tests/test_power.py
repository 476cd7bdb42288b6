"""How many patients an interval of a width needs: by formula, and by simulation for a panel."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from mirrisk.errors import InvalidReferenceError, MirriskError, MismatchError
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.power import PanelSampleSize, samples_for_auc, samples_for_panel
from mirrisk.reference import Reference
from mirrisk.validation.discrimination import auc_interval

if TYPE_CHECKING:
    from pathlib import Path

Z = NormalDist().inv_cdf(0.975)


# -- by formula -------------------------------------------------------------------------------


def test_hanley_mcneil_is_the_documented_example_of_presize() -> None:
    """prec_auc(.65, .1, n = 500): 0.5639623 to 0.7360377, width 0.1720755, and back to 500."""
    found = samples_for_auc(0.65, 0.1720755, 0.1, method="Hanley-McNeil")
    assert (found.n, found.events) == (500, 50)
    assert (found.low, found.high) == pytest.approx((0.5639623, 0.7360377), abs=5e-8)


def test_hanley_mcneil_is_the_solution_of_its_quadratic_equation() -> None:
    # Q1 = 0.8 / 1.2, Q2 = 1.28 / 1.8, by hand; 80 events in 200.
    q1, q2 = 0.8 / 1.2 - 0.64, 1.28 / 1.8 - 0.64
    width = 2 * Z * math.sqrt((0.16 + 79 * q1 + 119 * q2) / (80 * 120))
    assert samples_for_auc(0.8, width, 0.4, method="Hanley-McNeil").n == 200
    assert samples_for_auc(0.8, width * 0.999, 0.4, method="Hanley-McNeil").n == 201


def test_obuchowski_has_the_variance_of_proc(root: Path) -> None:
    """The cases that pROC's power calculation gives (reference/auc_power.R) tell it."""
    text = (root / "tests" / "reference" / "auc_power.txt").read_text(encoding="utf-8")
    for line in text.splitlines()[2:]:
        auc, kappa, power, cases = map(float, line.split("\t"))
        null = Z * math.sqrt(0.0792 * (1 + 1 / kappa))
        per_case = ((math.sqrt(cases) * (auc - 0.5) - null) / norm.ppf(power)) ** 2
        # 1,000 cases and kappa times as many others.
        n = 1000 * (1 + kappa)
        width = 2 * Z * math.sqrt(per_case / 1000)
        found = samples_for_auc(auc, width, 1 / (1 + kappa), method="Obuchowski")
        assert found.n == pytest.approx(n, rel=1e-3)


def test_binormal_variance_is_that_of_two_normal_distributions() -> None:
    """Bamber's variance with its probability integrated: an event is above two non-events."""
    auc, events, others = 0.85, 60, 140
    distance = math.sqrt(2) * norm.ppf(auc)
    both = quad(lambda x: norm.cdf(x) ** 2 * norm.pdf(x - distance), -10, 12)[0] - auc**2
    variance = (auc * (1 - auc) + (events + others - 2) * both) / (events * others)
    found = samples_for_auc(auc, 2 * Z * math.sqrt(variance), events / (events + others))
    assert (found.n, found.events) == (200, 60)


def test_narrower_intervals_and_surer_ones_need_more() -> None:
    n = samples_for_auc(0.75, 0.1, 0.3).n
    assert samples_for_auc(0.75, 0.05, 0.3).n == pytest.approx(4 * n, rel=0.01)
    assert samples_for_auc(0.75, 0.1, 0.3, level=0.99).n > 1.6 * n


def test_answer_in_words() -> None:
    assert str(samples_for_auc(0.75, 0.1, 0.3, method="Hanley-McNeil")) == (
        "495 samples, 148 of them with the event, show an AUC of 0.75 with a 95% interval of "
        "width 0.1 (0.700 to 0.800; Hanley-McNeil)."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auc": 0.5}, "auc is 0.5"),
        ({"auc": 1.0}, "auc is 1.0"),
        ({"width": 0.0}, "width is 0.0"),
        ({"prevalence": 1.0}, "prevalence is 1.0"),
        ({"level": 95}, "level is 95"),
        ({"method": "Wald"}, "method is 'Wald'"),
        ({"width": 1e-6}, "more than 1,000,000 samples"),
    ],
)
def test_questions_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        samples_for_auc(**{"auc": 0.75, "width": 0.1, "prevalence": 0.3} | change)


# -- by simulation ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> PanelSampleSize:
    return samples_for_panel("prostate", 0.75, 0.2, 0.3, reference="tcga-prad", cohorts=100, seed=1)


def test_share_of_cohorts_asked_for_reaches_the_width(found: PanelSampleSize) -> None:
    # The share of 100 cohorts above it can exceed 0.8 by a few that are added with one sample.
    assert 0.8 <= found.reached <= 0.88
    assert found.widths.shape == found.aucs.shape == (100,)
    assert found.events == round(0.3 * found.n)


def test_simulated_cohorts_have_the_auc_asked_for(found: PanelSampleSize) -> None:
    error = found.aucs.std() / 10
    assert found.aucs.mean() == pytest.approx(0.75, abs=3 * error)
    # DeLong's variance in the formula's cohort is what the estimates scatter by.
    expected = (found.by_formula.high - found.by_formula.low) / (2 * Z)
    assert found.aucs.std() == pytest.approx(
        expected * math.sqrt(found.by_formula.n / found.n), rel=0.25
    )


def test_assurance_costs_more_than_the_mean_which_is_near_the_formula(
    found: PanelSampleSize,
) -> None:
    mean = samples_for_panel(
        "prostate",
        0.75,
        0.2,
        0.3,
        reference="tcga-prad",
        cohorts=100,
        seed=1,
        assurance=None,
        method="DeLong",
    )
    assert mean.n == pytest.approx(mean.by_formula.n, rel=0.08)
    assert mean.n < found.n
    assert mean.widths.mean() <= 0.2


def test_widths_are_those_of_auc_interval(found: PanelSampleSize) -> None:
    """An interval of two normal distributions in a cohort of n, by the function for one cohort."""
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [found.events, found.n - found.events])
    distance = math.sqrt(2) * norm.ppf(0.75)
    intervals = [auc_interval(y, rng.standard_normal(len(y)) + distance * y) for _ in range(100)]
    widths = [each.high - each.low for each in intervals]
    assert found.widths.mean() == pytest.approx(np.mean(widths), rel=0.04)


def test_one_seed_one_answer(found: PanelSampleSize) -> None:
    again = samples_for_panel(
        "prostate", 0.75, 0.2, 0.3, reference="tcga-prad", cohorts=100, seed=1
    )
    assert str(again) == str(found)
    assert "in 80% of cohorts" in str(found)
    assert "By formula: 107 samples" in str(found)


def sparse_panel(*covariates: Covariate) -> FittedPanel:
    keys = ("hsa-mir-21", "hsa-mir-145", "hsa-mir-203a")
    reference = Reference.load("tcga-prad").restricted(keys)
    k = len(keys) + len(covariates)
    covariance = np.eye(k)
    covariance[:3, :3] = reference.covariance
    return FittedPanel(
        id="sparse",
        version="1.0.0",
        title="A panel of a test",
        cancer="prostate",
        endpoint="bone metastasis",
        caveats=(),
        reference=reference,
        terms=tuple(Term(key, key, b) for key, b in zip(keys, (0.5, -0.4, -0.7), strict=True)),
        covariates=covariates,
        mean=np.append(reference.mean, np.zeros(len(covariates))),
        covariance=covariance,
        link=Link("logistic", intercept=-1.0),
        cutoffs=Cutoffs(-0.5, 0.5, "low", "high"),
    )


def test_fitted_panel_is_simulated_on_its_own_reference() -> None:
    found = samples_for_panel(sparse_panel(), 0.8, 0.25, 0.4, cohorts=50, seed=2, assurance=None)
    assert found.reference == "tcga-prad"
    assert found.n == pytest.approx(samples_for_auc(0.8, 0.25, 0.4).n, rel=0.2)
    assert found.enrolled >= found.n


def test_auc_that_no_simulated_patients_can_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 100 with and 100 without the event one pair more makes 0.0001."""
    monkeypatch.setattr("mirrisk.power.panel.POOL", 100)
    monkeypatch.setattr("mirrisk.power.panel.CLOSE", 1e-6)
    with pytest.raises(MismatchError, match="no shift was found"):
        samples_for_panel("prostate", 0.99999, 0.2, 0.3, reference="tcga-prad", seed=1)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"reference": None}, InvalidReferenceError, "no reference for panel 'prostate'"),
        ({"panel": sparse_panel}, MismatchError, "brings its own"),
        (
            {
                "panel": lambda: sparse_panel(Covariate("age", 0.5, 60.0, 10.0)),
                "reference": None,
            },
            MismatchError,
            "needs age, which cannot be simulated",
        ),
        ({"assurance": 1.5}, MismatchError, "assurance is 1.5"),
        ({"cohorts": 1}, MismatchError, "cohorts is 1"),
        ({"auc": 0.4}, MismatchError, "auc is 0.4"),
        ({"panel": "lung"}, MirriskError, "is for lung"),
        ({"width": 0.005}, MismatchError, "more than 20,000 samples"),
    ],
    ids=["reference", "own", "covariates", "assurance", "cohorts", "auc", "cancer", "narrow"],
)
def test_panels_that_cannot_be_asked_about_are_refused(
    change: dict[str, Any], kind: type[MirriskError], message: str
) -> None:
    asked: dict[str, Any] = {
        "panel": "prostate",
        "auc": 0.75,
        "width": 0.2,
        "prevalence": 0.3,
        "reference": "tcga-prad",
        "cohorts": 2,
        "seed": 1,
    } | change
    if callable(asked["panel"]):
        asked["panel"] = asked["panel"]()
    with pytest.raises(kind, match=message):
        samples_for_panel(**asked)
