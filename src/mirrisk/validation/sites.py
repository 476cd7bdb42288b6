"""Leaving one site out: what a model does where it was not made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mirrisk.errors import MismatchError
from mirrisk.validation.fingerprint import fingerprint
from mirrisk.validation.fold_auc import fold_auc, interval_dict, placements
from mirrisk.validation.folds import Fold, collect, out_of_fold, run_folds
from mirrisk.validation.outcome import check_level
from mirrisk.validation.parallel import (
    Failure,
    GatheredWarning,
    account,
    counted,
    failures,
    gathered,
)
from mirrisk.validation.plain import plain
from mirrisk.validation.samples import Cohort, cohort, json_numbers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from mirrisk.validation.interval import Interval
    from mirrisk.validation.parallel import Outcome, Progress
    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True)
class Site:
    """How well models of all other sites do at one.

    Attributes
    ----------
    site : str
    n, events : int
        Its samples.
    trained_on : int
        Samples of the other sites that the model saw; those of the site's own patients are not
        among them.
    auc : Interval
        Not defined where the site has one class only, or the fit failed.
    error : str
        Why the fit failed.
    """

    site: str
    n: int
    events: int
    trained_on: int
    auc: Interval
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None."""
        return {
            "site": self.site,
            "n": self.n,
            "events": self.events,
            "trained_on": self.trained_on,
            "auc": interval_dict(self.auc),
            "error": self.error,
        }


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What models do at a site that they have not seen.

    Attributes
    ----------
    sites : tuple of Site
        In the order of their names.
    risks : array of shape (n_samples,)
        NaN where the fit failed or gave no finite risk.
    auc : Interval
        Over pairs of patients of the same site. The interval is about other patients at these
        sites, not about other sites.
    warnings : tuple of GatheredWarning
        What the fits warned of.
    """

    sites: tuple[Site, ...]
    risks: FloatArray
    auc: Interval
    warnings: tuple[GatheredWarning, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Sites without a model."""
        return tuple(Failure(s.site, s.error) for s in self.sites if s.error)

    def to_dict(self, *, patients: bool = True) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None.

        Parameters
        ----------
        patients : bool, default True
            With risks of single patients, and with what fits warned of, which may name samples.
        """
        found: dict[str, Any] = {
            "auc": interval_dict(self.auc),
            "sites": [site.to_dict() for site in self.sites],
            "failures": plain(self.failures),
        }
        if patients:
            found["risks"] = json_numbers(self.risks)
            found["warnings"] = plain(self.warnings)
        return found

    @property
    def headline(self) -> tuple[str, ...]:
        """What was found, in words, and how many fits failed."""
        return (*self._found(), *counted(self.failures, len(self.sites)))

    def _found(self) -> tuple[str, ...]:
        return f"{len(self.sites)} sites, each left out once", f"within sites: {self.auc}"

    def __str__(self) -> str:
        lines = list(self._found())
        lines += [
            f"  {s.site}: n = {s.n}, {s.events} events, {s.auc}" for s in self.sites if not s.error
        ]
        return "\n".join(lines + account(self.failures, len(self.sites), self.warnings))


def leave_one_group_out(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    sites: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    seed: int,
    n_jobs: int | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> LeftOut:
    """Judge at each site the model of all other sites.

    Parameters
    ----------
    estimator, X, y, groups, seed, n_jobs, level, progress, checkpoint
        As for :func:`nested_cv`. A patient of several sites is left out of the model of each.
    sites : array-like of shape (n_samples,)
        Hospital, study, batch: two or more.

    Returns
    -------
    LeftOut

    Raises
    ------
    MismatchError
        If the inputs are not of the same samples, or of one site.
    CheckpointError
        If the checkpoint is of another run.
    MirriskError
        If all fits fail.
    """
    data = cohort(X, y, groups)
    check_level(level)
    names, at = _sites(sites, len(data.y))
    tasks = _site_tasks(data, at, len(names), seed)
    run = {"kind": "leave_one_group_out", "sites": fingerprint(at), "seed": seed}
    outcomes = run_folds(out_of_fold, estimator, data, tasks, run, n_jobs, progress, checkpoint)
    failures(outcomes, names)
    risks = collect(tasks, outcomes, len(data.y))
    rows = zip(names, tasks, outcomes, strict=True)
    return LeftOut(
        sites=tuple(_site(name, task, out, data, risks, level) for name, task, out in rows),
        risks=risks,
        auc=fold_auc(data.y, [placements(data.y, risks, at)], data.patients, level),
        warnings=gathered(outcomes),
    )


def _sites(sites: ArrayLike, n: int) -> tuple[list[str], IntArray]:
    labels = np.asarray(sites)
    if labels.shape != (n,):
        raise MismatchError(
            f"sites has the shape {labels.shape}", expected=f"one site per sample, shape ({n},)"
        )
    missing = pd.isna(labels)
    if missing.any():
        raise MismatchError(
            f"{missing.sum()} of {n} sites are missing",
            where=f"position {np.argmax(missing)}",
            expected="a site for every sample",
        )
    names, at = np.unique(labels.astype(str), return_inverse=True)
    if len(names) < 2:
        raise MismatchError(f"all samples are of one site, {names[0]!r}", expected="two or more")
    return [str(name) for name in names], np.asarray(at, dtype=np.intp)


def _site_tasks(data: Cohort, at: IntArray, count: int, seed: int) -> list[Fold]:
    tasks = []
    for site in range(count):
        seen_there = np.isin(data.patients, data.patients[at == site])
        tasks.append(Fold(np.flatnonzero(~seen_there), np.flatnonzero(at == site), [seed, site]))
    return tasks


def _site(
    name: str, task: Fold, outcome: Outcome, data: Cohort, risks: FloatArray, level: float
) -> Site:
    y, risk = data.y[task.test], risks[task.test]
    here = placements(y, risk, np.zeros(len(y), dtype=np.intp))
    return Site(
        site=name,
        n=len(y),
        events=int(y.sum()),
        trained_on=len(task.train),
        auc=fold_auc(y, [here], data.patients[task.test], level),
        error=outcome.error,
    )
