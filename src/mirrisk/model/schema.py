"""The file of a fitted panel: JSON whose every number, name and list is checked when it is read.

The digest tells a file that was changed by accident. Whoever writes a digest anew must still get
past this: numbers are finite, and what must be ordered or fit together does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mirrisk.digests import FileKind
from mirrisk.errors import InvalidPanelError
from mirrisk.panel import Member

FORMAT = "mirrisk-model-1"

KIND = FileKind("fitted panel", FORMAT, "mirrisk fit", InvalidPanelError)

SHOWN = 3
"""How many faults an error tells."""

# Strict: text is no number, and a number no text. Infinite and NaN are no values.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Plain = Annotated[dict[str, Any], Field(strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TermPart(_Part):
    """A miRNA with its coefficient."""

    key: Name
    mirna: Name
    coefficient: Number
    frequency: Share | None
    claim: Member | None


class CovariatePart(_Part):
    """A clinical column with its coefficient."""

    name: Name
    coefficient: Number
    mean: Number
    sd: Positive


class LinkPart(_Part):
    """From the linear predictor to a probability: of survival it has a baseline, else none."""

    kind: Literal["logistic", "cox", "fine-gray"]
    intercept: Number
    slope: Number
    horizon: Positive | None
    times: list[NotNegative]
    hazard: list[NotNegative]
    end: Positive | None

    @model_validator(mode="after")
    def _baseline_is_a_baseline(self) -> Self:
        if self.kind == "logistic":
            if self.times or self.hazard or self.horizon is not None or self.end is not None:
                raise ValueError("a logistic link has neither times and hazard nor a horizon")
            return self
        if self.horizon is None or self.end is None or self.horizon > self.end:
            raise ValueError("the horizon must lie within follow-up, and both be known")
        if len(self.times) != len(self.hazard) or not self.times:
            raise ValueError("times and hazard must be of one length, and not empty")
        if any(b <= a for a, b in pairwise(self.times)) or self.times[-1] > self.end:
            raise ValueError("times must ascend, up to the end of follow-up")
        if any(b < a for a, b in pairwise(self.hazard)):
            raise ValueError("a cumulated hazard never falls")
        return self


class CutoffsPart(_Part):
    """Linear predictors that are low, or high."""

    low: Number
    high: Number
    low_means: Text
    high_means: Text

    @model_validator(mode="after")
    def _not_crossed(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low:g}, above high, {self.high:g}")
        return self


class VectorPart(_Part):
    """A synthetic sample, and what the panel said of it."""

    values: list[Number | None]
    covariates: list[Number | None]
    score: Number
    probability: Share
    flag: Name


class OutcomePart(BaseModel):
    """What was predicted; further fields are the fit's own."""

    kind: Literal["binary", "survival"]
    event: Text = ""
    other: Text = ""


class ValidationPart(BaseModel):
    """What a validation found; further fields are those of its result."""

    said: list[Text] = []


class ReportPart(BaseModel):
    """What results read in a report; the rest is for readers, and only needs to be plain."""

    n: Count | None = None
    events: Count | None = None
    outcome: OutcomePart | None = None
    validation: ValidationPart | None = None
    said: list[Text] = []


class File(_Part):
    """The whole content but the digest."""

    format: Literal["mirrisk-model-1"]
    id: Name
    version: Name
    title: Name
    cancer: Name | None
    endpoint: Text
    caveats: list[Text]
    terms: list[TermPart]
    covariates: list[CovariatePart]
    mean: list[Number]
    covariance: list[list[Number]]
    link: LinkPart
    cutoffs: CutoffsPart
    report: Plain
    reference: Plain
    self_test: Annotated[list[VectorPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [term.key for term in self.terms] + [each.name for each in self.covariates]
        if len(set(names)) < len(names):
            raise ValueError("a term or covariate occurs twice")
        k = len(names)
        if len(self.mean) != k or [len(row) for row in self.covariance] != [k] * k:
            raise ValueError("mean and covariance do not fit its terms and covariates")
        covariance = np.array(self.covariance).reshape(k, k)
        if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-9):
            raise ValueError("covariance is not symmetric")
        if k and np.linalg.eigvalsh(covariance)[0] < -1e-6:
            raise ValueError("covariance is none: a combination would have a negative variance")
        for vector in self.self_test:
            if (len(vector.values), len(vector.covariates)) != (
                len(self.terms),
                len(self.covariates),
            ):
                raise ValueError("self_test does not fit its terms and covariates")
        ReportPart.model_validate(self.report)
        return self


def checked(content: dict[str, Any], where: str) -> File:
    """Return the content of a fitted panel's file, every field checked.

    Raises
    ------
    InvalidPanelError
        If it is no fitted panel, or was changed.
    """
    try:
        return File.model_validate(KIND.without_digest(content, where))
    except ValidationError as error:
        raise _invalid(error, where) from None


def _invalid(error: ValidationError, where: str) -> InvalidPanelError:
    """Tell the first faults, each with its place in the file."""
    faults = error.errors(include_url=False, include_context=False)
    told = []
    for fault in faults[:SHOWN]:
        # A member of a union shows in the place as the name of its type: no part of the file.
        place = ".".join(str(part) for part in fault["loc"] if "[" not in str(part))
        message = fault["msg"].removeprefix("Value error, ")
        told.append(f"{place}: {message}" if place else message)
    further = len(faults) - SHOWN
    more = f"; and {further} more" if further > 0 else ""
    return InvalidPanelError(f"not a fitted panel: {'; '.join(told)}{more}", where=where)
