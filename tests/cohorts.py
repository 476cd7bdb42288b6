"""Small cohorts and panels that several test modules need."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mirrisk import nomenclature
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.panel import Panel
from mirrisk.reference import Reference
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from collections.abc import Sequence


def member(
    name: str,
    *mirnas: str,
    risk_when: str | None = "high",
    specimens: Sequence[str] = ("tissue",),
    weight: float = 1.0,
) -> dict[str, Any]:
    """A member with invented evidence; contested where it has no direction."""
    contested = risk_when is None
    return {
        "name": name,
        "mirnas": [{"name": m, "accession": nomenclature.accession_of(m)} for m in mirnas],
        "risk_when": risk_when,
        "status": "contested" if contested else "consistent",
        "basis": "none" if contested else "review",
        "confidence": "low",
        "bone_specific": False,
        "specimens": [] if contested else list(specimens),
        "weight": weight,
        "evidence": [{"relation": "review", "read": "full text"}],
    }


def panel(*members: dict[str, Any], cancer: str = "prostate") -> Panel:
    return Panel.model_validate(
        {
            "schema": 1,
            "id": "toy",
            "version": "1.0.0",
            "title": "A toy",
            "cancer": cancer,
            "endpoint": "none",
            "source": {"citation": "invented"},
            "members": list(members),
        }
    )


LIVER = (
    "hsa-miR-34a-5p",
    "hsa-miR-424-5p",
    "hsa-miR-708-5p",
    "hsa-miR-16-5p",
    "hsa-miR-26a-5p",
    "hsa-miR-1296-5p",
)
"""The six members of the liver panel: risk is a low level of each."""


def strangers(count: int) -> list[str]:
    """miRNAs by form, of no panel."""
    return [f"hsa-miR-{9000 + i}-5p" for i in range(count)]


def log2_table(
    n: int, seed: int, names: Sequence[str] = LIVER, *, others: int = 60
) -> pd.DataFrame:
    """An array's log2 intensities: the miRNAs named and strangers, each about a mean of its own."""
    rng = np.random.default_rng(seed)
    columns = [*names, *strangers(others)]
    centre = 6 + 6 * np.abs(np.sin(np.arange(1, len(columns) + 1)))
    values = centre + rng.normal(size=(n, 1)) * 0.5 + rng.normal(size=(n, len(columns)))
    return pd.DataFrame(values, columns=columns, index=[f"s{i}" for i in range(n)])


def counts_like(
    name: str, n: int, seed: int, *, reads: float = 4e6, spread: float = 0.7
) -> pd.DataFrame:
    """Reads about the medians of a shipped reference, every miRNA by itself."""
    reference = Reference.load(name)
    rng = np.random.default_rng(seed)
    rare = [k for k in reference.keys if k not in reference.profile.keys]
    medians = reference.grids[[reference.position[k] for k in rare], 50]
    logs = np.concatenate([reference.profile.median, medians])
    logs = logs + spread * rng.standard_normal((n, len(logs)))
    cpm = np.maximum(np.exp2(logs) - 1, 0)
    counts = rng.poisson(cpm / cpm.sum(axis=1, keepdims=True) * reads)
    columns = [*reference.profile.keys, *rare]
    return pd.DataFrame(counts, columns=columns, index=[f"s{i}" for i in range(n)])


def quantile_variance(score: float, n: int) -> float:
    """Return the large-sample variance of a quantile of n standard normal values."""
    normal = NormalDist()
    p = normal.cdf(score)
    return p * (1 - p) / normal.pdf(score) ** 2 / n


def panel_with_age() -> FittedPanel:
    """A fitted panel of three miRNAs and a covariate, its numbers made up."""
    keys = LIVER[:3]
    cohort = as_expression(log2_table(60, 4, others=120), unit="log2")
    reference = Reference.fit_keys(cohort, keys, name="a cohort").restricted(keys)
    covariance = np.eye(4)
    covariance[:3, :3] = reference.covariance
    return FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=("Made up.",),
        reference=reference,
        terms=tuple(Term(key, key, b) for key, b in zip(keys, (-0.8, 0.5, -0.3), strict=True)),
        covariates=(Covariate("age", 0.6, mean=60.0, sd=10.0),),
        mean=np.append(reference.mean, 0.0),
        covariance=covariance,
        link=Link("logistic", intercept=-1.2, slope=0.9),
        cutoffs=Cutoffs(-0.6, 0.7, "low as chosen", "high as chosen"),
        report={"n": 60, "events": 20},
    )
