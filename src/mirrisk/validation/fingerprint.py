"""A digest of data, parameters and functions that is the same in another process.

Two things of one digest are equal. Things that are equal but made in unusual ways may differ in
digest: then a run is repeated, never wrongly continued.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
from collections.abc import Mapping, Sequence, Set
from importlib import metadata
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import pandas as pd

SOFTWARE = ("mirrisk", "numpy", "scipy", "scikit-learn")
"""Another version of one of these may give other results."""


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a value, as hexadecimal digits.

    Parameters
    ----------
    value
        Plain types and containers, arrays, data frames, dataclasses, estimators (their class and
        parameters), functions (their code and what they enclose), or anything that can be
        pickled. What has a ``digest`` of its own goes by that.
    """
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()


def software() -> dict[str, str]:
    """Return the versions of what computes the results."""
    return {name: _version(name) for name in SOFTWARE}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _pieces(value: Any) -> list[bytes | memoryview]:
    """Return bytes that tell a value from any other."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".encode()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return [kind, repr(value).encode()]
    if isinstance(value, np.ndarray):
        return [kind, *_array(value)]
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return [kind, *_pandas(value)]
    if isinstance(value, type):
        return [b"type", f"{value.__module__}.{value.__qualname__}".encode()]
    if isinstance(value, FunctionType | functools.partial):
        return [kind, *_function(value)]
    return [kind, *_compound(value)]


def _compound(value: Any) -> list[bytes | memoryview]:
    if isinstance(getattr(value, "digest", None), str):
        return [value.digest.encode()]
    if isinstance(value, Mapping):
        return _sorted([fingerprint(key) + fingerprint(value[key]) for key in value])
    if isinstance(value, Set):
        return _sorted([fingerprint(item) for item in value])
    if isinstance(value, Sequence):
        return [fingerprint(item).encode() for item in value]
    if hasattr(value, "get_params"):
        return [fingerprint(value.get_params(deep=False)).encode()]
    if dataclasses.is_dataclass(value):
        # Fields only: what a cached property keeps beside them depends on earlier use.
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return [fingerprint(fields).encode()]
    return [pickle.dumps(value, protocol=4)]


def _sorted(pieces: list[str]) -> list[bytes | memoryview]:
    return [piece.encode() for piece in sorted(pieces)]


def _array(array: np.ndarray[Any, Any]) -> list[bytes | memoryview]:
    shape = f"{array.dtype.str} {array.shape}".encode()
    if array.dtype.hasobject:
        return [shape, *(fingerprint(item).encode() for item in array.ravel().tolist())]
    return [shape, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data]


def _pandas(data: pd.DataFrame | pd.Series | pd.Index) -> list[bytes | memoryview]:
    """Return names and values; row names say nothing to an estimator."""
    if isinstance(data, pd.DataFrame):
        names = fingerprint(data.columns)
        columns = [fingerprint(data.iloc[:, j]) for j in range(data.shape[1])]
        return [names.encode(), *(column.encode() for column in columns)]
    values = data.to_numpy()
    name = data.name if isinstance(data, pd.Series) else None
    return [str(data.dtype).encode(), fingerprint(name).encode(), *_array(values)]


def _function(function: FunctionType | functools.partial[Any]) -> list[bytes | memoryview]:
    if isinstance(function, functools.partial):
        parts: list[Any] = [function.func, function.args, function.keywords]
    else:
        enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
        defaults = [function.__defaults__, function.__kwdefaults__]
        parts = [function.__module__, _code(function.__code__), defaults, enclosed]
    return [fingerprint(part).encode() for part in parts]


def _code(code: CodeType) -> list[Any]:
    constants = [_code(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return [code.co_code, code.co_names, constants]
