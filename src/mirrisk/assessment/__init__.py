"""Assessment: score a table on panels against a reference, and what came of it."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING

from mirrisk.assessment.distributed import (
    LazyAssessment,
    is_dask,
    refuse_cohort,
    score_partitions,
)
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
from mirrisk.scoring import FLAGS, MIN_COVERAGE
from mirrisk.tables import as_expression
from mirrisk.tables.assembly import Reading
from mirrisk.tables.clinical import clinical_values
from mirrisk.tables.depth import MIN_READS, depth_notes, depth_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from mirrisk.expression import Expression, FeatureIndex
    from mirrisk.tables import Duplicates, Orientation
    from mirrisk.vocabulary import FloatArray, Level, Specimen, Undetermined, Unit

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
    if is_dask(X):
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
    check_share("min_coverage", min_coverage)
    shallow = depth_warning(expression, min_reads)
    if shallow:
        warnings.warn(shallow, MirriskWarning, stacklevel=2)
    wanted = None if panel == ALL else load_panels(panel)
    if wanted is not None and any(isinstance(one, FittedPanel) for one in wanted):
        return _score_fitted(expression, wanted, reference, covariates, min_coverage, min_reads)
    if covariates is not None:
        raise MismatchError(
            "clinical covariates for a panel of the literature, which has none",
            remedy="leave covariates out",
        )
    of_literature = None if wanted is None else tuple(p for p in wanted if isinstance(p, Panel))
    fitted = _reference(reference, expression, of_literature)
    panels, skipped = (
        (of_literature, ())
        if of_literature is not None
        else _fitting_panels(fitted, expression.index)
    )
    measured = fitted.measure(expression)
    results = tuple(score_panel(p, fitted, measured, min_coverage=min_coverage) for p in panels)
    notes = (
        *expression.notes,
        *depth_notes(expression, min_reads),
        *measured.notes,
        *skipped,
        *_standing_notes(results, fitted),
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
    if not isinstance(reference, Reference) and str(reference) == COHORT:
        raise refuse_cohort()
    if not (reference is None or isinstance(reference, Reference)):
        reference = Reference.load(reference)
    options = {
        "panel": ALL if panel == ALL else load_panels(panel),
        "reference": reference,
        "covariates": covariates,
        "min_coverage": min_coverage,
        "min_reads": 0,  # who is shallow would be told of the first samples alone
    }
    return score_partitions(X, how, score, options)


def _score_fitted(
    expression: Expression,
    panels: tuple[Panel | FittedPanel, ...],
    reference: Reference | str | Path | None,
    covariates: pd.DataFrame | None,
    min_coverage: float,
    min_reads: float,
) -> Assessment:
    """Score samples on one fitted panel, against the reference that it carries."""
    panel = panels[0]
    if len(panels) > 1 or not isinstance(panel, FittedPanel):
        raise MismatchError(
            "a fitted panel beside other panels: it brings a reference of its own",
            expected="one fitted panel, or panels of the literature",
            remedy="score them one after the other",
        )
    if reference is not None:
        raise MismatchError(
            f"a reference for the fitted panel {panel.id!r}, which brings its own",
            remedy="leave the reference out",
        )
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
        *_far_covariates(panel, clinical),
        *_standing_notes((result,), panel.reference),
        *(f"panel {panel.id}: {caveat}" for caveat in panel.caveats),
    )
    return Assessment((result,), panel.reference, expression, notes)


def _reference(
    reference: Reference | str | Path | None,
    expression: Expression,
    panels: tuple[Panel, ...] | None,
) -> Reference:
    if isinstance(reference, Reference):
        return reference
    if reference is None:
        raise InvalidReferenceError(
            'no reference: "low" and "high" mean nothing without one',
            expected="one of " + ", ".join(shipped_references()) + ", a file, or cohort",
            remedy="take a shipped reference if your samples were made like it, else fit your own: "
            "mirrisk references fit TABLE --name NAME --out FILE",
        )
    if str(reference) == COHORT:
        return Reference.of_cohort(expression, panels=panels)
    return Reference.load(reference)


def _fitting_panels(
    reference: Reference, index: FeatureIndex
) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """Return the shipped panels that a reference can serve, and why others are left out."""
    panels, skipped, of_others = [], [], []
    for panel in shipped_panels():
        if reference.cancer not in (None, panel.cancer):
            of_others.append(panel.id)
            continue
        try:
            reference.check_panel(panel)
            reference.lay(panel, index)
        except MismatchError as error:
            skipped.append(f"panel {panel.id} left out: {error.what}")
        else:
            panels.append(panel)
    if not panels:
        raise MismatchError(
            f"no panel fits reference {reference.name!r}",
            remedy="name a panel, or use another reference",
        )
    if of_others:
        names = ", ".join(of_others)
        skipped.insert(0, f"panels left out, for the reference is of {reference.cancer}: {names}")
    return tuple(panels), tuple(skipped)


FAR = 5.0
"""Standard deviations from the mean of the cohort; further off is rather another unit or a slip."""


def _far_covariates(panel: FittedPanel, clinical: FloatArray) -> list[str]:
    """Say which covariates have values that the panel's cohort did not have by far."""
    far = (abs(panel.standardised(clinical)) > FAR).sum(axis=0)
    return [
        f"covariate {covariate.name}: there are values more than {FAR:g} standard deviations from "
        f"the mean of the panel's cohort ({covariate.mean:.3g}): check its unit; what the panel "
        "says of these samples is extrapolated"
        for covariate, count in zip(panel.covariates, far, strict=True)
        if count
    ]


def _standing_notes(results: tuple[PanelResult, ...], reference: Reference) -> list[str]:
    notes = [
        f"panel {result.panel.id} is a single marker here: "
        f"{result.alignment.member_names[0]} alone decides"
        for result in results
        if result.alignment.single_marker
    ]
    for result in results:
        absent = [s.mirna for s in result.alignment.slots if s.why == "not_in_table"]
        if absent:
            notes.append(
                f"panel {result.panel.id}: no column for {', '.join(absent)}"
                " (`mirrisk names TABLE` suggests what may be meant)"
            )
        notes += _across(result)
    if reference.is_cohort:
        notes.append(
            f"the reference is this table itself ({reference.n} samples): a tenth of them is "
            "flagged high even if all, or none, are at high risk"
        )
    return notes


def _across(result: PanelResult) -> list[str]:
    """Say how many certain flags a deeper library might change."""
    low, high = result.kernel.interval
    low_cut, high_cut = result.composite.cutoffs
    hidden = (~result.visible & result.composite.knowable).any(axis=1)
    said = []
    for flag, across in (("high", low < high_cut), ("low", high > low_cut)):
        flagged = result.flags == FLAGS.index(flag)
        doubtful = int((flagged & hidden & across).sum())
        if doubtful:
            said.append(
                f"panel {result.panel.id}: of {int(flagged.sum())} flagged {flag}, {doubtful} have "
                "an interval that reaches across the cutoff: the library is too shallow for the "
                "rest of the panel, and at a greater depth the flag may differ"
            )
    return said
