"""The file of a reference: JSON with summary statistics and a digest that guards them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mirrisk.digests import digest_of
from mirrisk.errors import InvalidReferenceError
from mirrisk.expression import check_choice
from mirrisk.output import write_texts
from mirrisk.reference.fitness import Contrast, Profile
from mirrisk.reference.normalisers import Normaliser
from mirrisk.vocabulary import SEQUENCING, Level, Specimen, Unit

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.reference import Reference
    from mirrisk.vocabulary import FloatArray

FORMAT = 1

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
    content = dict(content)
    digest = content.pop("digest", None)
    if content.get("format") != FORMAT:
        raise InvalidReferenceError(
            f"format is {content.get('format')!r}",
            where=where,
            expected=f"{FORMAT}, a file written by `mirrisk references fit`",
        )
    if digest != digest_of(content):
        raise InvalidReferenceError(
            "the file was changed after it was written: its digest does not match",
            where=where,
            remedy="fetch or fit the reference again",
        )
    try:
        return _attributes(content)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidReferenceError(f"not a reference: {error}", where=where) from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a reference's file.

    Raises
    ------
    InvalidReferenceError
        If it is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidReferenceError(
            f"not JSON: {error}",
            where=str(path),
            expected="a reference, as `mirrisk references fit` writes it",
            remedy="if this is a table of your cohort, fit a reference on it first: "
            "mirrisk references fit TABLE --name NAME --out FILE",
        ) from None
    if not isinstance(content, dict):
        raise InvalidReferenceError("not a reference", where=str(path), expected="a JSON object")
    return content


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a reference's file whole, or not at all."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    write_texts({str(path): text + "\n"})


def privacy_note(reference: Reference) -> str:
    """Return what to know before sharing a reference; empty where nothing is."""
    fewest = int(reference.measured.min(initial=reference.n))
    if fewest >= PRIVATE_SAMPLES:
        return ""
    return (
        f"quantiles of {fewest} samples nearly repeat their values (below {PRIVATE_SAMPLES} they "
        "do not hide single samples): treat the file like the data"
    )


def _attributes(content: dict[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in content.items() if k not in ("format", "privacy")}
    for name, vocabulary in (("unit", Unit), ("level", Level), ("specimen", Specimen)):
        check_choice(name, found[name], get_args(vocabulary))
    for name in ("keys", "requested", "scale_limits", "samples"):
        found[name] = tuple(found[name])
    for name in ("sd", "measured", "mean"):
        found[name] = np.asarray(found[name], dtype=float)
    found["grids"] = np.asarray(found["grids"], dtype=float).reshape(len(found["keys"]), 101)
    found["covariance"] = _symmetric(found["covariance"])
    count = len(found["keys"])
    if found["grids"].shape != (count, 101) or found["covariance"].shape != (count, count):
        raise ValueError("grids and covariance do not fit its keys")
    for name in ("sd", "measured", "mean"):
        if found[name].shape != (count,):
            raise ValueError(f"{name} does not fit its keys")
    profile = found["profile"]
    found["profile"] = Profile(
        keys=tuple(profile["keys"]),
        sequencing=found["unit"] in SEQUENCING,
        **_arrays(profile, "median", "mean", "sd"),
    )
    if found["distance_limit"] is None:
        found["distance_limit"] = np.inf
    found["normalisers"] = tuple(Normaliser(**x) for x in found["normalisers"])
    contrast = found["contrast"]
    if contrast is not None:
        found["contrast"] = Contrast(
            names=tuple(contrast["names"]),
            keys=tuple(contrast["keys"]),
            threshold=contrast["threshold"],
            **_arrays(contrast, "centre", "scale", "profiles"),
        )
    grids = found["score_grids"]
    found["score_grids"] = {panel: np.asarray(grids[panel], dtype=float) for panel in grids}
    return found


def _arrays(content: dict[str, Any], *names: str) -> dict[str, FloatArray]:
    return {name: np.asarray(content[name], dtype=float) for name in names}


def _symmetric(rows: list[list[float]]) -> FloatArray:
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        matrix[i, : i + 1] = row
        matrix[: i + 1, i] = row
    return matrix


def _rounded(values: FloatArray, decimals: int) -> Any:
    return np.round(values, decimals).tolist()
