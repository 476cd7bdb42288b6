"""PanelScorer: panel scores as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from mirrisk.errors import InvalidTableError, MismatchError
from mirrisk.expression import (
    Expression,
    check_share,
    index_features,
    infer_unit,
    require_mirnas,
)
from mirrisk.reference import COHORT, Reference
from mirrisk.reference.measuring import check_kind
from mirrisk.result import score_panel
from mirrisk.scoring import MIN_COVERAGE
from mirrisk.signatures import load_signatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import ArrayLike

    from mirrisk.panel import Panel
    from mirrisk.signatures import SignatureLike
    from mirrisk.vocabulary import FloatArray, Specimen, Unit


class PanelScorer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Panel scores of samples, one column per panel.

    ``fit`` learns the reference from the training samples, or takes the one given; ``transform``
    only applies it, so that a pipeline under cross-validation never lets a test sample into its
    own reference.

    Parameters
    ----------
    panel : str, Path, Panel, or several of them
        Ids of shipped panels or signature files.
    reference : "cohort", str, Path or Reference, default "cohort"
        ``"cohort"`` learns it from the samples given to ``fit``.
    unit : {"counts", "cpm", "log2", "ct", "delta_ct"}, optional
        Inferred at ``fit`` where the values leave no doubt.
    specimen : {"tissue", "serum", "ev"}, default "tissue"
    feature_names : sequence of str, or callable, optional
        Names of the columns where X has none: one name per column, or a function that takes the
        number of columns and returns the names.
    min_coverage : float, default 0.5
        Share of a panel's weight that must be measured for a score.
    accept_small : bool, default False
        Learn a reference even from fewer than 20 samples.

    Attributes
    ----------
    reference_ : Reference
    panels_ : tuple of Panel
    unit_ : str
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X has names of its own.

    Notes
    -----
    A sample that is not scored (too little measured, or unlike the reference) is NaN;
    :func:`mirrisk.score` tells why.
    """

    def __init__(
        self,
        panel: SignatureLike | Iterable[SignatureLike],
        reference: Reference | str | Path = COHORT,
        *,
        unit: Unit | None = None,
        specimen: Specimen = "tissue",
        feature_names: Sequence[str] | Callable[[int], Sequence[str]] | None = None,
        min_coverage: float = MIN_COVERAGE,
        accept_small: bool = False,
    ) -> None:
        self.panel = panel
        self.reference = reference
        self.unit = unit
        self.specimen = specimen
        self.feature_names = feature_names
        self.min_coverage = min_coverage
        self.accept_small = accept_small

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the reference from the samples, or take the one given.

        Parameters
        ----------
        X : array or DataFrame of shape (n_samples, n_features)
            Samples in rows; NaN is missing.
        y : ignored

        Raises
        ------
        MirriskError
            When table, panel and reference do not hold together.
        """
        check_share("min_coverage", self.min_coverage)
        values = self._validated(X, reset=True)
        self._names = column_names(self, values.shape[1])
        require_mirnas(index_features(self._names))
        self.panels_ = load_signatures(self.panel)
        self.unit_: Unit = self.unit or infer_unit(values, index_features(self._names).at_level)[0]
        if isinstance(self.reference, Reference):
            self.reference_ = self.reference
        elif str(self.reference) == COHORT:
            self.reference_ = Reference.of_cohort(
                self._expression(values), panels=self.panels_, accept_small=self.accept_small
            )
        else:
            self.reference_ = Reference.load(self.reference)
        # Whatever does not hold together is told now, not at the first sample to be scored.
        check_kind(self.reference_, self._expression(values))
        for panel in self.panels_:
            self.reference_.check_panel(panel)
            self._check_members(panel)
        return self

    def _check_members(self, panel: Panel) -> None:
        try:
            self.reference_.lay(panel, index_features(self._names))
        except MismatchError as error:
            # scikit-learn's checks want the number of columns where they are too few.
            raise MismatchError(
                error.what,
                where=f"X of n_features = {len(self._names)}",
                expected=error.expected,
                remedy=error.remedy,
            ) from None

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return scores.

        Parameters
        ----------
        X : array or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_panels)
            About N(0, 1) in the reference; NaN where a sample was not scored.
        """
        check_is_fitted(self)
        measured = self.reference_.measure(self._expression(self._validated(X, reset=False)))
        scores = [
            score_panel(panel, self.reference_, measured, min_coverage=self.min_coverage).score
            for panel in self.panels_
        ]
        return np.column_stack(scores)

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """Return the panels' ids, as an ndarray of shape (n_panels,)."""
        check_is_fitted(self)
        return np.array([panel.id for panel in self.panels_], dtype=object)

    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        checked = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", order="C"
        )
        return cast("FloatArray", checked)

    def _expression(self, values: FloatArray) -> Expression:
        samples = tuple(map(str, range(len(values))))
        index = index_features(self._names)
        return Expression(values, samples, index, self.unit_, self.specimen)

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that NaN is allowed and that nothing random happens."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def column_names(estimator: Any, count: int) -> tuple[str, ...]:
    """Return the names of an estimator's columns: X's own, else those of ``feature_names``.

    Parameters
    ----------
    estimator
        That was told X by scikit-learn's ``validate_data``.
    count : int
        Of the columns.

    Raises
    ------
    InvalidTableError
        If X and the estimator both name them, neither does, or their number differs.
    """
    own = getattr(estimator, "feature_names_in_", None)
    names = estimator.feature_names
    if own is not None and names is not None:
        raise InvalidTableError(
            "feature_names given for an X with column names of its own",
            remedy="leave feature_names out, or give X as an array",
        )
    if own is not None:
        return tuple(map(str, own))
    if callable(names):
        names = names(count)
    if names is None or len(names) != count:
        given = "no feature_names" if names is None else f"{len(names)} feature_names"
        raise InvalidTableError(
            f"{given} for {count} columns without names",
            expected="one name per column",
            remedy=f"give {type(estimator).__name__} feature_names, or X as a DataFrame",
        )
    return tuple(map(str, names))
