"""Assessment: score a table on panels against a reference, and what came of it."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING

from mirrisk.assessment.distributed import (
    LazyAssessment,
    is_dask,
    refuse_cohort,
    refuse_feature_names,
    score_partitions,
)
from mirrisk.assessment.standing import standing_notes
from mirrisk.catalog import PanelLike, load_panels
from mirrisk.errors import (
    InvalidReferenceError,
    MirriskWarning,
    MismatchError,
    NotFoundError,
)
from mirrisk.explain import Explanation, explain
from mirrisk.expression import check_share
from mirrisk.model import FittedPanel
from mirrisk.output import write_csv
from mirrisk.panel import Panel, shipped_panels
from mirrisk.reference import COHORT, Reference, shipped_references
from mirrisk.result import PanelResult, score_panel
from mirrisk.result.columns import frame_of
from mirrisk.scoring import MIN_COVERAGE
from mirrisk.tables import as_expression
from mirrisk.tables.assembly import Reading
from mirrisk.tables.clinical import check_covariates, clinical_values
from mirrisk.tables.depth import MIN_READS, check_min_reads, depth_notes, depth_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from mirrisk.expression import Expression
    from mirrisk.reference.measuring import Measured
    from mirrisk.tables import Duplicates, Orientation
    from mirrisk.vocabulary import Level, Specimen, Undetermined, Unit

ALL = "all"


class Assessment:
    """What :func:`score` found.

    Attributes
    ----------
    results : tuple of PanelResult
        One per panel.
    reference : Reference
    expression : Expression
    notes : tuple of str
        What was found or decided on the way, in sentences.
    """

    def __init__(
        self,
        results: tuple[PanelResult, ...],
        reference: Reference,
        expression: Expression,
        notes: tuple[str, ...],
    ) -> None:
        self.results = results
        self.reference = reference
        self.expression = expression
        self.notes = notes

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per sample and panel, in the table's order.

        ``score`` is about N(0, 1) in the reference and ``percentile`` its normal probability
        (0 to 1); ``score_low`` and ``score_high`` bound the full panel's score given what was
        measured (80%); ``fragile`` is "k/m": leaving out one of k of the m measured members
        changes the flag.
        """
        columns = [result.score_columns() for result in self.results]
        return frame_of(columns, [1] * len(columns))

    @cached_property
    def contributions(self) -> pd.DataFrame:
        """One row per sample, panel and mature miRNA, used or not; they add up to the score.

        ``value`` is on the log2 scale of the reference, ``percentile`` its place there (0 to
        1), ``z`` its normal score, ``weight`` signed by the direction of risk.
        """
        columns = [result.contribution_columns() for result in self.results]
        return frame_of(columns, [len(result.alignment.slots) for result in self.results])

    def explain(
        self, sample: str | None = None, *, panel: str | None = None, by: str = "member"
    ) -> Explanation:
        """Say why a sample got its flag.

        Parameters
        ----------
        sample : str, optional
            Not needed where there is only one.
        panel : str, optional
            Its id; default all that were scored.
        by : {"member", "pathway"}, default "member"

        Returns
        -------
        Explanation
            Printable; ``.sentences`` holds its parts.

        Raises
        ------
        NotFoundError
            If there is no such sample or panel in the result.
        """
        samples = self.expression.samples
        if sample is None:
            if len(samples) != 1:
                raise NotFoundError(
                    f"{len(samples)} samples: which one?", remedy=f"explain({samples[0]!r})"
                )
            sample = samples[0]
        if str(sample) not in samples:
            raise NotFoundError(
                f"no sample {sample!r} in the table",
                expected="one of " + ", ".join(samples[:5]) + (", ..." if len(samples) > 5 else ""),
            )
        chosen = [r for r in self.results if panel in (None, r.panel.id)]
        if not chosen:
            raise NotFoundError(
                f"panel {panel!r} was not scored",
                expected="one of " + ", ".join(r.panel.id for r in self.results),
            )
        row = samples.index(str(sample))
        return Explanation(tuple(part for r in chosen for part in explain(r, row, by=by)))

    def write(self, scores: str | Path, contributions: str | Path | None = None) -> None:
        """Write the scores, and if asked the contributions, as CSV files.

        Text cells that a spreadsheet would run are neutralised; a file appears whole or not at
        all.

        Raises
        ------
        MirriskError
            If a file cannot be written.
        """
        write_csv(self.scores, scores)
        if contributions is not None:
            write_csv(self.contributions, contributions)

    def __repr__(self) -> str:
        panels = ", ".join(result.panel.id for result in self.results)
        counts = self.scores["flag"].value_counts().to_dict()
        flags = ", ".join(f"{count} {flag}" for flag, count in counts.items())
        return (
            f"Assessment of {len(self.expression)} samples on {panels} "
            f"against {self.reference.name}: {flags}"
        )


