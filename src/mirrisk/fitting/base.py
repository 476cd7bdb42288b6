"""What estimators of panels have in common: reading X, the curated panel, applying, exporting."""

from __future__ import annotations

import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from mirrisk.errors import InvalidTableError, MirriskWarning, MismatchError, NotFoundError
from mirrisk.estimators import column_names
from mirrisk.expression import Expression, index_features, infer_unit, require_mirnas
from mirrisk.fitting.cohort import Cohort, in_order, refuse_repeats, require_numbers
from mirrisk.fitting.settings import Settings
from mirrisk.model import FittedPanel, check_identity
from mirrisk.panel import PANEL_ID, VERSION
from mirrisk.result import score_panel
from mirrisk.signatures import load_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mirrisk.fitting.directions import Directions
    from mirrisk.fitting.report import Summary
    from mirrisk.fitting.tuning import Rule
    from mirrisk.panel import Panel
    from mirrisk.signatures import SignatureLike
    from mirrisk.vocabulary import FloatArray, IntArray, Specimen, Unit


class PanelEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator that fits a panel; its parameters are those that all of them have."""

    panel: SignatureLike | None
    candidates: str | Sequence[str]
    directions: Directions
    covariates: Sequence[str]
    unit: Unit | None
    specimen: Specimen | None
    cancer: str | None
    feature_names: Sequence[str] | Callable[[int], Sequence[str]] | None
    mixings: Sequence[float]
    n_penalties: int
    min_ratio: float
    mixing: float | None
    penalty: float | None
    folds: int
    repeats: int
    rule: Rule
    sensitivity: float
    specificity: float
    stability: int
    audit: bool
    accept_small: bool
    quiet: bool
    n_jobs: int
    random_state: Any
    panel_: FittedPanel | None
    summary_: Summary

    # -- reading ----------------------------------------------------------------------------

    def _training(
        self, X: Any, clinical: pd.DataFrame | None, y: Any, groups: Any
    ) -> tuple[Cohort, IntArray | None]:
        """Take X for a cohort to learn from, beside the number of each sample's patient.

        Raises
        ------
        MismatchError
            If outcomes or groups are named otherwise than the samples, or a sample occurs twice
            and nobody says whose it is.
        """
        cohort = self._cohort(X, clinical, reset=True)
        in_order(y, X, "y")
        in_order(groups, X, "groups")
        if groups is None:
            refuse_repeats(X)
        return cohort, patient_numbers(groups, len(cohort))

    def _cohort(self, X: Any, clinical: pd.DataFrame | None, *, reset: bool) -> Cohort:
        """Take X for a cohort; ``reset`` remembers its columns, else they must be the same."""
        if isinstance(X, Cohort | Expression):
            return self._read(X, clinical, reset=reset)
        if clinical is not None:
            raise InvalidTableError(
                "clinical given beside a table",
                remedy="add its columns to X, or give X as an Expression (mirrisk.read)",
            )
        if isinstance(X, pd.DataFrame):
            require_numbers(X, self._covariates)
        values = cast(
            "FloatArray",
            validate_data(
                self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", order="C"
            ),
        )
        if reset:
            self._columns = column_names(self, values.shape[1])
        elif not hasattr(self, "_columns"):
            raise InvalidTableError(
                "a table is given to a model fitted on an Expression",
                remedy="read it with the options of the first: mirrisk.read",
            )
        samples = X.index if isinstance(X, pd.DataFrame) else range(len(values))
        if reset:
            self.specimen_: Specimen = self.specimen or "tissue"
            self.unit_: Unit = self.unit or self._infer_unit(values)
        return Cohort.of_columns(
            values,
            self._columns,
            [str(sample) for sample in samples],
            covariates=self._covariates,
            unit=self.unit_,
            specimen=self.specimen_,
        )

    def _read(
        self, X: Cohort | Expression, clinical: pd.DataFrame | None, *, reset: bool
    ) -> Cohort:
        """Take what was read before; its columns are known by name, in any order."""
        cohort = X
        if isinstance(X, Expression):
            cohort = Cohort.of_expression(X, clinical, self._covariates)
        cohort = cast("Cohort", cohort)
        if cohort.names != self._covariates:
            raise NotFoundError(
                f"the cohort has the covariates {list(cohort.names)}",
                expected=f"{list(self._covariates)}",
            )
        expression = cohort.expression
        for name in ("unit", "specimen"):
            asked, has = getattr(self, name), getattr(expression, name)
            if asked is not None and asked != has:
                raise InvalidTableError(
                    f"{name}={asked!r} was asked for, but the Expression is in {has!r}",
                    remedy=f"leave {name} out, or read the table again with it",
                )
        if reset:
            self.unit_, self.specimen_ = expression.unit, expression.specimen
            self.n_features_in_ = len(expression.features) + len(cohort.names)
            for learned in ("_columns", "feature_names_in_"):
                self.__dict__.pop(learned, None)
        return cohort

    @property
    def _covariates(self) -> tuple[str, ...]:
        if isinstance(self.covariates, str):
            raise MismatchError(
                f"covariates is {self.covariates!r}", expected="a list of names of columns"
            )
        return tuple(map(str, self.covariates))

    def _infer_unit(self, values: FloatArray) -> Unit:
        clinical = set(self._covariates)
        columns = [i for i, name in enumerate(self._columns) if name not in clinical]
        index = index_features(tuple(self._columns[i] for i in columns))
        require_mirnas(index)
        return infer_unit(values[:, columns], index.at_level)[0]

    @contextmanager
    def _hushed(self) -> Iterator[None]:
        """Keep mirrisk's own warnings back where the user asked for that."""
        with warnings.catch_warnings():
            if self.quiet:
                warnings.simplefilter("ignore", MirriskWarning)
            yield

    # -- the literature ---------------------------------------------------------------------

    def _curated(self) -> tuple[Panel | None, str | None]:
        """Return the panel of the literature, and the cancer that the cohort is of."""
        if self.panel is None:
            return None, self.cancer
        panel = load_signature(self.panel)
        if self.cancer not in (None, panel.cancer):
            raise MismatchError(
                f"panel {panel.id!r} is for {panel.cancer}, the cohort of {self.cancer}",
                expected="a panel and a cohort of one cancer",
                remedy="choose another panel, or leave cancer out",
            )
        return panel, panel.cancer

    # -- fitting ----------------------------------------------------------------------------

    def _settings(self) -> Settings:
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        names = {field.name for field in fields(Settings)} - {"mixings", "seed"}
        own = {name: getattr(self, name) for name in names}
        return Settings(mixings=tuple(self.mixings), seed=seed, **own)

    # -- applying ---------------------------------------------------------------------------

    def _eta(self, cohort: Cohort) -> FloatArray:
        """Return centred linear predictors by the fitted panel's own code, one per sample.

        A sample of which nothing was measured has 0, the cohort's mean.

        Warns
        -----
        MirriskWarning
            Of samples that look unlike the cohort: they are predicted nevertheless.
        """
        panel = self.panel_
        if panel is None:
            return np.zeros(len(cohort))
        measured = panel.reference.measure(cohort.expression)
        reasons = Counter(reason for reason in measured.unfit if reason)
        if reasons:
            # No names: what is warned of inside a resampling may be stored. Scores name samples.
            told = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
            warnings.warn(
                f"{reasons.total()} of {len(cohort)} samples look unlike the training cohort "
                f"({told}): their predictions are not to be relied on",
                MirriskWarning,
                stacklevel=3,
            )
        result = score_panel(
            panel, panel.reference, measured, min_coverage=0.0, covariates=cohort.covariates
        )
        return np.asarray(np.nan_to_num(result.kernel.expected) * panel.scale)

    # -- keeping ----------------------------------------------------------------------------

    def export(
        self,
        *,
        id: str,  # noqa: A002  (the name that the file has for it)
        title: str,
        endpoint: str,
        cohort: str,
        version: str = "1.0.0",
    ) -> FittedPanel:
        """Give the fitted panel an identity, to be saved and scored with.

        Parameters
        ----------
        id : str
            A lower-case letter, then lower-case letters, digits, - or _.
        title, endpoint : str
            What it predicts, in words.
        cohort : str
            What to call the cohort that it was fitted on.
        version : str, default "1.0.0"

        Returns
        -------
        FittedPanel
            With ``save(path)``; `mirrisk.score` takes it as it takes any panel.

        Raises
        ------
        MismatchError
            If there is none: nothing predicted the outcome.
        InvalidPanelError
            If id or version are not in the form expected.
        """
        check_is_fitted(self)
        if self.panel_ is None:
            raise MismatchError(
                "there is no panel to export: nothing predicted the outcome better than its "
                "frequency",
                remedy="more samples, other candidates, or a panel of the literature",
            )
        check_identity("id", id, PANEL_ID)
        check_identity("version", version, VERSION)
        reference = self.panel_.reference
        return replace(
            self.panel_,
            id=id,
            version=version,
            title=title,
            endpoint=endpoint,
            reference=reference.restricted(reference.keys, name=cohort),
            report={**self.panel_.report, "said": str(self.summary_).splitlines()},
        )


def patient_numbers(groups: object, n: int) -> IntArray | None:
    """Return the number of each sample's patient, from 0; None where none are given.

    Raises
    ------
    MismatchError
        If there is not one for each sample.
    """
    if groups is None:
        return None
    given = np.asarray(groups, dtype=object)
    if given.shape != (n,):
        raise MismatchError(
            f"groups has the shape {given.shape}, X has {n} samples", expected="one per sample"
        )
    codes, _ = pd.factorize(given)
    if (codes < 0).any():
        raise MismatchError(
            f"no group is given for sample {int(np.argmin(codes))}", expected="one per sample"
        )
    return np.asarray(codes, dtype=np.intp)
