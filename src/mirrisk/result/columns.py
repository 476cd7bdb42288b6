"""Columns of results: numbers, and text as codes of few words, until a frame is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mirrisk.vocabulary import FloatArray, IntArray


class Coded(NamedTuple):
    """Text: for each row the position of its word."""

    codes: IntArray
    words: Sequence[str]

    @classmethod
    def of(cls, text: Sequence[str]) -> Coded:
        """Return text by its distinct words."""
        words = list(dict.fromkeys(text))
        position = {word: i for i, word in enumerate(words)}
        return cls(np.array([position[word] for word in text], dtype=np.intp), words)


Columns: TypeAlias = "Mapping[str, FloatArray | Coded]"


def frame_of(parts: Sequence[Columns], widths: Sequence[int]) -> pd.DataFrame:
    """Put the columns of several panels together, so that rows go sample by sample.

    Parameters
    ----------
    parts : sequence of mapping
        Of each panel; all have the same names.
    widths : sequence of int
        Rows that a sample has on each panel.
    """
    import pandas as pd

    order = None if len(parts) == 1 else _by_sample(parts, widths)
    return pd.DataFrame({name: _joined([p[name] for p in parts], order) for name in parts[0]})


def _by_sample(parts: Sequence[Columns], widths: Sequence[int]) -> IntArray:
    sizes = [len(_values(next(iter(part.values())))) for part in parts]
    sample = [
        np.repeat(np.arange(size // width), width)
        for size, width in zip(sizes, widths, strict=True)
    ]
    return np.argsort(np.concatenate(sample), kind="stable")


def _values(column: FloatArray | Coded) -> Any:
    return column.codes if isinstance(column, Coded) else column


def _joined(columns: Sequence[Any], order: IntArray | None) -> Any:
    """Join columns; words are made text at the end, so that few are converted and not many."""
    import pandas as pd

    joined = np.concatenate([_values(column) for column in columns])
    words: list[str] = []
    if isinstance(columns[0], Coded):
        first = np.cumsum([0, *(len(column.words) for column in columns)])[:-1]
        joined = joined + np.repeat(first, [len(column.codes) for column in columns])
        words = [word for column in columns for word in column.words]
    if order is not None:
        joined = joined[order]
    return pd.Series(words).values.take(joined) if words else joined
