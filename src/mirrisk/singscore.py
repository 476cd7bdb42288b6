"""singscore: how high the members of a set rank within one sample, without any cohort.

The method is that of Foroutan et al. 2018 (doi:10.1186/s12859-018-2435-4) as the R package
singscore computes it. A sample's features are ranked (ties get the lowest rank of their run) and
the mean rank of the set's members is scaled by the least and the greatest mean rank that a set of
that size can have. For a set of features that are low when the other is high, one minus that.

The null of the p-value
-----------------------
Under the null the members are a random draw, without replacement, of the ranks of this sample.
The score is, up to a constant, a linear statistic sum(c_i r_i) over the n ranks r_i, where c_i is
1/(k w) for the k members of the up set, -1/(k w) for those of the down set (k and w its own) and
0 for the rest; w is the set's span, the greatest minus the least mean rank. For such a statistic
and any fixed ranks, tied or not,

    mean     = rbar sum(c_i)
    variance = S^2 (sum(c_i^2) - sum(c_i)^2 / n),   S^2 = sum((r_i - rbar)^2) / (n - 1)

exactly. Written out, with the covariance -S^2/n of the two mean ranks of one draw,

    variance = S^2 [(n - k_u)/(n k_u w_u^2) + (n - k_d)/(n k_d w_d^2) + 2/(n w_u w_d)].

Without ties S^2 = n (n + 1)/12; ties lower it, and it is taken from the ranks as they are. That
the standardised score is normal is the approximation (it holds as the members and the others
grow in number: Hajek 1960, the central limit theorem for draws from a finite population); there
is no correction for continuity. For sets of a few members read it as a rough figure: no exact
p-value could be smaller than one over the number of possible draws.
"""

from __future__ import annotations

