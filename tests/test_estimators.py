"""PanelScorer is a scikit-learn transformer in every way that scikit-learn checks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, log2_table
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import mirrisk
from mirrisk import MirriskError, MirriskWarning, PanelScorer, Reference
from mirrisk.catalog import load_panels

MIRNAS = ["hsa-miR-486-5p", "hsa-miR-21-5p", "hsa-miR-106a-5p", "hsa-miR-192-5p"]


@dataclass(frozen=True)
class MirnaNames:
    """The panels' miRNAs first, then others: however many columns a check brings.

    (A plain function would put its address into the names of the tests.)
    """

    def __call__(self, count: int) -> list[str]:
        return (MIRNAS + [f"hsa-miR-{9000 + i}-5p" for i in range(count)])[:count]


mirna_names = MirnaNames()


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


# -- as a transformer of expression tables -----------------------------------------------------

TABLE = log2_table(80, seed=2, names=[*MIRNAS, "hsa-miR-210-3p"], others=60)
PANELS = ["thyroid", "lung"]


def scores_by_panel(table: pd.DataFrame, reference: Reference | str, unit: str) -> np.ndarray:
    found = mirrisk.score(table, panel=PANELS, reference=reference, unit=unit).scores
    return found["score"].to_numpy().reshape(len(table), len(PANELS))


def test_transform_is_what_score_gives_to_the_last_bit():
    scorer = PanelScorer(PANELS, unit="log2").fit(TABLE)
    np.testing.assert_array_equal(
        scorer.transform(TABLE), scores_by_panel(TABLE, scorer.reference_, "log2")
    )
    np.testing.assert_array_equal(scorer.transform(TABLE), scores_by_panel(TABLE, "cohort", "log2"))


def test_transform_with_a_shipped_reference_is_what_score_gives():
    counts = counts_like("tcga-thca", 6, seed=2)
    counts.loc["s3"] = 0
    scorer = PanelScorer("thyroid", "tcga-thca").fit(counts)
    assert scorer.unit_ == "counts"
    expected = mirrisk.score(counts, panel="thyroid", reference="tcga-thca", unit="counts").scores
    found = scorer.transform(counts)[:, 0]
    np.testing.assert_array_equal(found, expected["score"])
    assert np.isnan(found).tolist() == [False, False, False, True, False, False]


def test_array_with_feature_names_gives_what_a_frame_gives():
    by_frame = PanelScorer(PANELS, unit="log2").fit(TABLE)
    by_array = PanelScorer(PANELS, unit="log2", feature_names=list(TABLE)).fit(TABLE.to_numpy())
    np.testing.assert_array_equal(by_array.transform(TABLE.to_numpy()), by_frame.transform(TABLE))


def test_clinical_columns_of_numbers_have_no_say():
    clinical = TABLE.assign(age=61.0, psa=np.linspace(0, 1e6, len(TABLE)))
    np.testing.assert_array_equal(
        PanelScorer(PANELS, unit="log2").fit_transform(clinical),
        PanelScorer(PANELS, unit="log2").fit_transform(TABLE),
    )


def test_cohort_reference_is_learned_in_fit_and_only_applied_in_transform():
    train, test = TABLE.iloc[:50], TABLE.iloc[50:]
    scorer = PanelScorer(PANELS, unit="log2").fit(train)
    assert scorer.reference_.n == 50
    assert scorer.reference_.name == "cohort (n=50)"
    digest = scorer.reference_.digest
    together = scorer.transform(test)
    for i in range(len(test)):  # whoever else is in the table
        np.testing.assert_array_equal(scorer.transform(test.iloc[[i]]), together[[i]])
    assert scorer.reference_.digest == digest
    lower = test.assign(**{"hsa-miR-486-5p": test["hsa-miR-486-5p"] - 0.5})
    assert (scorer.transform(lower)[:, 0] > together[:, 0]).mean() > 0.9  # low is risk
    refitted = PanelScorer(PANELS, unit="log2").fit(test)
    assert refitted.reference_.digest != digest


def test_transform_does_not_change_its_input():
    table = TABLE.copy()
    PanelScorer(PANELS, unit="log2").fit(table).transform(table)
    pd.testing.assert_frame_equal(table, TABLE)


def test_columns_are_named_after_the_panels():
    scorer = PanelScorer(PANELS, unit="log2").fit(TABLE)
    assert scorer.get_feature_names_out().tolist() == PANELS
    assert [panel.id for panel in scorer.panels_] == PANELS


def test_set_output_pandas_gives_a_frame_with_the_samples():
    scorer = PanelScorer(PANELS, unit="log2").set_output(transform="pandas").fit(TABLE)
    frame = scorer.transform(TABLE)
    assert list(frame) == PANELS
    assert list(frame.index) == list(TABLE.index)
    plain = clone(scorer).set_output(transform="default").fit(TABLE).transform(TABLE)
    np.testing.assert_array_equal(frame.to_numpy(), plain)


def test_clone_keeps_the_parameters_and_nothing_learned():
    scorer = PanelScorer(PANELS, standard_reference(), unit="log2", min_coverage=0.25).fit(TABLE)
    copy = clone(scorer)
    assert copy.get_params() | {"reference": None} == scorer.get_params() | {"reference": None}
    assert copy.reference.digest == scorer.reference.digest
    assert not hasattr(copy, "reference_")
    with pytest.raises(NotFittedError):
        copy.transform(TABLE)


def cohort_with_outcome() -> tuple[pd.DataFrame, np.ndarray]:
    """A hundred samples; those of the outcome have less miR-486-5p: by far, so AUC is 1."""
    table = log2_table(100, seed=3, names=MIRNAS, others=10)
    outcome = np.arange(100) % 2
    table["hsa-miR-486-5p"] = np.random.default_rng(3).normal(size=100) * 0.1 - 5 * outcome
    return table, outcome


def test_pipeline_under_cross_validation_finds_a_strong_marker():
    table, outcome = cohort_with_outcome()
    model = make_pipeline(PanelScorer("thyroid", unit="log2"), LogisticRegression())
    auc = cross_val_score(model, table, outcome, cv=5, scoring="roc_auc", error_score="raise")
    np.testing.assert_array_equal(auc, np.ones(5))


def test_every_fold_has_a_reference_of_its_training_samples():
    table, outcome = cohort_with_outcome()
    model = make_pipeline(PanelScorer("thyroid", unit="log2"), LogisticRegression())
    folds = cross_validate(model, table, outcome, cv=5, return_estimator=True)["estimator"]
    assert [fold[0].reference_.n for fold in folds] == [80] * 5
    assert len({fold[0].reference_.digest for fold in folds}) == 5


def test_samples_that_are_not_scored_are_missing_and_can_be_imputed():
    table, outcome = cohort_with_outcome()
    table.loc[table.index[::10], "hsa-miR-486-5p"] = np.nan
    model = make_pipeline(
        PanelScorer("thyroid", unit="log2"), SimpleImputer(), LogisticRegression()
    )
    auc = cross_val_score(model, table, outcome, cv=5, scoring="roc_auc", error_score="raise")
    assert (auc > 0.9).all()
    assert auc.mean() < 1


def test_grid_search_goes_over_panels():
    table, outcome = cohort_with_outcome()
    model = make_pipeline(PanelScorer("lung", unit="log2"), SimpleImputer(), LogisticRegression())
    search = GridSearchCV(model, {"panelscorer__panel": ["lung", "thyroid"]}, cv=3)
    assert search.fit(table, outcome).best_params_ == {"panelscorer__panel": "thyroid"}


def test_other_columns_than_in_fit_are_refused():
    scorer = PanelScorer(PANELS, unit="log2").fit(TABLE)
    with pytest.raises(ValueError, match="feature names should match"):
        scorer.transform(TABLE.iloc[:, ::-1])


def test_columns_without_names_are_refused_with_the_remedy():
    with pytest.raises(MirriskError, match="no feature_names for 65 columns") as caught:
        PanelScorer(PANELS, unit="log2").fit(TABLE.to_numpy())
    assert "DataFrame" in caught.value.remedy


def test_table_without_a_mirna_is_refused():
    genes = TABLE.set_axis([f"gene {i}" for i in range(TABLE.shape[1])], axis=1)
    with pytest.raises(MirriskError, match="no column denotes a human miRNA"):
        PanelScorer(PANELS, unit="log2").fit(genes)


def test_unit_that_is_not_clear_is_asked_for():
    with pytest.raises(MirriskError, match="the unit of the table is not clear"):
        PanelScorer(PANELS).fit(TABLE)


def test_reference_of_another_cancer_is_refused_in_fit():
    counts = counts_like("tcga-thca", 3, seed=2)
    with pytest.raises(MirriskError, match="panel 'lung' is for lung"):
        PanelScorer("lung", "tcga-thca").fit(counts)


def test_few_samples_make_a_reference_only_when_asked():
    with pytest.raises(MirriskError, match="n_samples = 19"):
        PanelScorer(PANELS, unit="log2").fit(TABLE.iloc[:19])
    scorer = PanelScorer(PANELS, unit="log2", accept_small=True).fit(TABLE.iloc[:19])
    assert scorer.reference_.n == 19
