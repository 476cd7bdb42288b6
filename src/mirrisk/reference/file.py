"""The file of a reference: JSON with summary statistics and a digest that guards them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.digests import FileKind, digest_of
from mirrisk.errors import InvalidReferenceError
from mirrisk.output import write_texts
from mirrisk.reference.content import attributes

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.reference import Reference
    from mirrisk.vocabulary import FloatArray

FORMAT = 1

KIND = FileKind(
    "reference",
    FORMAT,
    "mirrisk references fit",
    InvalidReferenceError,
    remedy="if this is a table of your cohort, fit a reference on it first: "
    "mirrisk references fit TABLE --name NAME --out FILE",
)

PRIVATE_SAMPLES = 101
"""Below this many samples, 101 quantiles are nearly the values of the samples themselves."""


def encode(reference: Reference) -> dict[str, Any]:
    """Return the content of a reference's file, digest included, as plain types."""
    profile, contrast = reference.profile, reference.contrast
    content: dict[str, Any] = {
        "format": FORMAT,
        "name": reference.name,
        "n": reference.n,
        "unit": reference.unit,
        "level": reference.level,
        "specimen": reference.specimen,
        "cancer": reference.cancer,
        "protocol": reference.protocol,
        "privacy": privacy_note(reference),
        "median_reads": reference.median_reads,
        "panels": reference.panels,
        "requested": list(reference.requested),
        "keys": list(reference.keys),
        "measured": [int(n) for n in reference.measured],
        "grids": _rounded(reference.grids, 4),
        "sd": _rounded(reference.sd, 4),
        "mean": _rounded(reference.mean, 6),
        # Symmetric: the lower triangle says it all.
        "covariance": [_rounded(row[: i + 1], 5) for i, row in enumerate(reference.covariance)],
        "profile": {
            "keys": list(profile.keys),
            "median": _rounded(profile.median, 4),
            "mean": _rounded(profile.mean, 4),
            "sd": _rounded(profile.sd, 4),
        },
        "samples": list(reference.samples),
        "distance_limit": None if np.isinf(reference.distance_limit) else reference.distance_limit,
        "scale_limits": list(reference.scale_limits),
        "normalisers": [
            {"name": x.name, "mean": round(x.mean, 4), "sd": round(x.sd, 4)}
            for x in reference.normalisers
        ],
        "contrast": None,
        "score_grids": {panel: _rounded(grid, 3) for panel, grid in reference.score_grids.items()},
    }
    if reference.limit is not None:
        content["undetermined"] = reference.undetermined
        content["limit"] = reference.limit
    if contrast is not None:
        content["contrast"] = {
            "names": list(contrast.names),
            "keys": list(contrast.keys),
            "centre": _rounded(contrast.centre, 3),
            "scale": _rounded(contrast.scale, 3),
            "profiles": _rounded(contrast.profiles, 3),
            "threshold": round(contrast.threshold, 4),
        }
    return {"digest": digest_of(content), **content}


def decode(content: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the attributes of a reference from the content of its file.

    Raises
    ------
    InvalidReferenceError
        If the content is no reference, or does not match its digest.
    """
    rest = KIND.without_digest(content, where)
    try:
        return attributes(rest)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidReferenceError(f"not a reference: {error}", where=where) from None


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a reference's file whole, or not at all."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    write_texts({str(path): text + "\n"})


def privacy_note(reference: Reference) -> str:
    """Return what to know before sharing a reference; empty where nothing is."""
    fewest = int(reference.measured.min(initial=reference.n))
    if fewest >= PRIVATE_SAMPLES:
        return ""
    of = f"{fewest} samples"
    if fewest < reference.n:
        rarest = reference.keys[int(reference.measured.argmin())]
        of = f"{rarest}, measured in {fewest} of {reference.n} samples, the fewest of its miRNAs,"
    return (
        f"quantiles of {of} nearly repeat their values (below {PRIVATE_SAMPLES} samples they "
        "do not hide single samples): treat the file like the data"
    )


def _rounded(values: FloatArray, decimals: int) -> Any:
    return np.round(values, decimals).tolist()
