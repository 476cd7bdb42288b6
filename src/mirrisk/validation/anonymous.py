"""Messages of fits without the names of samples: results and checkpoints are kept and shared.

Errors of mirrisk name a sample in ``where``, which is not kept. Warnings, and errors of other
estimators, may name one anywhere.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

    from mirrisk.validation.parallel import Outcome

SOMEONE = "a sample"

_WORD = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s,;:()'"]+)""")


def sample_names(X: Any) -> frozenset[str]:
    """Return how a table names its samples; nothing where it only counts them."""
    index = getattr(X, "index", None)
    if isinstance(index, pd.RangeIndex):
        return frozenset()
    if isinstance(index, pd.Index):
        return frozenset(map(str, index))
    return frozenset(map(str, getattr(X, "samples", ())))


def anonymous(outcome: Outcome, names: Collection[str]) -> Outcome:
    """Return an outcome whose error and warnings name no sample.

    Parameters
    ----------
    outcome : Outcome
    names : collection of str
        A number is a name only between quotation marks: it may be a count as well.

    Examples
    --------
    >>> from mirrisk.validation.parallel import Outcome
    >>> anonymous(Outcome(error="no miRNA in 'P7', P8 and 3 more"), {"P7", "P8", "3"}).error
    'no miRNA in a sample, a sample and 3 more'
    """
    if not names or not (outcome.error or outcome.warnings):
        return outcome
    known = frozenset(names)
    # A name of several words is no word.
    long = [name for name in known if name and not _is_word(name)]
    return replace(
        outcome,
        error=_without(outcome.error, known, long),
        warnings=tuple(_without(text, known, long) for text in outcome.warnings),
    )


def _without(text: str, names: frozenset[str], long: list[str]) -> str:
    def someone(found: re.Match[str]) -> str:
        single, double, word = found.groups()
        quoted = single if single is not None else double
        if quoted is not None:
            return SOMEONE if quoted in names else found.group()
        bare = word.rstrip(".")
        if bare in names and not bare.isdigit():
            return SOMEONE + word[len(bare) :]
        return str(word)

    for name in long:
        for written in (f"'{name}'", f'"{name}"', name):
            text = text.replace(written, SOMEONE)
    return _WORD.sub(someone, text)


def _is_word(name: str) -> bool:
    found = _WORD.fullmatch(name)
    return found is not None and found.group(3) is not None