def score(
    X: object,
    *,
    panel: PanelLike | Iterable[PanelLike],
    reference: Reference | str | Path | None = None,
    covariates: pd.DataFrame | None = None,
    unit: Unit | None = None,
    level: Level | None = None,
    specimen: Specimen | None = None,
    feature_names: Sequence[str] | None = None,
    orientation: Orientation | None = None,
    library_size: Sequence[float] | None = None,
    duplicates: Duplicates | None = None,
    aliases: Mapping[str, str] | None = None,
    undetermined: Undetermined | None = None,
    limit: float | None = None,
    min_coverage: float = MIN_COVERAGE,
    min_reads: float = MIN_READS,
) -> Assessment:
    """Score samples on panels against a reference.

    A sample's result depends on the panel, the reference and the sample, never on which other
    samples are in the table (unless ``reference="cohort"`` asks for exactly that).

    Parameters
    ----------
    X : Expression, DataFrame, Series, or array of shape (n_samples, n_features)
        A frame in either orientation; a Series is one sample; an array needs
        ``feature_names``. A Dask data frame, samples in rows, is scored lazily: then ``.scores``
        and ``.contributions`` of what is returned are Dask data frames, too.
    panel : str, Path, Panel, or several of them
        Ids of shipped panels, signature files, or ``"all"`` that fit the reference; or one
        fitted panel (its file), alone.
    reference : str, Path or Reference
        Id of a shipped reference, a file, or ``"cohort"``: the table itself. A fitted panel
        brings its own.
    covariates : DataFrame, optional
        The clinical columns that a fitted panel needs, indexed by sample.
    unit : {"counts", "cpm", "log2", "ct", "delta_ct"}, optional
        Inferred where the values leave no doubt.
    specimen : {"tissue", "serum", "ev"}, default "tissue"
    level, feature_names, orientation, library_size, duplicates, aliases, undetermined, limit
        As for :func:`mirrisk.read`.
    min_coverage : float, default 0.5
        Share of a panel's weight that must be measured for a score.
    min_reads : float, default 100000
        Samples with fewer miRNA reads are named in a warning; they are scored all the same.

    Returns
    -------
    Assessment

    Raises
    ------
    MirriskError
        When table, panel and reference do not hold together; see its subclasses.

    Warns
    -----
    MirriskWarning
        Where samples hold fewer than ``min_reads`` miRNA reads.

    Notes
    -----
    "High" means the top tenth of the reference, not a probability of metastasis; "low" is no
    reassurance. Research use only.
    """
    check_share("min_coverage", min_coverage)
    check_covariates(covariates)
    if is_dask(X):
        refuse_feature_names(feature_names)
        check_min_reads(min_reads)
        how = Reading(
            unit,
            level,
            specimen or "tissue",
            orientation,
            library_size,
            duplicates,
            aliases,
            undetermined=undetermined or "missing",
            limit=limit,
        )
        return _score_lazily(X, how, panel, reference, covariates, min_coverage)  # type: ignore[return-value]
    expression = as_expression(
        X,
        unit=unit,
        level=level,
        specimen=specimen,
        feature_names=feature_names,
        orientation=orientation,
        library_size=library_size,
        duplicates=duplicates,
        aliases=aliases,
        undetermined=undetermined,
        limit=limit,
    )
    shallow = depth_warning(expression, min_reads)
    if shallow:
        warnings.warn(shallow, MirriskWarning, stacklevel=2)
    wanted = None if panel == ALL else load_panels(panel)
    own = fitted_among(wanted or (), reference)
    if own is not None:
        return _score_fitted(expression, own, covariates, min_coverage, min_reads)
    if covariates is not None:
        raise MismatchError(
            "clinical covariates for a panel of the literature, which has none",
            remedy="leave covariates out",
        )
    of_literature = None if wanted is None else tuple(p for p in wanted if isinstance(p, Panel))
    fitted = reference_of(reference) or Reference.of_cohort(expression, panels=of_literature)
    measured = fitted.measure(expression)
    skipped: tuple[str, ...] = ()
    if of_literature is None:
        results, skipped = _score_what_fits(fitted, measured, min_coverage)
    else:
        results = tuple(
            score_panel(p, fitted, measured, min_coverage=min_coverage) for p in of_literature
        )
    notes = (
        *expression.notes,
        *depth_notes(expression, min_reads),
        *measured.notes,
        *skipped,
        *standing_notes(results, fitted),
    )
    return Assessment(results, fitted, expression, notes)


