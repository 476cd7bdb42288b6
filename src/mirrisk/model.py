"""A fitted panel: coefficients learned on a cohort, with all that it takes to apply them.

It is scored by the code that scores the panels of the literature. In the notation of
:mod:`mirrisk.scoring` its features are the normal scores z of its miRNAs in its own reference and
its clinical covariates, standardised; a are its coefficients b. The linear predictor is centred:
eta = b'(E[x | measured] - mu), which is the estimate of the full panel's score times sqrt(b'Cb).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import expit

from mirrisk.alignment import Alignment, Slot, Status, Why
from mirrisk.digests import digest_of
from mirrisk.errors import InvalidPanelError, MirriskError, NotFoundError
from mirrisk.output import write_texts
from mirrisk.panel import PANEL_ID, VERSION, Member
from mirrisk.reference import Reference
from mirrisk.scoring import MIN_VARIANCE, Composite, score_samples

if TYPE_CHECKING:
    from mirrisk.expression import FeatureIndex
    from mirrisk.vocabulary import FloatArray

FORMAT = "mirrisk-model-1"

TOLERANCE = 1e-9
"""How far a self-test may be from what it gave when the file was written."""

LinkKind = Literal["logistic", "cox", "fine-gray"]


@dataclass(frozen=True)
class Term:
    """A miRNA with its coefficient.

    Attributes
    ----------
    key : str
        The column of the reference that it reads.
    mirna : str
        What results call it: the mature miRNA, or the column where that is not known.
    coefficient : float
        Log odds, or log hazard, per normal score.
    claim : Member, optional
        What the literature says of it.
    frequency : float, optional
        Share of the halves of stability selection that selected it, 0 to 1.
    """

    key: str
    mirna: str
    coefficient: float
    claim: Member | None = None
    frequency: float | None = None

    @property
    def member(self) -> str:
        """The claim that it belongs to, or its own name."""
        return self.mirna if self.claim is None else self.claim.name


@dataclass(frozen=True)
class Covariate:
    """A clinical column with its coefficient, per standard deviation of the cohort."""

    name: str
    coefficient: float
    mean: float
    sd: float


@dataclass(frozen=True)
class Link:
    """From the centred linear predictor to a probability.

    Attributes
    ----------
    kind : {"logistic", "cox", "fine-gray"}
        The probability is expit(intercept + slope eta), or, of an event until the horizon,
        1 - exp(-H0(horizon) exp(slope eta)).
    intercept, slope : float
        Calibrated on predictions for samples that the fit had not seen.
    horizon : float, optional
        In the cohort's unit of time.
    times, hazard : tuple of float
        The baseline (subdistribution) hazard, cumulated: a step function.
    """

    kind: LinkKind
    intercept: float = 0.0
    slope: float = 1.0
    horizon: float | None = None
    times: tuple[float, ...] = ()
    hazard: tuple[float, ...] = ()

    def probability(self, eta: FloatArray, horizon: float | None = None) -> FloatArray:
        """Return probabilities for centred linear predictors."""
        if self.kind == "logistic":
            return np.asarray(expit(self.intercept + self.slope * eta))
        return np.asarray(-np.expm1(-self.hazard_until(horizon) * np.exp(self.slope * eta)))

    def hazard_until(self, horizon: float | None = None) -> float:
        """Return the cumulated baseline hazard at a horizon, default its own."""
        until = self.horizon if horizon is None else horizon
        if until is None:
            raise MirriskError("no horizon: a probability of what, until when?")
        steps = int(np.searchsorted(self.times, until, side="right"))
        return self.hazard[steps - 1] if steps else 0.0


@dataclass(frozen=True)
class Cutoffs:
    """Centred linear predictors at or below which a sample is low, or high from.

    ``low_means`` and ``high_means`` say in words what the cutoffs were chosen for.
    """

    low: float
    high: float
    low_means: str
    high_means: str


@dataclass(frozen=True, eq=False)
class FittedPanel:
    """A panel whose coefficients were fitted to outcomes.

    Made by :class:`mirrisk.fitting.PanelClassifier` and its siblings; ``mirrisk.score`` takes
    it as it takes the panels of the literature, with the reference that it carries.

    Parameters
    ----------
    id, version, title, endpoint, cancer, caveats
        As for the panels of the literature; ``cancer`` None: not stated.
    reference : Reference
        Of the cohort that it was fitted on: what its normal scores are relative to.
    terms : tuple of Term
    covariates : tuple of Covariate
    mean, covariance : ndarray of shape (n_features,) and (n_features, n_features)
        Of the cohort's normal scores, then standardised covariates.
    link : Link
    cutoffs : Cutoffs
    report : dict
        How it was fitted and what it is worth, as plain types.
    """

    id: str
    version: str
    title: str
    cancer: str | None
    endpoint: str
    caveats: tuple[str, ...]
    reference: Reference
    terms: tuple[Term, ...]
    covariates: tuple[Covariate, ...]
    mean: FloatArray
    covariance: FloatArray
    link: Link
    cutoffs: Cutoffs
    report: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.terms and not self.covariates:
            raise InvalidPanelError("a fitted panel without a miRNA or covariate predicts nothing")
        for array in (self.mean, self.covariance):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return (
            f"FittedPanel({self.id!r} {self.version}: {len(self.terms)} miRNAs, "
            f"{len(self.covariates)} covariates, {self.link.kind}, digest {self.digest[:12]})"
        )

    # -- applying ---------------------------------------------------------------------------

    @cached_property
    def coefficients(self) -> FloatArray:
        """Of the terms, then the covariates: shape (n_features,)."""
        terms = [term.coefficient for term in self.terms]
        return np.array(terms + [covariate.coefficient for covariate in self.covariates])

    @cached_property
    def scale(self) -> float:
        """Standard deviation of the linear predictor in the cohort: sqrt(b'Cb)."""
        b = self.coefficients
        return float(np.sqrt(max(np.sum(b[:, None] * self.covariance * b), MIN_VARIANCE)))

    @cached_property
    def columns(self) -> list[int]:
        """The rows of the reference's arrays that the terms read."""
        return [self.reference.position[term.key] for term in self.terms]

    def lay(self, index: FeatureIndex) -> tuple[Alignment, Composite]:
        """Lay the panel over a table's columns."""
        level = self.reference.level
        columns = index.columns_of(level)
        share = 1 / float(np.abs(self.coefficients).sum() or 1.0)
        slots = []
        for term in self.terms:
            found = term.key in columns
            ambiguous = {term.key, term.mirna} & index.ambiguous.keys()
            status: Status = "used" if found else "ambiguous" if ambiguous else "missing"
            why: Why = "not_in_table" if status == "missing" else ""
            slots.append(
                Slot(
                    member=term.member,
                    mirna=term.mirna,
                    key=term.key,
                    status=status,
                    why=why,
                    matched=" + ".join(index.features[c] for c in columns.get(term.key, ())),
                    weight=term.coefficient,
                    share=abs(term.coefficient) * share,
                    claim=term.claim,
                )
            )
        slots += [
            Slot(
                member=covariate.name,
                mirna="",
                key="",
                status="used",
                why="",
                matched=covariate.name,
                weight=covariate.coefficient,
                share=abs(covariate.coefficient) * share,
                covariate=i,
            )
            for i, covariate in enumerate(self.covariates)
        ]
        alignment = Alignment(self, self.reference.specimen, tuple(slots))
        scored = list(alignment.scored)
        return alignment, Composite(
            weights=alignment.weights,
            shares=alignment.shares,
            members=alignment.members,
            mean=self.mean[scored],
            covariance=self.covariance[np.ix_(scored, scored)],
            n_reference=self.reference.n,
            cutoffs=(self.cutoffs.low / self.scale, self.cutoffs.high / self.scale),
            # What a library hides is missing, and estimated: the coefficients hold for the whole.
            knowable=np.ones(len(scored), dtype=bool),
        )

    def standardised(self, covariates: FloatArray) -> FloatArray:
        """Return clinical columns as the coefficients take them: shape (n_samples, n_covariates).

        NaN stays NaN.
        """
        mean = np.array([c.mean for c in self.covariates])
        sd = np.array([c.sd for c in self.covariates])
        return np.asarray((covariates - mean) / sd)

    def probability(self, score: FloatArray) -> FloatArray:
        """Return probabilities for estimates of the full panel's score; NaN stays NaN."""
        return self.link.probability(score * self.scale)

    # -- self-test --------------------------------------------------------------------------

    def test_vectors(self) -> list[dict[str, Any]]:
        """Make synthetic samples up, and tell what the panel says of them."""
        low, middle, high = (self.reference.grids[self.columns, at] for at in (10, 50, 90))
        alternate = np.where(np.arange(len(self.terms)) % 2 == 0, low, high)
        values = np.vstack([low, middle, high, alternate, alternate])
        values[-1, : len(self.terms) // 2] = np.nan
        mean = np.array([c.mean for c in self.covariates])
        sd = np.array([c.sd for c in self.covariates])
        clinical = mean + np.array([[-1.0], [0.0], [1.0], [2.0], [np.nan]]) * sd
        score, probability = self._applied(values, clinical)
        return [
            {
                "values": _plain(values[i]),
                "covariates": _plain(clinical[i]),
                "score": float(score[i]),
                "probability": float(probability[i]),
            }
            for i in range(len(values))
        ]

    def _applied(self, values: FloatArray, clinical: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Score values on the reference's log2 scale, without a table."""
        scored = self.coefficients != 0
        z = np.hstack(
            [
                self.reference.normal_scores(values, range(len(self.terms))),
                self.standardised(clinical),
            ]
        )[:, scored]
        composite = Composite(
            weights=self.coefficients[scored],
            shares=np.full(int(scored.sum()), 1 / max(int(scored.sum()), 1)),
            members=np.arange(int(scored.sum())),
            mean=self.mean[scored],
            covariance=self.covariance[np.ix_(scored, scored)],
            n_reference=self.reference.n,
            cutoffs=(0.0, 0.0),
            knowable=np.ones(int(scored.sum()), dtype=bool),
        )
        found = score_samples(z, np.ones(z.shape, dtype=bool), composite, min_coverage=0.0)
        # Of a sample without a single value nothing is known but the cohort.
        expected = np.nan_to_num(found.expected)
        return expected, self.probability(expected)

    def check(self, vectors: list[dict[str, Any]], where: str = "") -> None:
        """Refuse to serve if the panel no longer says of the synthetic samples what it said.

        Raises
        ------
        InvalidPanelError
        """
        k = len(self.covariates)
        values = np.array([_floats(v["values"]) for v in vectors]).reshape(len(vectors), -1)
        clinical = np.array([_floats(v["covariates"]) for v in vectors]).reshape(len(vectors), k)
        for name, found in zip(
            ("score", "probability"), self._applied(values, clinical), strict=True
        ):
            told = np.array([v[name] for v in vectors])
            worst = float(np.abs(found - told).max(initial=0.0))
            if not worst <= TOLERANCE:
                raise InvalidPanelError(
                    f"its self-test gives another {name} than when it was written (by {worst:.2g})",
                    where=where,
                    remedy="do not use it here: report this with the versions of mirrisk, numpy "
                    "and scipy",
                )

    # -- keeping ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the file, digest and self-test included, as plain types."""
        content = {
            "format": FORMAT,
            **{
                name: getattr(self, name)
                for name in ("id", "version", "title", "cancer", "endpoint")
            },
            "caveats": list(self.caveats),
            "terms": [_term_to_dict(term) for term in self.terms],
            "covariates": [asdict(covariate) for covariate in self.covariates],
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "link": asdict(self.link),
            "cutoffs": asdict(self.cutoffs),
            "report": self.report,
            "reference": self.reference.to_dict(),
            "self_test": self.test_vectors(),
        }
        # Through JSON: tuples become lists, and the digest is that of what is read back.
        content = json.loads(json.dumps(content, allow_nan=False))
        return {"digest": digest_of(content), **content}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content."""
        return str(self.to_dict()["digest"])

    @classmethod
    def from_dict(cls, content: dict[str, Any], where: str = "") -> FittedPanel:
        """Build a fitted panel from the content of its file, checking digest and self-test.

        Raises
        ------
        InvalidPanelError
            If it is no fitted panel, was changed, or no longer gives the same results.
        """
        content = dict(content)
        digest = content.pop("digest", None)
        if content.get("format") != FORMAT:
            raise InvalidPanelError(
                f"format is {content.get('format')!r}",
                where=where,
                expected=f"{FORMAT}, a file written by `mirrisk fit`",
            )
        if digest != digest_of(content):
            raise InvalidPanelError(
                "the file was changed after it was written: its digest does not match",
                where=where,
                remedy="fetch or fit the panel again",
            )
        try:
            panel = cls(**_attributes(content, where))
            panel.check(content["self_test"], where)
        except MirriskError:
            raise
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InvalidPanelError(f"not a fitted panel: {error}", where=where) from None
        return panel

    def save(self, path: str | Path) -> None:
        """Write the panel as JSON; the file appears whole or not at all."""
        write_texts({str(path): json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"})

    @classmethod
    def load(cls, path: str | Path) -> FittedPanel:
        """Read a fitted panel from its file.

        Raises
        ------
        NotFoundError
            If there is no such file.
        InvalidPanelError
            If the file is no fitted panel, or was changed.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise NotFoundError(
                f"this fitted panel cannot be read: {error.strerror}", where=str(path)
            ) from None
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InvalidPanelError(f"not JSON: {error}", where=str(path)) from None
        if not isinstance(content, dict):
            raise InvalidPanelError("not a fitted panel", where=str(path))
        return cls.from_dict(content, where=str(path))


def _term_to_dict(term: Term) -> dict[str, Any]:
    return {
        "key": term.key,
        "mirna": term.mirna,
        "coefficient": term.coefficient,
        "frequency": term.frequency,
        "claim": None if term.claim is None else term.claim.model_dump(mode="json"),
    }


def _attributes(content: dict[str, Any], where: str) -> dict[str, Any]:
    found = {k: v for k, v in content.items() if k not in ("format", "self_test")}
    for name, pattern in (("id", PANEL_ID), ("version", VERSION)):
        check_identity(name, found[name], pattern)
    found["caveats"] = tuple(found["caveats"])
    found["reference"] = Reference.from_dict(found["reference"], where)
    claims = [
        None if term["claim"] is None else Member.model_validate(term["claim"])
        for term in found["terms"]
    ]
    found["terms"] = tuple(
        Term(**{**term, "claim": claim}) for term, claim in zip(found["terms"], claims, strict=True)
    )
    found["covariates"] = tuple(Covariate(**covariate) for covariate in found["covariates"])
    for name in ("mean", "covariance"):
        found[name] = np.asarray(found[name], dtype=np.float64)
    k = len(found["terms"]) + len(found["covariates"])
    if found["mean"].shape != (k,) or found["covariance"].shape != (k, k):
        raise ValueError("mean and covariance do not fit its terms and covariates")
    link = found["link"]
    found["link"] = Link(**{**link, "times": tuple(link["times"]), "hazard": tuple(link["hazard"])})
    found["cutoffs"] = Cutoffs(**found["cutoffs"])
    return found


def check_identity(name: str, value: object, pattern: str) -> None:
    """Refuse an id or a version that is none.

    Raises
    ------
    InvalidPanelError
    """
    if not isinstance(value, str) or not re.match(pattern, value):
        expected = "such as my-panel" if pattern == PANEL_ID else "such as 1.0.0"
        raise InvalidPanelError(f"{name} is {value!r}", expected=expected)


def _plain(row: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


def _floats(row: list[float | None]) -> list[float]:
    return [np.nan if value is None else value for value in row]
