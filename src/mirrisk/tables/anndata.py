"""AnnData to cells, and an assessment back into AnnData."""

from __future__ import annotations

import io
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError, NotFoundError
from mirrisk.tables.cells import Cells, refuse_too_many
from mirrisk.tables.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.assessment import Assessment
    from mirrisk.vocabulary import FloatArray

PER_SAMPLE = (
    "score",
    "percentile",
    "flag",
    "reason",
    "coverage",
    "score_low",
    "score_high",
    "fragile",
)
"""Columns of the scores that become obs columns; what is the same for all goes into uns."""


def is_anndata(X: object) -> bool:
    """Tell whether an object is an AnnData, without importing anndata."""
    return any(
        kind.__module__.partition(".")[0] == "anndata" and kind.__name__ == "AnnData"
        for kind in type(X).__mro__
    )


def read_h5ad(content: bytes, layer: str | None, where: str, obs: str | None = None) -> Cells:
    """Read an .h5ad file: obs_names x var_names, X or a layer.

    Parameters
    ----------
    content : bytes
    layer : str, optional
        Name of a layer; X without it.
    where : str
        What errors call the file.
    obs : str, optional
        A column of obs to put beside the miRNAs, such as one with library sizes.

    Raises
    ------
    MissingExtraError
        If anndata is not installed.
    NotFoundError
        If there is no such layer.
    InvalidTableError
        If it is another HDF5 file, or damaged.
    """
    reading, h5py = (
        require(module, extra="anndata", what="an .h5ad file") for module in ("anndata.io", "h5py")
    )
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            if file.attrs.get("encoding-type") != "anndata":
                raise InvalidTableError(
                    "an HDF5 file, but no AnnData",
                    where=where,
                    expected="an .h5ad file as anndata writes it",
                )
            layers = file.get("layers", {})
            matrix = _chosen(file.get("X"), layers, layer, where)
            frame, var = (reading.read_elem(file[name]) for name in ("obs", "var"))
            return _cells(reading.read_elem(matrix), frame, var.index, obs, where)
    except (OSError, RuntimeError):
        raise InvalidTableError(
            "the .h5ad file is damaged or cut short",
            where=where,
            remedy="copy or download it again",
        ) from None


def cells_of_anndata(X: Any, layer: str | None, obs: str | None = None) -> Cells:
    """Take an AnnData object for cells: obs_names x var_names, X or a layer.

    Raises
    ------
    NotFoundError
        If there is no such layer.
    """
    matrix = _chosen(X.X, X.layers, layer, "")
    return _cells(matrix, X.obs, X.var_names, obs, "")


def _chosen(matrix: Any, layers: Any, layer: str | None, where: str) -> Any:
    if layer is None and matrix is not None:
        return matrix
    if layer is None or layer not in layers:
        raise NotFoundError(
            "the AnnData has no X" if layer is None else f"no layer {layer!r}",
            where=where,
            expected="one of " + ", ".join(map(repr, layers)) if len(layers) else "X",
            remedy="name a layer: layer= in Python, --layer on the command line"
            * bool(len(layers)),
        )
    return layers[layer]


def _cells(
    matrix: Any, frame: Any, columns: Sequence[object], obs: str | None, where: str
) -> Cells:
    rows, names = tuple(map(str, frame.index)), tuple(map(str, columns))
    refuse_too_many(len(names), "columns", where)
    values = _dense(matrix)
    if obs is not None and obs in frame.columns and obs not in names:
        try:
            beside = np.asarray(frame[obs], dtype=float)
        except (TypeError, ValueError):
            raise InvalidTableError(f"obs column {obs!r} holds no numbers", where=where) from None
        names, values = (*names, obs), np.column_stack([values, beside])
    return Cells(rows, names, values)


def _dense(matrix: Any) -> FloatArray:
    """Return a matrix as an array of floats, be it sparse, lazy or on disk."""
    for method in ("to_memory", "compute", "toarray"):
        if hasattr(matrix, method):
            matrix = getattr(matrix, method)()
    return np.asarray(matrix, dtype=float)


def annotate(adata: Any, assessment: Assessment) -> None:
    """Put what was found into the AnnData that was scored, in place.

    Parameters
    ----------
    adata : AnnData
        With the samples of the assessment as its observations, in any order.
    assessment : Assessment
        Each panel's score, percentile, flag, reason, coverage, interval and fragility become obs
        columns ``mirrisk_<panel>_<column>``; panels, reference, their digests, how the table was
        read and the notes go into ``uns["mirrisk"]``. What stands there already is replaced.

    Raises
    ------
    InvalidTableError
        If the observations are not the samples of the assessment.
    """
    names = [str(name) for name in adata.obs_names]
    _check_same(names, assessment.expression.samples)
    for result in assessment.results:
        frame = result.scores_frame().set_index("sample").loc[names]
        for column in PER_SAMPLE:
            adata.obs[f"mirrisk_{result.panel.id}_{column}"] = frame[column].to_numpy()
    expression, reference = assessment.expression, assessment.reference
    adata.uns["mirrisk"] = {
        "version": metadata.version("mirrisk"),
        "panels": {
            result.panel.id: {"version": result.panel.version, "digest": result.panel.digest}
            for result in assessment.results
        },
        "reference": {"name": reference.name, "digest": reference.digest, "n": reference.n},
        "table": {
            "unit": expression.unit,
            "level": expression.level,
            "specimen": expression.specimen,
        },
        "notes": np.array(assessment.notes, dtype=object),
    }


def _check_same(names: Sequence[str], samples: Sequence[str]) -> None:
    for absent, those, what in (
        (sorted(set(samples) - set(names)), "the AnnData", "sample"),
        (sorted(set(names) - set(samples)), "the assessment", "observation"),
    ):
        if absent:
            raise InvalidTableError(
                f"{what} {absent[0]!r} is not in {those}",
                expected="the AnnData that was scored, with all of its observations",
            )
    if len(set(names)) < len(names):
        raise InvalidTableError(
            "obs_names occur more than once", remedy="adata.obs_names_make_unique()"
        )
