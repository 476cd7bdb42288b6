"""The content of a reference's file, every number and list checked: what is served holds together.

The twin of :mod:`mirrisk.model.schema`; the long arrays are checked whole, not number by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mirrisk.expression import check_choice
from mirrisk.reference.fitness import Contrast, Profile
from mirrisk.reference.normalisers import Normaliser
from mirrisk.reference.quantiles import LEVELS
from mirrisk.vocabulary import SEQUENCING, Level, Specimen, Undetermined, Unit

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

MOST_SAMPLES = 10**9
"""No cohort has more; a larger number is a slip, and does not fit into a float."""

ROUNDING = 1e-3
"""What the decimals of a covariance in a file may take from its least eigenvalue, at most."""


def attributes(content: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a reference.

    Parameters
    ----------
    content : dict
        Of its file, without the digest.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, or is not what it must be.
    """
    found = {k: v for k, v in content.items() if k not in ("format", "privacy")}
    for name, vocabulary in (("unit", Unit), ("level", Level), ("specimen", Specimen)):
        check_choice(name, found[name], get_args(vocabulary))
    for name in ("name", "protocol"):
        found[name] = _text(found, name)
    if found["cancer"] is not None:
        found["cancer"] = _text(found, "cancer")
    if type(found["n"]) is not int or not 1 <= found["n"] <= MOST_SAMPLES:
        raise ValueError(f"n is {repr(found['n'])[:20]}, no number of samples")
    for name in ("keys", "requested", "samples"):
        found[name] = _names(found, name)
    found |= _distributions(found)
    found["profile"] = _profile(found["profile"], sequencing=found["unit"] in SEQUENCING)
    found["contrast"] = None if found["contrast"] is None else _contrast(found["contrast"])
    limits = _numbers(found, "scale_limits", (2,), least=0.0)
    found["scale_limits"] = tuple(_ascending(limits, "scale_limits").tolist())
    for name, unknown in (("distance_limit", np.inf), ("median_reads", None)):
        given = found[name]
        found[name] = unknown if given is None else float(_numbers(found, name, (), least=0.0))
    found["normalisers"] = tuple(map(_normaliser, _list(found, "normalisers")))
    if not all(isinstance(part, str) for pair in _dict(found, "panels").items() for part in pair):
        raise ValueError("panels are no ids with digests")
    grids = _dict(found, "score_grids")
    found["score_grids"] = {
        panel: _ascending(_numbers(grids, panel, LEVELS.shape), "score_grids") for panel in grids
    }
    if "undetermined" in found:
        check_choice("undetermined", found["undetermined"], get_args(Undetermined))
        found["limit"] = float(_numbers(found, "limit", ()))
    return found


def _distributions(content: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of each miRNA, and of how they move together."""
    count = len(content["keys"])
    covariance = _symmetric(_list(content, "covariance"), count)
    if (np.diag(covariance) <= 0).any():
        raise ValueError("covariance has a variance that is not above 0")
    _check_covariance(covariance)
    measured = _numbers(content, "measured", (count,), least=1.0)
    if (measured > content["n"]).any():
        raise ValueError("measured in more samples than there are")
    grids = _numbers(content, "grids", (count, len(LEVELS)))
    return {
        "grids": _ascending(grids, "grids"),
        "sd": _numbers(content, "sd", (count,), least=0.0),
        "mean": _numbers(content, "mean", (count,)),
        "measured": measured,
        "covariance": covariance,
    }


def _profile(content: dict[str, Any], *, sequencing: bool) -> Profile:
    keys = _names(content, "keys")
    shape = (len(keys),)
    return Profile(
        keys=keys,
        sequencing=sequencing,
        median=_numbers(content, "median", shape),
        mean=_numbers(content, "mean", shape),
        sd=_positive(_numbers(content, "sd", shape), "sd of the profile"),
    )


def _contrast(content: dict[str, Any]) -> Contrast:
    names, keys = _names(content, "names"), _names(content, "keys")
    if len(names) < 2:
        raise ValueError("contrast compares with no other reference")
    shape = (len(keys),)
    return Contrast(
        names=names,
        keys=keys,
        centre=_numbers(content, "centre", shape),
        scale=_positive(_numbers(content, "scale", shape), "scale of the contrast"),
        profiles=_numbers(content, "profiles", (len(names), len(keys))),
        threshold=float(_numbers(content, "threshold", ())),
    )


def _normaliser(content: Any) -> Normaliser:
    return Normaliser(
        name=_text(content, "name"),
        mean=float(_numbers(content, "mean", ())),
        sd=float(_numbers(content, "sd", (), least=0.0)),
    )


# -- checks -----------------------------------------------------------------------------------


def _text(content: dict[str, Any], name: str) -> str:
    found = content[name]
    if not isinstance(found, str):
        raise TypeError(f"{name} is {found!r}, no text")
    return found


def _list(content: dict[str, Any], name: str) -> list[Any]:
    found = content[name]
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _dict(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content[name]
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    return found


def _names(content: dict[str, Any], name: str) -> tuple[str, ...]:
    names = _list(content, name)
    if not all(isinstance(each, str) for each in names):
        raise TypeError(f"{name} are no names")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} name something twice")
    return tuple(names)


def _numbers(
    content: dict[str, Any], name: str, shape: tuple[int, ...], *, least: float = -np.inf
) -> FloatArray:
    """Return finite numbers; text is none."""
    wanted = f"{' x '.join(map(str, shape))} numbers" if shape else "a number"
    try:
        given = np.array(content[name])
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name}: not {wanted}") from None
    # A list without anything has no type of its own, nor the columns that it would have.
    values = np.zeros(shape) if not given.size and 0 in shape else given
    if values.dtype.kind not in "iuf" or values.shape != shape:
        raise ValueError(f"{name}: not {wanted}")
    if not np.isfinite(values).all() or (values < least).any():
        raise ValueError(f"{name} holds what is not finite, or below {least:g}")
    return values.astype(np.float64)


def _positive(values: FloatArray, name: str) -> FloatArray:
    if (values <= 0).any():
        raise ValueError(f"{name} is not above 0")
    return values


def _ascending(values: FloatArray, name: str) -> FloatArray:
    if (np.diff(values) < 0).any():
        raise ValueError(f"{name} falls")
    return values


def _check_covariance(matrix: FloatArray) -> None:
    """Refuse what gives a combination of miRNAs a negative variance."""
    try:
        np.linalg.cholesky(matrix + ROUNDING * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        raise ValueError("covariance is none: a combination has a negative variance") from None


def _symmetric(rows: list[Any], count: int) -> FloatArray:
    """Return the whole of a matrix whose lower triangle is given."""
    if len(rows) != count or any(
        not isinstance(row, list) or len(row) != i + 1 for i, row in enumerate(rows)
    ):
        raise ValueError("covariance does not fit its keys")
    matrix = np.zeros((count, count))
    lower = np.tril_indices(count)
    flat = [value for row in rows for value in row]
    matrix[lower] = _numbers({"covariance": flat}, "covariance", (len(lower[0]),))
    return np.tril(matrix) + np.tril(matrix, -1).T