import numbers
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from mirrisk import nomenclature
from mirrisk.errors import (
    InvalidExpressionError,
    InvalidPanelError,
    MirriskError,
    MirriskWarning,
    MismatchError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

Alternative = Literal["two-sided", "greater", "less"]

MAD_CONSTANT = 1.4826
"""R's ``mad``: makes the median absolute deviation estimate a normal distribution's SD."""

_BLOCK_BYTES = 1 << 21
"""Samples are sorted in blocks of this size, so that a block stays in the processor's cache."""


def rank_scores(
    X: pd.DataFrame | pd.Series | ArrayLike,
    up: Sequence[str] | None,
    down: Sequence[str] | None = None,
    *,
    known_direction: bool = True,
    center: bool = True,
    alternative: Alternative = "two-sided",
    feature_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score each sample by the ranks of a set's members within it (singscore).

    A sample's row depends on that sample alone. The scores equal those of the R package
    singscore (``simpleScore`` on ``rankGenes`` with its default ties), where a feature that was
    not measured in a sample is left out of that sample's ranking.

    Parameters
    ----------
    X : DataFrame, Series or array
        Expression, samples in rows and features in columns; a Series is one sample. Any unit in
        which more is higher (so not raw Ct). NaN: not measured. The whole profile, not the set
        alone: the other features are what the members are ranked among.
    up : sequence of str, or None
        Names of the features expected to be high (or, with ``known_direction=False``, to be
        high or low). A name that is no column is tried as a miRNA's other name.
    down : sequence of str, optional
        Names of the features expected to be low.
    known_direction : bool, default True
        False: score the distance of the members' ranks from the middle, whichever way. For one
        set, given as `up`. As in R, the score is never centred then and lies between about 0
        and 1 (the bounds of the distance are approximate for small sets).
    center : bool, default True
        Subtract 0.5 from the score of each set, so that 0 is the middle.
    alternative : {"two-sided", "greater", "less"}, default "two-sided"
        Which scores count as at least as extreme as the one observed.
    feature_names : sequence of str, optional
        The names of an array's columns; required there and only there.

    Returns
    -------
    DataFrame
        One row per sample, in the order of `X`:

        - ``sample``
        - ``score``: the sum of the sets' scores. Per centred set from -0.5 to 0.5
        - ``dispersion``: the mean of the sets' dispersions
        - ``up_score``, ``down_score``: the set's own score, higher when the sample is more as
          the set says (a low rank of a `down` member raises ``down_score``)
        - ``up_dispersion``, ``down_dispersion``: 1.4826 times the median absolute deviation of
          the members' ranks
        - ``n_up``, ``n_down``: how many members were found and measured in this sample
        - ``p_value``: of the score among random sets of the same sizes in the same sample, by a
          normal approximation with exact mean and variance (derived in the module's docstring)

        NaN where a set has no measured member or leaves no other feature to rank among.

    Raises
    ------
    InvalidExpressionError
        `X` has repeated names, text, booleans or infinite values, or is not laid out as above.
    InvalidPanelError
        A member is repeated or in both sets.
    MismatchError
        A set has no member in `X`, or a member could be any of several columns.

    Warns
    -----
    MirriskWarning
        Fewer than half of a set's members are in `X`; the missing ones are named.

    Notes
    -----
    The p-value is competitive: it compares the set with other features of the same sample, as if
    features were independent. MicroRNAs that are abundant everywhere have a small one in every
    sample. It says nothing about other samples or patients and is no basis for a flag.

    Of two sets' dispersions the R package once returned the sum; its vignette and its present
    code, and this function, return the mean. Where a set leaves nothing to rank among, R can
    give an infinite score; here it is NaN. R has no answer for a `down` set alone.

    References
    ----------
    Foroutan M, Bhuva DD, Lyu R, et al. Single sample scoring of molecular phenotypes. BMC
    Bioinformatics 2018;19:404. doi:10.1186/s12859-018-2435-4

    Examples
    --------
    >>> import pandas as pd
    >>> sample = pd.Series({"A": 1.0, "B": 2.0, "C": 5.0, "D": 5.0}, name="s1")
    >>> scores = rank_scores(sample, up=["C", "D"], down=["A"])
    >>> scores[["sample", "score", "up_score", "down_score"]]
      sample  score  up_score  down_score
    0     s1   0.75      0.25         0.5
    """
    if alternative not in ("two-sided", "greater", "less"):
        raise MirriskError(
            f"alternative={alternative!r} is unknown",
            expected="'two-sided', 'greater' or 'less'",
        )
    sets = {"up": _names(up, "up"), "down": _names(down, "down")}
    _check_sets(sets, known_direction=known_direction)
    frame = _as_frame(X, feature_names)
    values = _as_numbers(frame)
    columns = _columns(sets, [str(name) for name in frame.columns])

    folded = not known_direction
    offset = 0.5 if center and known_direction else 0.0
    ranks = _rank(values, columns["up"] + columns["down"], folded=folded)
    n_up = len(columns["up"])
    scored = {
        "up": _score_set(ranks, slice(0, n_up), folded=folded, offset=offset),
        "down": _score_set(ranks, slice(n_up, None), sign=-1, folded=folded, offset=offset),
    }
    given = [scored[name] for name in scored if columns[name]]
    return pd.DataFrame(
        {
            "sample": frame.index,
            "score": np.sum([s.score for s in given], axis=0),
            "dispersion": np.mean([s.dispersion for s in given], axis=0),
            "up_score": scored["up"].score,
            "up_dispersion": scored["up"].dispersion,
            "down_score": scored["down"].score,
            "down_dispersion": scored["down"].dispersion,
            "n_up": scored["up"].k.astype(np.int64),
            "n_down": scored["down"].k.astype(np.int64),
            "p_value": _p_value(ranks, given, alternative),
        }
    )


# -- The two sets -------------------------------------------------------------------------------


def _names(members: Sequence[str] | None, argument: str) -> list[str]:
    if isinstance(members, str):
        raise InvalidPanelError(
            f"{argument}={members!r} is one string",
            expected="a sequence of names",
            remedy=f"{argument}=[{members!r}]",
        )
    return [] if members is None else [str(name) for name in members]


def _check_sets(sets: dict[str, list[str]], *, known_direction: bool) -> None:
    if not any(sets.values()):
        raise InvalidPanelError("both sets are empty", expected="names in up, in down, or in both")
    if sets["down"] and not known_direction:
        raise InvalidPanelError(
            "a down set was given with known_direction=False",
            expected="one set, given as up, where the direction is unknown",
        )
    for argument, members in sets.items():
        if repeated := _repeated(members):
            raise InvalidPanelError(
                f"{_listed(repeated)} occurs more than once",
                where=argument,
                remedy="name each member once",
            )
    if both := sorted(set(sets["up"]) & set(sets["down"])):
        raise InvalidPanelError(
            f"{_listed(both)} is in both sets",
            expected="a member to be expected high or low",
            remedy="take it out of up or of down",
        )


def _columns(sets: dict[str, list[str]], features: list[str]) -> dict[str, list[int]]:
    """Return the columns of each set's members, those not in the table left out."""
    exact = {name: column for column, name in enumerate(features)}
    by_key = _columns_by_key(features) if any(set(m) - exact.keys() for m in sets.values()) else {}
    found: dict[str, list[int]] = {}
    owner: dict[int, str] = {}
    for argument, members in sets.items():
        located = {name: _locate(name, exact, by_key, features) for name in members}
        found[argument] = [column for column in located.values() if column is not None]
        _check_found(argument, located)
        for name, column in located.items():
            if column is not None and owner.setdefault(column, name) != name:
                raise InvalidPanelError(
                    f"{owner[column]!r} and {name!r} are both the column {features[column]!r}",
                    where=argument,
                    remedy="name each member once",
                )
    return found


def _columns_by_key(features: list[str]) -> dict[str, list[int]]:
    by_key: dict[str, list[int]] = {}
    for column, name in enumerate(features):
        if (key := nomenclature.resolve(name).key) is not None:
            by_key.setdefault(key, []).append(column)
    return by_key


def _locate(
    name: str, exact: dict[str, int], by_key: dict[str, list[int]], features: list[str]
) -> int | None:
    if name in exact:
        return exact[name]
    key = nomenclature.resolve(name).key
    columns = by_key.get(key, []) if key is not None else []
    if len(columns) > 1:
        raise MismatchError(
            f"{name!r} could be any of the columns {_listed([features[c] for c in columns])}",
            expected="one column per member",
            remedy="merge these columns, or name the one that is meant as the table does",
        )
    return columns[0] if columns else None


def _check_found(argument: str, located: dict[str, int | None]) -> None:
    missing = [name for name, column in located.items() if column is None]
    if missing and len(missing) == len(located):
        raise MismatchError(
            f"none of the set's {len(located)} members is in the table ({_listed(missing)})",
            where=argument,
            expected="the table's column names, or other names of the same miRNAs",
            remedy="check that samples are in rows and that the names are of the same kind",
        )
    if 2 * len(missing) > len(located):
        warnings.warn(
            f"{argument}: {len(missing)} of the set's {len(located)} members are not in the "
            f"table: {', '.join(missing)}",
            MirriskWarning,
            stacklevel=4,
        )


def _repeated(names: Iterable[str]) -> list[str]:
    names = list(names)
    if len(set(names)) == len(names):
        return []
    return [name for name, times in Counter(names).items() if times > 1]


def _listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


# -- The table ----------------------------------------------------------------------------------


def _as_frame(X: Any, feature_names: Sequence[str] | None) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame | pd.Series):
        if feature_names is not None:
            raise InvalidExpressionError(
                "feature_names was given with a table that has names of its own",
                remedy="leave feature_names out, or rename the table's columns",
            )
        frame = X.to_frame().T if isinstance(X, pd.Series) else X
    else:
        frame = _named_array(np.asarray(X), feature_names)
    for what, labels in (("feature", frame.columns), ("sample", frame.index)):
        if repeated := _repeated(map(str, labels)):
            raise InvalidExpressionError(
                f"the {what} {_listed(repeated)} occurs more than once",
                expected=f"one {'column' if what == 'feature' else 'row'} per {what}",
                remedy="merge or rename them",
            )
    return frame


def _named_array(array: np.ndarray[Any, Any], feature_names: Sequence[str] | None) -> pd.DataFrame:
    if array.ndim != 2:
        raise InvalidExpressionError(
            f"an array of {array.ndim} dimensions",
            expected="a DataFrame, a Series, or an array of samples x features",
            remedy="for one sample give a Series, or an array of one row",
        )
    if feature_names is None or len(feature_names) != array.shape[1]:
        given = "no" if feature_names is None else str(len(feature_names))
        raise InvalidExpressionError(
            f"{given} feature_names for the {array.shape[1]} columns of an array",
            expected="one name per column",
        )
    return pd.DataFrame(array, columns=list(feature_names), copy=False)


def _as_numbers(frame: pd.DataFrame) -> FloatArray:
    """Return the values, NaN where nothing was measured; the caller's own array if it can be."""
    if any(dtype.kind not in "iuf" for dtype in set(frame.dtypes)):
        _refuse(frame, ~frame.map(_is_number_or_missing).to_numpy(dtype=bool), "a number or NaN")
    values: FloatArray = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        _refuse(frame, infinite, "a finite number, or NaN for what was not measured")
    return values


def _is_number_or_missing(cell: object) -> bool:
    if isinstance(cell, bool | np.bool_):
        return False
    return isinstance(cell, numbers.Real) or cell is None or cell is pd.NA


def _refuse(frame: pd.DataFrame, wrong: BoolArray, expected: str) -> None:
    """Raise for the first cell that is wrong, if there is one."""
    if not wrong.any():
        return
    row, column = np.argwhere(wrong)[0]
    raise InvalidExpressionError(
        f"{frame.iloc[row, column]!r} ({np.count_nonzero(wrong)} such cells in all)",
        where=f"sample {str(frame.index[row])!r}, feature {str(frame.columns[column])!r}",
        expected=expected,
    )


# -- Ranks --------------------------------------------------------------------------------------


class _Ranks(NamedTuple):
    """What scoring needs of the ranks of a table: a row or entry per sample."""

    members: FloatArray
    """The members' ranks; NaN where not measured."""
    n: FloatArray
    """How many features were measured."""
    mean: FloatArray
    """The mean of all n ranks ..."""
    variance: FloatArray
    """... and their variance, with divisor n - 1."""


def _rank(values: FloatArray, columns: list[int], *, folded: bool) -> _Ranks:
    """Rank each row; of all ranks keep the members' and two moments.

    Every figure is a whole number (or a half) held exactly, so that no result depends on the
    order of columns or rows, or on how the rows fall into blocks.
    """
    n_samples, n_features = values.shape
    width = 1 << n_features.bit_length()
    height = max(1, min(n_samples, _BLOCK_BYTES // (8 * width)))
    # The padding up to a power of two lets the binary search run without checks of its bounds.
    buffer = np.full((height, width), np.nan)
    blocks = []
    for start in range(0, max(n_samples, 1), height):
        block = values[start : start + height]
        ordered = buffer[: len(block)]
        ordered[:, :n_features] = block
        ordered[:, :n_features].sort(axis=1)
        blocks.append(_rank_block(ordered, n_features, block[:, columns], folded=folded))
    return _Ranks(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _rank_block(
    ordered: FloatArray, n_features: int, members: FloatArray, *, folded: bool
) -> _Ranks:
    # Every measured value is below infinity: one more query counts them.
    infinity = np.full((len(members), 1), np.inf)
    below = _count_below(ordered, np.hstack([members, infinity]))
    n = below[:, -1]
    ranks = np.where(np.isnan(members), np.nan, below[:, :-1] + 1.0)
    tied = ordered[:, 1:n_features] == ordered[:, : n_features - 1]
    if folded:
        all_ranks = _ranks_in_order(tied, n)
        middle = np.ceil(_row_medians(all_ranks, n))[:, np.newaxis]
        ranks, all_ranks = np.abs(ranks - middle), np.abs(all_ranks - middle)
        total, squares = np.nansum(all_ranks, axis=1), np.nansum(np.square(all_ranks), axis=1)
    else:
        total, squares = _sums_of_ranks(tied, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _Ranks(ranks, n, total / n, (n * squares - total**2) / (n * (n - 1)))


def _count_below(ordered: FloatArray, queries: FloatArray) -> FloatArray:
    """Count the values of each sorted row that are less than each query of the same row.

    A binary search of all queries at once. The rows are as long as a power of two and end in at
    least one NaN, which is less than nothing.
    """
    height, width = ordered.shape
    flat = ordered.reshape(-1)
    before: IntArray = np.arange(height)[:, np.newaxis] * width - 1
    last_below = np.repeat(before, queries.shape[1], axis=1)
    step = width // 2
    while step:
        last_below += step * (flat.take(last_below + step) < queries)
        step //= 2
    return (last_below - before).astype(np.float64)


def _ranks_in_order(tied: BoolArray, n: FloatArray) -> FloatArray:
    """Return the ranks 1..n of sorted rows, NaN after the n-th.

    ``tied[:, i]`` tells whether the value at place i + 1 equals the one before it.
    """
    place = np.arange(1.0, tied.shape[1] + 2.0)
    ranks = np.empty((len(tied), len(place)))
    ranks[:, 0] = 1.0
    np.copyto(ranks[:, 1:], np.where(tied, 0.0, place[1:]))
    np.maximum.accumulate(ranks, axis=1, out=ranks)
    ranks[place > n[:, np.newaxis]] = np.nan
    return ranks


def _sums_of_ranks(tied: BoolArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sum of the ranks of each sorted row, and of their squares.

    Those of 1..n, less what ties take away: a run of t ties from place s on has t times the rank
    s instead of s, s + 1, ..., s + t - 1.
    """
    total, squares = n * (n + 1) / 2, n * (n + 1) * (2 * n + 1) / 6
    if tied.any():
        # Every row begins and ends untied, so that no run crosses rows of the flat array.
        flat = np.pad(tied, ((0, 0), (1, 1))).reshape(-1)
        first = np.flatnonzero(flat[1:] > flat[:-1])
        last = np.flatnonzero(flat[1:] < flat[:-1])
        row, place = np.divmod(first, tied.shape[1] + 2)
        s, t = place + 1.0, last - first + 1.0
        total -= np.bincount(row, t * (t - 1) / 2, len(n))
        squares -= np.bincount(row, t * (t - 1) * (6 * s + 2 * t - 1) / 6, len(n))
    return total, squares


def _row_medians(ordered: FloatArray, n: FloatArray) -> FloatArray:
    """Return the median of the first n values of each sorted row; NaN where n is 0."""
    upper = (n // 2).astype(np.intp)[:, np.newaxis]
    lower = (np.maximum(n - 1, 0) // 2).astype(np.intp)[:, np.newaxis]
    middle = np.take_along_axis(ordered, lower, 1) + np.take_along_axis(ordered, upper, 1)
    return middle[:, 0] / 2


# -- Scores and their null ----------------------------------------------------------------------


class _SetScore(NamedTuple):
    """One set's score in each sample."""

    k: FloatArray
    """Members measured."""
    span: FloatArray
    """The greatest minus the least mean rank that k members can have (w in the derivation)."""
    deviation: FloatArray
    """The score minus its mean under the null."""
    score: FloatArray
    dispersion: FloatArray


def _score_set(
    ranks: _Ranks, members: slice, *, sign: int = 1, folded: bool, offset: float
) -> _SetScore:
    own = np.sort(ranks.members[:, members], axis=1)
    k = np.count_nonzero(~np.isnan(own), axis=1).astype(np.float64)
    if not own.shape[1]:
        nothing = np.full(len(own), np.nan)
        return _SetScore(k, nothing, nothing, nothing, nothing)
    # Folding leaves about half as many distinct ranks, of the set as of the sample.
    size, background = (k // 2, (ranks.n + 1) // 2) if folded else (k, ranks.n)
    span = np.where((k > 0) & (background > size), background - size, np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(own, axis=1) / k
    scaled = (mean - (size + 1) / 2) / span
    return _SetScore(
        k=k,
        span=span,
        deviation=sign * (mean - ranks.mean) / span,
        score=(scaled if sign > 0 else 1.0 - scaled) - offset,
        dispersion=_mad(own, k),
    )


def _mad(ordered: FloatArray, k: FloatArray) -> FloatArray:
    distance = np.abs(ordered - _row_medians(ordered, k)[:, np.newaxis])
    return MAD_CONSTANT * _row_medians(np.sort(distance, axis=1), k)


def _p_value(ranks: _Ranks, sets: list[_SetScore], alternative: Alternative) -> FloatArray:
    n = ranks.n
    deviation = np.sum([s.deviation for s in sets], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.sum([(n - s.k) / (n * s.k * s.span**2) for s in sets], axis=0)
        if len(sets) == 2:
            factor += 2 / (n * sets[0].span * sets[1].span)
        sd = np.sqrt(ranks.variance * factor)
        z = deviation / sd
    tail = {"two-sided": 2 * ndtr(-np.abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[alternative]
    # All ranks tied, or all drawn: every draw has the same score, as extreme as this one.
    return np.where(sd == 0, 1.0, tail)
