"""A fitted panel: coefficients learned on a cohort, with all that it takes to apply them.

It is scored by the code that scores the panels of the literature. In the notation of
:mod:`mirrisk.scoring` its features are the normal scores z of its miRNAs in its own reference and
its clinical covariates, standardised; a are its coefficients b. The linear predictor is centred:
eta = b'(E[x | measured] - mu), which is the estimate of the full panel's score times sqrt(b'Cb).
``parts`` holds what a panel consists of, ``schema`` what its file must be.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mirrisk.alignment import Alignment, Slot, Status, Why
from mirrisk.digests import digest_of
from mirrisk.errors import InvalidPanelError
from mirrisk.model.parts import Covariate, Cutoffs, Link, LinkKind, Term
from mirrisk.model.schema import FORMAT, KIND, checked
from mirrisk.notes import WHO, Note
from mirrisk.output import write_texts
from mirrisk.panel import PANEL_ID, VERSION
from mirrisk.reference import Reference
from mirrisk.scoring import FLAGS, Composite, Scores, score_samples, variances

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mirrisk.expression import FeatureIndex
    from mirrisk.model.schema import File
    from mirrisk.vocabulary import FloatArray, IntArray

__all__ = ["Covariate", "Cutoffs", "FittedPanel", "Link", "LinkKind", "Term", "check_identity"]

TOLERANCE = 1e-9
"""How far a self-test may be from what it gave when the file was written."""


FAR = 5.0
"""Standard deviations from the mean of the cohort; further off is rather another unit or a slip."""


class ValidationResult(Protocol):
    """What can be written into a panel's file: a validation of the fit that made it."""

    @property
    def headline(self) -> tuple[str, ...]:
        """What it found, in sentences for people."""

    def to_dict(self, *, patients: bool = True) -> dict[str, Any]:
        """Return it as plain types; ``patients=False`` leaves out what tells of single ones."""


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
        return float(np.sqrt(variances(self.coefficients[None], self.covariance)[0]))

    @cached_property
    def _scaled_cutoffs(self) -> tuple[float, float]:
        """The cutoffs as scores, which is what the kernel compares."""
        return self.cutoffs.low / self.scale, self.cutoffs.high / self.scale

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
        return alignment, self._composite(scored, alignment.shares, alignment.members)

    def _composite(self, scored: Sequence[int], shares: FloatArray, members: IntArray) -> Composite:
        """Return the arrays of the features that are scored, for the kernel."""
        return Composite(
            weights=self.coefficients[scored],
            shares=shares,
            members=members,
            mean=self.mean[scored],
            covariance=self.covariance[np.ix_(scored, scored)],
            n_reference=self.reference.n,
            cutoffs=self._scaled_cutoffs,
            # What a library hides is missing, and estimated: the coefficients hold for the whole.
            knowable=np.ones(len(scored), dtype=bool),
        )

    def standardised(self, covariates: FloatArray) -> FloatArray:
        """Return clinical columns as the coefficients take them: shape (n_samples, n_covariates).

        NaN stays NaN.
        """
        mean, sd = self._covariate_moments
        return np.asarray((covariates - mean) / sd)

    @cached_property
    def _covariate_moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of each covariate in the cohort."""
        mean = np.array([covariate.mean for covariate in self.covariates])
        return mean, np.array([covariate.sd for covariate in self.covariates])

    def far_covariates(self, covariates: FloatArray, samples: Sequence[str]) -> tuple[Note, ...]:
        """Say which clinical columns hold values that the cohort did not have by far.

        Parameters
        ----------
        covariates : ndarray of shape (n_samples, n_covariates)
            As given; NaN is missing.
        samples : sequence of str
        """
        far = np.abs(self.standardised(covariates)) > FAR
        return tuple(
            Note.of(
                f"covariate {covariate.name}: there are values more than {FAR:g} standard "
                f"deviations from the mean of the panel's cohort ({covariate.mean:.3g}): check its "
                f"unit; what the panel says of {WHO} is extrapolated",
                chosen,
                samples,
            )
            for covariate, chosen in zip(self.covariates, far.T, strict=True)
            if chosen.any()
        )

    def probability(self, score: FloatArray) -> FloatArray:
        """Return probabilities for estimates of the full panel's score; NaN stays NaN."""
        return self.link.probability(score * self.scale)

    def with_validation(self, validation: ValidationResult) -> FittedPanel:
        """Return the panel with a validation of its fit in the report.

        Parameters
        ----------
        validation : CrossValidated, OptimismCorrected, or their like of survival
            Nothing that tells of single patients is kept of it.
        """
        told = {**validation.to_dict(patients=False), "said": list(validation.headline)}
        plain = json.loads(json.dumps(told, allow_nan=False))
        return replace(self, report={**self.report, "validation": plain})

    # -- self-test --------------------------------------------------------------------------

    def self_test_vectors(self) -> list[dict[str, Any]]:
        """Make synthetic samples up, and tell what the panel says of them."""
        low, middle, high = (self.reference.grids[self.columns, at] for at in (10, 50, 90))
        alternate = np.where(np.arange(len(self.terms)) % 2 == 0, low, high)
        values = np.vstack([low, middle, high, alternate, alternate])
        values[-1, : len(self.terms) // 2] = np.nan
        mean, sd = self._covariate_moments
        clinical = mean + np.array([[-1.0], [0.0], [1.0], [2.0], [np.nan]]) * sd
        found, probability = self._applied(values, clinical)
        return [
            {
                "values": _plain(values[i]),
                "covariates": _plain(clinical[i]),
                "score": float(found.expected[i]),
                "probability": float(probability[i]),
                "flag": FLAGS[found.flag[i]],
            }
            for i in range(len(values))
        ]

    def _applied(self, values: FloatArray, clinical: FloatArray) -> tuple[Scores, FloatArray]:
        """Score values on the reference's log2 scale, without a table."""
        scored = np.flatnonzero(self.coefficients).tolist()
        count = len(scored)
        z = np.hstack(
            [
                self.reference.normal_scores(values, range(len(self.terms))),
                self.standardised(clinical),
            ]
        )[:, scored]
        composite = self._composite(scored, np.full(count, 1 / max(count, 1)), np.arange(count))
        found = score_samples(z, np.ones(z.shape, dtype=bool), composite, min_coverage=0.0)
        # Of a sample without a single value nothing is known but the cohort.
        found = replace(found, expected=np.nan_to_num(found.expected))
        return found, self.probability(found.expected)

    def check(self, vectors: list[dict[str, Any]], where: str = "") -> None:
        """Refuse to serve if the panel no longer says of the synthetic samples what it said.

        Raises
        ------
        InvalidPanelError
        """
        k = len(self.covariates)
        values = np.array([_floats(v["values"]) for v in vectors]).reshape(len(vectors), -1)
        clinical = np.array([_floats(v["covariates"]) for v in vectors]).reshape(len(vectors), k)
        scores, probability = self._applied(values, clinical)
        for name, found in (("score", scores.expected), ("probability", probability)):
            told = np.array([v[name] for v in vectors])
            worst = float(np.abs(found - told).max(initial=0.0))
            if not worst <= TOLERANCE:
                raise _another(name, f" (by {worst:.2g})", where)
        if [FLAGS[flag] for flag in scores.flag] != [v["flag"] for v in vectors]:
            raise _another("flag", "", where)

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
            "self_test": self.self_test_vectors(),
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
        found = checked(content, where)
        for name, pattern in (("id", PANEL_ID), ("version", VERSION)):
            check_identity(name, getattr(found, name), pattern)
        reference = Reference.from_dict(found.reference, where)
        _check_reads(found, reference, where)
        panel = cls(
            id=found.id,
            version=found.version,
            title=found.title,
            cancer=found.cancer,
            endpoint=found.endpoint,
            caveats=tuple(found.caveats),
            reference=reference,
            # Not model_dump: the claim stays what it is.
            terms=tuple(Term(**dict(term)) for term in found.terms),
            covariates=tuple(Covariate(**dict(each)) for each in found.covariates),
            mean=np.array(found.mean, dtype=np.float64),
            covariance=np.array(found.covariance, dtype=np.float64).reshape(2 * [len(found.mean)]),
            link=Link(
                **{
                    **dict(found.link),
                    "times": tuple(found.link.times),
                    "hazard": tuple(found.link.hazard),
                }
            ),
            cutoffs=Cutoffs(**dict(found.cutoffs)),
            report=found.report,
        )
        panel.check([dict(vector) for vector in found.self_test], where)
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
        return cls.from_dict(KIND.read(path), where=str(path))


def _term_to_dict(term: Term) -> dict[str, Any]:
    return {
        "key": term.key,
        "mirna": term.mirna,
        "coefficient": term.coefficient,
        "frequency": term.frequency,
        "claim": None if term.claim is None else term.claim.model_dump(mode="json"),
    }


def _check_reads(found: File, reference: Reference, where: str) -> None:
    """Refuse a panel whose reference does not begin with its terms, in their order."""
    keys = tuple(term.key for term in found.terms)
    if reference.keys[: len(keys)] != keys:
        raise InvalidPanelError(
            "not a fitted panel: its reference is not of its terms, in their order", where=where
        )


def _another(name: str, by: str, where: str) -> InvalidPanelError:
    return InvalidPanelError(
        f"its self-test gives another {name} than when it was written{by}",
        where=where,
        remedy="do not use it here: report this with the versions of mirrisk, numpy and scipy",
    )


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
