"""PanelScorer is a scikit-learn transformer in every way that scikit-learn checks."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import mirrisk
from mirrisk import MirriskError, MirriskWarning, PanelScorer, Reference
from mirrisk.catalog import load_panels

MIRNAS = ["hsa-miR-486-5p", "hsa-miR-21-5p", "hsa-miR-106a-5p", "hsa-miR-192-5p"]


def mirna_names(count: int) -> list[str]:
    """The panels' miRNAs first, then others: however many columns a check brings."""
    return (MIRNAS + [f"hsa-miR-{9000 + i}-5p" for i in range(count)])[:count]


def standard_reference() -> Reference:
    values = np.random.default_rng(0).normal(size=(200, 4))
    return Reference.fit(
        values,
        unit="log2",
        name="standard normal",
        feature_names=MIRNAS,
        panels=load_panels(["thyroid", "lung"]),
    )


@pytest.fixture(autouse=True)
def _few_samples_are_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        yield


@parametrize_with_checks(
    [
        PanelScorer(["thyroid", "lung"], unit="log2", feature_names=mirna_names, accept_small=True),
        PanelScorer(
            ["thyroid", "lung"], standard_reference(), unit="log2", feature_names=mirna_names
        ),
    ]
)
def test_scikit_learn_common_checks(estimator, check):
    check(estimator)
