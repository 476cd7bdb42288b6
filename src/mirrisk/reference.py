"""A reference: the distribution of each miRNA in a named cohort, which gives "low" its meaning."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mirrisk.alignment import reference_key
from mirrisk.arrays import take_columns
from mirrisk.errors import (
    InvalidReferenceError,
    MirriskWarning,
    MismatchError,
    NotFoundError,
)
from mirrisk.expression import check_choice
from mirrisk.fitness import (
    MIN_SHARED,
    MIN_SHARED_COMPOSITION,
    SCALE_LIMITS,
    Contrast,
    Profile,
    below_detection,
    distance_threshold,
    fit_profile,
    out_of_fold_distances,
    visible,
)
from mirrisk.normalisers import Normaliser, fit_normalisers, normalised
from mirrisk.panel import shipped_panels
from mirrisk.quantiles import QuantileMap, fit_distributions
from mirrisk.tables import as_expression
from mirrisk.vocabulary import Specimen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from mirrisk.expression import Expression
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import BoolArray, FloatArray, Level, Unit

FORMAT = 1
MIN_SAMPLES = 20
FEW_SAMPLES = 50
PRIVATE_SAMPLES = 101
"""Below this many samples, 101 quantiles are nearly the values of the samples themselves."""

MIN_MEASURED = 10
"""A miRNA measured in fewer samples has no distribution to speak of."""

SEQUENCING: tuple[Unit, ...] = ("counts", "cpm")


@dataclass(frozen=True, eq=False)
class Measured:
    """A table as one reference sees it: normalised values, depth, and whether samples fit it."""

    expression: Expression
    values: FloatArray
    too_shallow: BoolArray
    unfit: tuple[str, ...]
    nearest: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
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
    normalisers: tuple[Normaliser, ...] = ()
    contrast: Contrast | None = None
    panels: dict[str, str] = field(default_factory=dict)
    score_grids: dict[str, list[float]] = field(default_factory=dict)

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
        panels: Iterable[Panel] | None = None,
        protocol: str = "",
        normalisers: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
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
        panels : iterable of Panel, optional
            Whose miRNAs to hold; default all shipped panels.
        protocol : str, optional
            How the samples were made, for those who choose a reference.
        normalisers : sequence of str, optional
            Columns that Ct values are normalised by; default the miRNAs detected in every
            sample. Only for ``unit="ct"``.
        feature_names : sequence of str, optional
            Names of an array's columns.
        accept_small : bool, default False
            Fit even on fewer than 20 samples, with a warning.

        Raises
        ------
        InvalidReferenceError
            On fewer than 20 samples, or when no panel's miRNA was measured.
        InvalidTableError, InvalidExpressionError
            When the table itself does not hold together.
        """
        expression = as_expression(X, unit=unit, specimen=specimen, feature_names=feature_names)
        _check_size(len(expression), accept_small)
        wanted = tuple(panels) if panels is not None else shipped_panels()
        requested = sorted({mirna.name for panel in wanted for _, mirna in panel.features()})
        keys = sorted({key for m in requested if (key := reference_key(m, expression.level))})
        chosen = fit_normalisers(expression, normalisers)
        everything = tuple(sorted(expression.index.columns_of(expression.level)))
        logs = normalised(expression, everything, expression.level, chosen)
        sequencing = expression.unit in SEQUENCING
        profile = fit_profile(everything, logs, expression.reads, sequencing=sequencing)
        distances = out_of_fold_distances(everything, logs, expression.reads, sequencing=sequencing)
        position = {key: i for i, key in enumerate(everything)}
        kept = [k for k in keys if k in position and _is_measured(logs[:, position[k]])]
        if not kept:
            raise InvalidReferenceError(
                "the table holds no miRNA of the panels",
                expected=f"columns such as {', '.join(keys[:3])}",
                remedy="run `mirrisk names TABLE` to see how each column was read",
            )
        if sequencing:
            part = take_columns(logs, [position[key] for key in profile.keys])
            seen = visible(part, profile.median, expression.reads)
            logs = logs - profile.composition_shift(part, seen)[:, None]
        columns = take_columns(logs, [position[key] for key in kept])
        reference = cls(
            name=name,
            n=len(expression),
            unit=expression.unit,
            level=expression.level,
            specimen=expression.specimen,
            cancer=cancer,
            protocol=protocol,
            keys=tuple(kept),
            requested=tuple(requested),
            **fit_distributions(columns),
            profile=profile,
            distance_limit=distance_threshold(distances),
            scale_limits=SCALE_LIMITS,
            median_reads=None if expression.reads is None else float(np.median(expression.reads)),
            normalisers=chosen,
            panels={panel.id: panel.digest for panel in wanted},
        )
        # Through the file's rounding, so that a saved reference scores as the fitted one does.
        return cls.from_dict(reference.to_dict())

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
        self._check_kind(expression)
        logs = normalised(expression, self.profile.keys, self.level, self.normalisers)
        reads = self._reads(expression)
        seen = visible(logs, self.profile.median, reads)
        shift = self._shift(logs, seen)
        values = normalised(expression, self.keys, self.level, self.normalisers) - shift[:, None]
        too_shallow = np.zeros(values.shape, dtype=bool)
        if reads is not None:
            too_shallow = below_detection(self.grids[:, 50], reads)
        unfit, nearest = self._unfit(expression, logs - shift[:, None], seen, shift)
        notes = self._notes(logs, expression)
        return Measured(expression, values, too_shallow, unfit, nearest, notes)

    def shift(self, expression: Expression) -> FloatArray:
        """Return each sample's composition relative to the reference, in log2 units."""
        self._check_kind(expression)
        logs = normalised(expression, self.profile.keys, self.level, self.normalisers)
        return self._shift(logs, visible(logs, self.profile.median, self._reads(expression)))

    def _shift(self, logs: FloatArray, seen: BoolArray) -> FloatArray:
        if self.unit not in SEQUENCING:
            return np.zeros(len(logs))
        return self.profile.composition_shift(logs, seen)

    def normal_scores(self, values: FloatArray) -> FloatArray:
        """Return normal scores of values, both of shape (n_samples, n_keys); NaN stays NaN."""
        result = np.empty(values.shape)
        for j, quantiles in enumerate(self.quantile_maps):
            result[:, j] = quantiles.normal_score(values[:, j])
        return result

    @cached_property
    def quantile_maps(self) -> tuple[QuantileMap, ...]:
        """One map from values to percentiles and normal scores per key."""
        return tuple(
            QuantileMap.from_grid(grid, float(sd), int(n))
            for grid, sd, n in zip(self.grids, self.sd, self.measured, strict=True)
        )

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

    def _check_kind(self, expression: Expression) -> None:
        mine, theirs = self.unit, expression.unit
        # A log2 table against a reference from sequencing is taken for log2(CPM + 1).
        convertible = mine in SEQUENCING and theirs in (*SEQUENCING, "log2")
        if theirs != mine and not convertible:
            raise MismatchError(
                f"the table is in {theirs}, reference {self.name!r} in {mine}",
                expected="the reference's unit",
                remedy="convert the table, or use a reference in its unit",
            )
        if expression.level == "stem-loop" and self.level == "mature":
            raise MismatchError(
                f"the table holds stem-loops, reference {self.name!r} mature miRNAs",
                expected="mature miRNAs (a stem-loop cannot be divided into its arms)",
                remedy="use a reference at stem-loop level",
            )
        if expression.specimen != self.specimen:
            raise MismatchError(
                f"the table is from {expression.specimen}, "
                f"reference {self.name!r} from {self.specimen}",
                expected="one specimen: directions and levels differ between them",
                remedy="use a reference from the same specimen, or fit one",
            )

    def _reads(self, expression: Expression) -> FloatArray | None:
        """Library sizes; where the table does not tell, those usual in the reference."""
        if expression.reads is not None:
            return expression.reads
        if self.median_reads is None:
            return None
        return np.full(len(expression), self.median_reads)

    def _unfit(
        self, expression: Expression, values: FloatArray, seen: BoolArray, shift: FloatArray
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return per sample why it is refused ("" where it is not), and the nearest tissue."""
        reasons = np.full(len(values), "", dtype=object)
        nearest = np.full(len(values), "", dtype=object)
        if self.contrast is not None:
            logs = expression.log_values(self.contrast.keys, self.level) - shift[:, None]
            margin, names = self.contrast.margin(logs)
            other = margin < self.contrast.threshold
            reasons[other] = "other_tissue"
            nearest[other] = np.array(names, dtype=object)[other]
        distance = self.profile.distance(values, seen)
        slope = self.profile.slope(values, seen)
        low, high = self.scale_limits
        strange = (distance > self.distance_limit) | (slope < low) | (slope > high)
        reasons[strange & (reasons == "")] = "unit_or_platform"
        empty = np.isnan(values).all(axis=1)
        if expression.unit in SEQUENCING:
            empty |= expression.totals == 0
        reasons[empty] = "empty_sample"
        return tuple(reasons), tuple(nearest)

    def _notes(self, logs: FloatArray, expression: Expression) -> tuple[str, ...]:
        notes = []
        shared = int((~np.isnan(logs).all(axis=0)).sum())
        if shared < MIN_SHARED:
            notes.append(
                f"fitness not checked: the table shares {shared} expressed miRNAs with "
                f"reference {self.name} ({MIN_SHARED} are needed)"
            )
        if self.unit in SEQUENCING and shared < MIN_SHARED_COMPOSITION:
            notes.append(
                f"composition not corrected: the table shares {shared} expressed miRNAs with "
                f"reference {self.name} ({MIN_SHARED_COMPOSITION} are needed)"
            )
        if expression.reads is None and self.median_reads is not None:
            notes.append(
                "library sizes unknown: detection was judged at the reference's median of "
                f"{self.median_reads:,.0f} reads"
            )
        return tuple(notes)

    # -- keeping ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the file, digest included, as plain types."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "n": self.n,
            "unit": self.unit,
            "level": self.level,
            "specimen": self.specimen,
            "cancer": self.cancer,
            "protocol": self.protocol,
            "privacy": _privacy(self.n),
            "median_reads": self.median_reads,
            "panels": self.panels,
            "requested": list(self.requested),
            "keys": list(self.keys),
            "measured": [int(n) for n in self.measured],
            "grids": _rounded(self.grids, 4),
            "sd": _rounded(self.sd, 4),
            "mean": _rounded(self.mean, 6),
            # Symmetric: the lower triangle says it all.
            "covariance": [_rounded(row[: i + 1], 5) for i, row in enumerate(self.covariance)],
            "profile": {
                "keys": list(self.profile.keys),
                "median": _rounded(self.profile.median, 4),
                "mean": _rounded(self.profile.mean, 4),
                "sd": _rounded(self.profile.sd, 4),
            },
            "distance_limit": None if np.isinf(self.distance_limit) else self.distance_limit,
            "scale_limits": list(self.scale_limits),
            "normalisers": [
                {"name": x.name, "mean": round(x.mean, 4), "sd": round(x.sd, 4)}
                for x in self.normalisers
            ],
            "contrast": None
            if self.contrast is None
            else {
                "names": list(self.contrast.names),
                "keys": list(self.contrast.keys),
                "centre": _rounded(self.contrast.centre, 3),
                "scale": _rounded(self.contrast.scale, 3),
                "profiles": _rounded(self.contrast.profiles, 3),
                "threshold": round(self.contrast.threshold, 4),
            },
            "score_grids": self.score_grids,
        }
        return {"digest": _digest(content), **content}

    @classmethod
    def from_dict(cls, content: dict[str, Any], where: str = "") -> Reference:
        """Build a reference from the content of its file, checking the digest."""
        content = dict(content)
        digest = content.pop("digest", None)
        if content.get("format") != FORMAT:
            raise InvalidReferenceError(
                f"format is {content.get('format')!r}",
                where=where,
                expected=f"{FORMAT}, a file written by `mirrisk references fit`",
            )
        if digest != _digest(content):
            raise InvalidReferenceError(
                "the file was changed after it was written: its digest does not match",
                where=where,
                remedy="fetch or fit the reference again",
            )
        try:
            return cls(**_fields(content))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidReferenceError(f"not a reference: {error}", where=where) from None

    def save(self, path: str | Path) -> None:
        """Write the reference as JSON.

        Warns
        -----
        MirriskWarning
            Below 101 samples, where the quantiles are nearly the samples' own values.
        """
        if self.n < PRIVATE_SAMPLES:
            warnings.warn(_privacy(self.n), MirriskWarning, stacklevel=2)
        text = json.dumps(self.to_dict(), separators=(",", ":"), ensure_ascii=False)
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(target)

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
        if isinstance(name, str) and name in shipped_references():
            return _load_shipped(name)
        path = Path(name)
        if not path.is_file():
            raise NotFoundError(
                f"no reference {str(name)!r}",
                expected="a file, or one of " + ", ".join(shipped_references()),
                remedy="fit one: mirrisk references fit TABLE --name NAME --out FILE",
            )
        return cls.from_dict(_read_json(path), where=str(path))

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
        return Reference.from_dict(_read_json(path), where=name)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidReferenceError(f"not JSON: {error}", where=str(path)) from None
    if not isinstance(content, dict):
        raise InvalidReferenceError("not a reference", where=str(path), expected="a JSON object")
    return content


def _fields(content: dict[str, Any]) -> dict[str, Any]:
    """Turn plain types into the attributes of a reference."""
    fields = {k: v for k, v in content.items() if k not in ("format", "privacy")}
    check_choice("specimen", fields["specimen"], get_args(Specimen))
    for name in ("keys", "requested", "scale_limits"):
        fields[name] = tuple(fields[name])
    for name in ("grids", "sd", "measured", "mean"):
        fields[name] = np.asarray(fields[name], dtype=float)
    fields["covariance"] = _symmetric(fields["covariance"])
    profile = fields["profile"]
    arrays = {k: np.asarray(profile[k], dtype=float) for k in ("median", "mean", "sd")}
    fields["profile"] = Profile(keys=tuple(profile["keys"]), **arrays)
    if fields["distance_limit"] is None:
        fields["distance_limit"] = np.inf
    fields["normalisers"] = tuple(Normaliser(**x) for x in fields["normalisers"])
    if fields["contrast"] is not None:
        contrast = fields["contrast"]
        arrays = {k: np.asarray(contrast[k], dtype=float) for k in ("centre", "scale", "profiles")}
        fields["contrast"] = Contrast(
            names=tuple(contrast["names"]),
            keys=tuple(contrast["keys"]),
            threshold=contrast["threshold"],
            **arrays,
        )
    return fields


def _symmetric(rows: list[list[float]]) -> FloatArray:
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        matrix[i, : i + 1] = row
        matrix[: i + 1, i] = row
    return matrix


def _rounded(values: FloatArray, decimals: int) -> Any:
    return np.round(values, decimals).tolist()


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _privacy(n: int) -> str:
    if n >= PRIVATE_SAMPLES:
        return ""
    return (
        f"a reference of {n} samples nearly repeats their values (below {PRIVATE_SAMPLES} the "
        "quantiles do not hide single samples): treat the file like the data"
    )


def _is_measured(column: FloatArray) -> bool:
    return int((~np.isnan(column)).sum()) >= min(MIN_MEASURED, len(column))


def _check_size(n: int, accept_small: bool) -> None:
    if n < MIN_SAMPLES and not accept_small:
        # scikit-learn's common tests look for "n_samples = 1" and "1 sample".
        raise InvalidReferenceError(
            f"n_samples = {n}: too few for a reference",
            expected=f"at least {MIN_SAMPLES} samples, better {FEW_SAMPLES} or more",
            remedy="add samples, or use a shipped reference made like yours",
        )
    if n < 2:
        raise InvalidReferenceError(
            f"n_samples = {n}: 1 sample has no distribution", expected="at least 2 samples"
        )
    if n < FEW_SAMPLES:
        warnings.warn(
            f"a reference of {n} samples is imprecise: intervals widen and few flags are certain "
            f"({FEW_SAMPLES} samples or more are better)",
            MirriskWarning,
            stacklevel=3,
        )
