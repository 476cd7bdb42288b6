"""A reference: the distribution of each miRNA in a named cohort, which gives "low" its meaning."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.alignment import align, reference_key
from mirrisk.errors import (
    InvalidReferenceError,
    MirriskWarning,
    MismatchError,
    NotFoundError,
    did_you_mean,
)
from mirrisk.panel import shipped_panels
from mirrisk.reference.file import KIND, decode, encode, privacy_note, write_json
from mirrisk.reference.fitness import (
    Composition,
    Contrast,
    Profile,
    below_detection,
    fingerprints,
)
from mirrisk.reference.learning import learn
from mirrisk.reference.measuring import check_kind, composition_of, measure
from mirrisk.reference.normalisers import normalised
from mirrisk.reference.quantiles import LEVELS, TAIL_MIN_SD, QuantileMap, normal_scores
from mirrisk.scoring import CUTOFFS, MIN_COVERAGE, Composite, score_samples
from mirrisk.signatures import load_signatures
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mirrisk.alignment import Alignment
    from mirrisk.expression import Expression, FeatureIndex
    from mirrisk.panel import Panel
    from mirrisk.reference.measuring import Measured
    from mirrisk.reference.normalisers import Normaliser
    from mirrisk.signatures import SignatureLike
    from mirrisk.vocabulary import (
        BoolArray,
        FloatArray,
        IntArray,
        Level,
        Specimen,
        Undetermined,
        Unit,
    )

COHORT = "cohort"
"""How a user asks for a reference fitted on the table itself."""


@dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """Summary statistics of a cohort, frozen: everything that scoring learns from others.

    Fit one with :meth:`fit`, keep it with :meth:`save`, get it back with :meth:`load`.

    Attributes
    ----------
    name : str
    n : int
        Samples of the cohort.
    unit, level, specimen, cancer
        What the cohort is; samples must be the same. ``cancer`` None: not stated.
    protocol : str
        How it was measured, in words; empty where that is not told.
    keys : tuple of str
        miRNAs of the panels that the cohort measured, at its level.
    requested : tuple of str
        Mature miRNAs of the panels that it was fitted for, measured or not.
    grids : ndarray of shape (n_keys, 101)
        Quantiles of each miRNA on the log2 scale, composition corrected.
    sd, measured : ndarray of shape (n_keys,)
        Standard deviation and number of samples behind each grid.
    mean, covariance : ndarray of shape (n_keys,) and (n_keys, n_keys)
        Of the normal scores; the covariance is shrunken (Ledoit and Wolf 2004,
        doi:10.1016/S0047-259X(03)00096-4).
    profile : Profile
        The expressed miRNAs, for composition and fitness.
    distance_limit, scale_limits, contrast
        What bounds the fitness of a sample.
    median_reads : float or None
        Usual library size.
    samples : tuple of str
        Fingerprints of the samples that it was fitted on, several of each, sorted (see
        :meth:`holds`).
    normalisers : tuple of Normaliser
        What Ct values are normalised by.
    panels : dict of str to str
        Panel id -> digest, of the panels that it was fitted for.
    score_grids : dict of str to ndarray of shape (101,)
        Panel id -> quantiles of the cohort's own scores.
    undetermined : {"missing", "limit", "limit_empty"}
    limit : float or None
        What became of the cohort's undetermined Ct wells, and the Ct that they were set to.
    """

    name: str
    n: int
    unit: Unit
    level: Level
    specimen: Specimen
    cancer: str | None
    protocol: str
    keys: tuple[str, ...]
    requested: tuple[str, ...]
    grids: FloatArray
    sd: FloatArray
    measured: FloatArray
    mean: FloatArray
    covariance: FloatArray
    profile: Profile
    distance_limit: float
    scale_limits: tuple[float, float]
    median_reads: float | None
    samples: tuple[str, ...] = ()
    normalisers: tuple[Normaliser, ...] = ()
    contrast: Contrast | None = None
    panels: dict[str, str] = field(default_factory=dict)
    score_grids: dict[str, FloatArray] = field(default_factory=dict)
    undetermined: Undetermined = "missing"
    limit: float | None = None

    def __post_init__(self) -> None:
        # Shared by all who load it: nobody may write into it.
        for array in (self.grids, self.sd, self.measured, self.mean, self.covariance):
            array.setflags(write=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes alone: what is derived from them may differ in what is there."""
        return {name.name: getattr(self, name.name) for name in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def __repr__(self) -> str:
        return (
            f"Reference({self.name!r}: {self.n} samples, {self.cancer or 'cancer not stated'}, "
            f"{self.specimen}, {self.level}, {self.unit}, digest {self.digest[:12]})"
        )

    # -- learning ---------------------------------------------------------------------------

    @classmethod
    def fit(
        cls,
        X: object,
        *,
        name: str,
        unit: Unit | None = None,
        specimen: Specimen | None = None,
        cancer: str | None = None,
        panels: SignatureLike | Iterable[SignatureLike] | None = None,
        protocol: str = "",
        normalisers: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        undetermined: Undetermined | None = None,
        limit: float | None = None,
        accept_small: bool = False,
    ) -> Reference:
        """Learn a reference from a cohort.

        Parameters
        ----------
        X : Expression, DataFrame or array of shape (n_samples, n_features)
            The cohort; a frame in either orientation, an array with ``feature_names``.
        name : str
            What results call it.
        unit : {"counts", "cpm", "log2", "ct", "delta_ct"}, optional
            Inferred where the values leave no doubt.
        specimen : {"tissue", "serum", "ev"}, default "tissue"
        cancer : str, optional
            A panel's cancer (``"prostate"``); panels of another one are then refused.
        panels : str, Path, Panel, or several of them, optional
            Whose miRNAs to hold; default all shipped panels. The covariance is shrunken over all
            of them, so that scores differ a little (in the second decimal at n = 30) with what
            else was asked for.
        protocol : str, optional
            How the samples were made, for those who choose a reference.
        normalisers : sequence of str, optional
            Columns that Ct values are normalised by; default the miRNAs of no panel that were
            detected in every sample (with fewer than 5 such, all detected in every sample).
            Only for ``unit="ct"``.
        feature_names : sequence of str, optional
            Names of an array's columns.
        undetermined, limit
            As for :func:`mirrisk.read`; samples must then be read in the same way.
        accept_small : bool, default False
            Fit even on fewer than 20 samples, with a warning.

        Raises
        ------
        InvalidReferenceError
            On fewer than 20 samples, or when no panel's miRNA was measured.
        InvalidTableError, InvalidExpressionError
            When the table itself does not hold together.
        """
        cohort = as_expression(
            X,
            unit=unit,
            specimen=specimen,
            feature_names=feature_names,
            undetermined=undetermined,
            limit=limit,
        )
        wanted = load_signatures(panels) if panels is not None else shipped_panels()
        learned = learn(cohort, wanted, normalisers=normalisers, accept_small=accept_small)
        reference = cls(name=name, cancer=cancer, protocol=protocol, **learned)
        grids = reference._grids_of_scores(wanted, cohort)
        # Through the file's rounding, so that a saved reference scores as the fitted one does.
        return cls.from_dict(replace(reference, score_grids=grids).to_dict())

    def _grids_of_scores(
        self, panels: tuple[Panel, ...], cohort: Expression
    ) -> dict[str, FloatArray]:
        """Return the quantiles of the cohort's own scores on each panel that fits it."""
        grids = {}
        measured = measure(self, cohort)
        for panel in panels:
            try:
                self.check_panel(panel)
                alignment, composite = self.lay(panel, cohort.index)
            except MismatchError:
                continue  # a panel that this cohort cannot serve has no scores in it
            columns = self.columns(alignment)
            z = measured.normal_scores(columns)
            visible = ~measured.too_shallow[:, columns]
            scores = score_samples(z, visible, composite, min_coverage=MIN_COVERAGE).score
            if not np.isnan(scores).all():
                grids[panel.id] = np.quantile(scores[~np.isnan(scores)], LEVELS)
        return grids

    @classmethod
    def of_cohort(
        cls,
        X: object,
        *,
        panels: SignatureLike | Iterable[SignatureLike] | None,
        accept_small: bool = False,
    ) -> Reference:
        """Fit a reference on the very samples that it is to serve; its name says so."""
        cohort = as_expression(X)
        name = f"{COHORT} (n={len(cohort)})"
        return cls.fit(cohort, name=name, panels=panels, accept_small=accept_small)

    @property
    def is_cohort(self) -> bool:
        """Whether it was fitted on the very samples that it serves."""
        return self.name == f"{COHORT} (n={self.n})"

    @classmethod
    def fit_keys(
        cls,
        cohort: Expression,
        keys: Sequence[str],
        *,
        name: str,
        cancer: str | None = None,
        panels: tuple[Panel, ...] = (),
        accept_small: bool = False,
    ) -> Reference:
        """Learn a reference on chosen miRNAs, and those of panels, for a model to be fitted.

        Nothing is rounded as the file would have it, and no scores of panels are tabulated:
        it is quick enough for every fold of a resampling. :meth:`restricted` makes of it what
        can be kept.

        Parameters
        ----------
        cohort : Expression
        keys : sequence of str
            miRNAs at the cohort's level. Those without a distribution in it (constant, or
            measured in fewer than 10 samples) are left out.
        name, cancer, panels, accept_small
            As for :meth:`fit`.

        Raises
        ------
        InvalidReferenceError
            On fewer than 20 samples, or when no miRNA wanted was measured.
        """
        learned = learn(cohort, panels, keys=keys, normalisers=None, accept_small=accept_small)
        return cls(name=name, cancer=cancer, protocol="", **learned)

    def restricted(self, keys: Sequence[str], *, name: str | None = None) -> Reference:
        """Return the reference with some of its miRNAs only, as its file would have it."""
        kept = [self.position[key] for key in keys]
        part = replace(
            self,
            name=self.name if name is None else name,
            keys=tuple(keys),
            requested=tuple(m for m in self.requested if reference_key(m, self.level) in keys),
            grids=self.grids[kept],
            sd=self.sd[kept],
            measured=self.measured[kept],
            mean=self.mean[kept],
            covariance=self.covariance[np.ix_(kept, kept)],
            panels={},
            score_grids={},
        )
        return Reference.from_dict(part.to_dict())

    def with_contrast(self, contrast: Contrast) -> Reference:
        """Return the same reference, able to tell samples of other tissues."""
        return Reference.from_dict(replace(self, contrast=contrast).to_dict())

    # -- applying ---------------------------------------------------------------------------

    def measure(self, expression: Expression) -> Measured:
        """Normalise a table as the reference was, and check each sample's fitness for it.

        Raises
        ------
        MismatchError
            If unit, level or specimen are not the reference's.
        """
        return measure(self, expression)

    def composition(self, expression: Expression) -> Composition:
        """Return each sample's composition relative to the reference."""
        check_kind(self, expression)
        return composition_of(self, expression)

    def holds(self, expression: Expression) -> BoolArray:
        """Tell which samples the reference was fitted on, or on a copy of theirs.

        A sample is told by the order of its commonest miRNAs, or of a third of them, whatever its
        name and unit. One whose values were altered, or of which miRNAs of each third are
        missing, is not told.

        Returns
        -------
        ndarray of bool, shape (n_samples,)
        """
        if not self.samples:
            return np.zeros(len(expression), dtype=bool)
        known = frozenset(self.samples)
        told = self._fingerprints(expression)
        return np.array([not known.isdisjoint(orders) for orders in told], dtype=bool)

    def also_holding(self, expression: Expression) -> Reference:
        """Return the same reference that also tells other samples again: those of an update."""
        known = frozenset(self.samples).union(*self._fingerprints(expression))
        return Reference.from_dict(replace(self, samples=tuple(sorted(known))).to_dict())

    def _fingerprints(self, expression: Expression) -> tuple[frozenset[str], ...]:
        logs = normalised(expression, self.profile.keys, self.level, self.normalisers)
        return fingerprints(self.profile, logs)

    def lay(self, panel: Panel, index: FeatureIndex) -> tuple[Alignment, Composite]:
        """Lay a panel over a table's columns and this reference.

        Weights per log2 unit become weights per normal score, by the reference's standard
        deviations.

        Raises
        ------
        MismatchError
            If no member's direction is known in the reference's specimen, or none was measured.
        """
        alignment = align(
            panel,
            specimen=self.specimen,
            level=self.level,
            reference_keys=self.position,
            index=index,
        )
        if panel.weights_per == "log2 unit":
            sd = np.maximum(self.sd, TAIL_MIN_SD)  # the unit of normal scores beyond the extremes
            alignment = alignment.per_normal_score(dict(zip(self.keys, sd.tolist(), strict=True)))
        columns = self.columns(alignment)
        composite = Composite(
            weights=alignment.weights,
            shares=alignment.shares,
            members=alignment.members,
            mean=self.mean[columns],
            covariance=self.covariance[np.ix_(columns, columns)],
            # The sparsest of them says how well the reference knows this panel.
            n_reference=int(self.measured[columns].min()),
            cutoffs=CUTOFFS,
            knowable=self.knowable[columns],
        )
        return alignment, composite

    def columns(self, alignment: Alignment) -> list[int]:
        """Return the rows of the reference's arrays that an alignment's scored slots read."""
        return [self.position[slot.key] for slot in alignment.scored_slots]

    def normal_scores(self, values: FloatArray, columns: Sequence[int]) -> FloatArray:
        """Return normal scores of some columns of values; NaN stays NaN.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_keys)
        columns : sequence of int
        """
        maps = [self.quantile_maps[column] for column in columns]
        return normal_scores(maps, values[:, list(columns)])

    @cached_property
    def quantile_maps(self) -> tuple[QuantileMap, ...]:
        """One map from values to percentiles and normal scores per key."""
        return tuple(
            QuantileMap.from_grid(grid, float(sd), int(n))
            for grid, sd, n in zip(self.grids, self.sd, self.measured, strict=True)
        )

    def beyond_cutoffs(self, panel: str) -> tuple[float, float]:
        """Return which shares of the cohort's own scores are low and high; NaN where unknown.

        A tenth each where scores are normally distributed, as percentiles and flags take them.

        Parameters
        ----------
        panel : str
            Id of a panel that it was fitted for.
        """
        grid = self.score_grids.get(panel)
        if grid is None:
            return np.nan, np.nan
        low, high = np.interp(CUTOFFS, grid, LEVELS)
        return float(low), float(1 - high)

    @cached_property
    def knowable(self) -> BoolArray:
        """Which of its keys a library of the reference's usual depth shows."""
        if self.median_reads is None:
            return np.ones(len(self.keys), dtype=bool)
        hidden = below_detection(self.grids[:, 50], np.array([self.median_reads]))
        return np.asarray(~hidden[0])

    @cached_property
    def read_keys(self) -> tuple[str, ...]:
        """Every miRNA that is looked at in a sample, once."""
        return tuple(dict.fromkeys(key for keys in self._key_lists.values() for key in keys))

    @cached_property
    def read_places(self) -> dict[str, IntArray]:
        """Where its keys, those of its profile and of its contrast stand in ``read_keys``."""
        place = {key: i for i, key in enumerate(self.read_keys)}
        return {
            name: np.array([place[key] for key in keys], dtype=np.intp)
            for name, keys in self._key_lists.items()
        }

    @property
    def _key_lists(self) -> dict[str, tuple[str, ...]]:
        contrast = () if self.contrast is None else self.contrast.keys
        return {"keys": self.keys, "profile": self.profile.keys, "contrast": contrast}

    @cached_property
    def position(self) -> dict[str, int]:
        """Key -> its row in the arrays."""
        return {key: i for i, key in enumerate(self.keys)}

    def check_panel(self, panel: Panel) -> None:
        """Refuse a panel of another cancer, or with miRNAs the reference was not fitted for.

        Raises
        ------
        MismatchError
        """
        if self.cancer is not None and panel.cancer != self.cancer:
            raise MismatchError(
                f"panel {panel.id!r} is for {panel.cancer}, "
                f"reference {self.name!r} is of {self.cancer}",
                expected="a panel and a reference of one cancer",
                remedy=f"use a reference of {panel.cancer}, or fit one: "
                "mirrisk references fit TABLE --name NAME --out FILE",
            )
        unknown = [m.name for _, m in panel.features() if m.name not in self.requested]
        if unknown:
            raise MismatchError(
                f"reference {self.name!r} was fitted without {', '.join(unknown)}",
                where=f"panel {panel.id!r}",
                expected="a reference fitted with this panel's miRNAs",
                remedy="fit it again with panels=[...] including this one "
                "(--panel FILE on the command line)",
            )

    # -- keeping ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the file, digest included, as plain types."""
        return encode(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any], where: str = "") -> Reference:
        """Build a reference from the content of its file, checking the digest."""
        try:
            return cls(**decode(content, where))
        except TypeError as error:
            raise InvalidReferenceError(f"not a reference: {error}", where=where) from None

    def save(self, path: str | Path) -> None:
        """Write the reference as JSON.

        Warns
        -----
        MirriskWarning
            Below 101 samples, where the quantiles are nearly the samples' own values.
        """
        note = privacy_note(self)
        if note:
            warnings.warn(note, MirriskWarning, stacklevel=2)
        write_json(self.to_dict(), Path(path))

    @classmethod
    def load(cls, name: str | Path) -> Reference:
        """Read a reference: a shipped one by its id, or any by its path.

        Raises
        ------
        NotFoundError
            If there is neither.
        InvalidReferenceError
            If the file is no reference, or was changed.
        """
        if not isinstance(name, str | Path):
            raise NotFoundError(
                f"no reference can be loaded from {name!r}", expected="an id, or the path of a file"
            )
        if name in shipped_references():
            return _load_shipped(str(name))
        path = Path(name)
        if not path.is_file():
            raise NotFoundError(
                f"no reference {str(name)!r}" + did_you_mean(str(name), shipped_references()),
                expected="a file, or one of " + ", ".join(shipped_references()),
                remedy="fit one: mirrisk references fit TABLE --name NAME --out FILE",
            )
        return cls.from_dict(KIND.read(path), where=str(path))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content."""
        return str(self.to_dict()["digest"])


def shipped_references() -> tuple[str, ...]:
    """Return the ids of the references that come with mirrisk."""
    folder = resources.files("mirrisk") / "references"
    return tuple(
        sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))
    )


@cache
def _load_shipped(name: str) -> Reference:
    with resources.as_file(resources.files("mirrisk") / "references" / f"{name}.json") as path:
        return Reference.from_dict(KIND.read(path), where=name)