def _score_lazily(
    X: object,
    how: Reading,
    panel: PanelLike | Iterable[PanelLike],
    reference: Reference | str | Path | None,
    covariates: pd.DataFrame | None,
    min_coverage: float,
) -> LazyAssessment:
    """Score a Dask data frame, partition by partition, when its rows are asked for."""
    wanted = None if panel == ALL else load_panels(panel)
    loaded = None
    if fitted_among(wanted or (), reference) is None:
        loaded = reference_of(reference)
        if loaded is None:
            raise refuse_cohort()
    options = {
        "panel": wanted or ALL,
        "reference": loaded,
        "covariates": None
        if covariates is None
        else covariates.set_axis(covariates.index.map(str)),
        "min_coverage": min_coverage,
        "min_reads": 0,  # who is shallow would be told of the first samples alone
    }
    return score_partitions(X, how, score, options)


def fitted_among(
    panels: Sequence[Panel | FittedPanel], reference: Reference | str | Path | None
) -> FittedPanel | None:
    """Return the fitted panel, None among panels of the literature.

    Raises
    ------
    MismatchError
        If it is to be scored with other panels, or against another reference.
    """
    fitted = next((panel for panel in panels if isinstance(panel, FittedPanel)), None)
    if fitted is None:
        return None
    if len(panels) > 1:
        raise MismatchError(
            "a fitted panel beside other panels: it brings a reference of its own",
            expected="one fitted panel, or panels of the literature",
            remedy="score them one after the other",
        )
    if reference is not None:
        raise MismatchError(
            f"a reference for the fitted panel {fitted.id!r}, which brings its own",
            remedy="leave the reference out",
        )
    return fitted


def _score_fitted(
    expression: Expression,
    panel: FittedPanel,
    covariates: pd.DataFrame | None,
    min_coverage: float,
    min_reads: float,
) -> Assessment:
    """Score samples on one fitted panel, against the reference that it carries."""
    measured = panel.reference.measure(expression)
    clinical, said = clinical_values(
        covariates, [c.name for c in panel.covariates], expression.samples, f"panel {panel.id!r}"
    )
    result = score_panel(
        panel, panel.reference, measured, min_coverage=min_coverage, covariates=clinical
    )
    notes = (
        *expression.notes,
        *depth_notes(expression, min_reads),
        *measured.notes,
        *said,
        *panel.far_covariates(clinical, expression.samples),
        *standing_notes((result,), panel.reference),
        *(f"panel {panel.id}: {caveat}" for caveat in panel.caveats),
    )
    return Assessment((result,), panel.reference, expression, notes)


def reference_of(reference: Reference | str | Path | None) -> Reference | None:
    """Load a reference; None where the table is its own.

    Raises
    ------
    InvalidReferenceError
        If none is named.
    NotFoundError
        If there is none of this name.
    """
    if isinstance(reference, Reference):
        return reference
    if reference is None:
        raise InvalidReferenceError(
            'no reference: "low" and "high" mean nothing without one',
            expected="one of " + ", ".join(shipped_references()) + ", a file, or cohort",
            remedy="take a shipped reference if your samples were made like it, else fit your own: "
            "mirrisk references fit TABLE --name NAME --out FILE",
        )
    return None if str(reference) == COHORT else Reference.load(reference)


def _score_what_fits(
    reference: Reference, measured: Measured, min_coverage: float
) -> tuple[tuple[PanelResult, ...], tuple[str, ...]]:
    """Score the shipped panels that a reference can serve, and say why others are left out."""
    results, skipped, of_others = [], [], []
    for panel in shipped_panels():
        if reference.cancer not in (None, panel.cancer):
            of_others.append(panel.id)
            continue
        try:
            results.append(score_panel(panel, reference, measured, min_coverage=min_coverage))
        except MismatchError as error:
            skipped.append(f"panel {panel.id} left out: {error.what}")
    if not results:
        raise MismatchError(
            f"no panel fits reference {reference.name!r}",
            remedy="name a panel, or use another reference",
        )
    if of_others:
        names = ", ".join(of_others)
        skipped.insert(0, f"panels left out, for the reference is of {reference.cancer}: {names}")
    return tuple(results), tuple(skipped)
