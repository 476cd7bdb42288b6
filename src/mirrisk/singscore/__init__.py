"""singscore: how high the members of a set rank within one sample, without any cohort.

The method is that of Foroutan et al. 2018 (doi:10.1186/s12859-018-2435-4) as the R package
singscore computes it. A sample's features are ranked (ties get the lowest rank of their run) and
the mean rank of the set's members is scaled by the least and the greatest mean rank that a set of
that size can have. For a set of features that are low when the other is high, one minus that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from mirrisk.errors import InvalidExpressionError, MirriskError
from mirrisk.expression import Expression, refuse_repeats
from mirrisk.singscore.members import check_sets, columns_of, names_of
from mirrisk.singscore.ranks import Alternative, p_value, rank, score_set
from mirrisk.tables.cells import numbers
from mirrisk.tables.frames import cells_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import FloatArray


def rank_scores(
    X: object,
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
    X : Expression, DataFrame, Series, or array of shape (n_samples, n_features)
        Samples in rows; a Series is one sample. An Expression in cycles (Ct) is turned; any other
        table must be in a unit in which more is higher. NaN: not measured. The whole profile,
        not the set alone: the other features are what the members are ranked among.
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
    InvalidTableError, InvalidExpressionError
        `X` has repeated names, text or infinite values, or is not laid out as above.
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
    if alternative not in get_args(Alternative):
        raise MirriskError(
            f"alternative={alternative!r} is unknown",
            expected="'two-sided', 'greater' or 'less'",
        )
    sets = {"up": names_of(up, "up"), "down": names_of(down, "down")}
    check_sets(sets, known_direction=known_direction)
    samples, features, values = _table(X, feature_names)
    columns = columns_of(sets, features)

    folded = not known_direction
    offset = 0.5 if center and known_direction else 0.0
    ranks = rank(values, columns["up"] + columns["down"], folded=folded)
    n_up = len(columns["up"])
    scored = {
        "up": score_set(ranks, slice(0, n_up), folded=folded, offset=offset),
        "down": score_set(ranks, slice(n_up, None), sign=-1, folded=folded, offset=offset),
    }
    given = [scored[name] for name in scored if columns[name]]
    return pd.DataFrame(
        {
            "sample": list(samples),
            "score": np.sum([s.score for s in given], axis=0),
            "dispersion": np.mean([s.dispersion for s in given], axis=0),
            "up_score": scored["up"].score,
            "up_dispersion": scored["up"].dispersion,
            "down_score": scored["down"].score,
            "down_dispersion": scored["down"].dispersion,
            "n_up": scored["up"].k.astype(np.int64),
            "n_down": scored["down"].k.astype(np.int64),
            "p_value": p_value(ranks, given, alternative),
        }
    )


def _table(
    X: object, feature_names: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str], FloatArray]:
    """Return samples, features and values, in which more is higher."""
    if isinstance(X, Expression):
        turned = X.unit in ("ct", "delta_ct")
        return X.samples, X.features, -X.values if turned else X.values
    cells = cells_of(X, feature_names)
    refuse_repeats(cells.columns, "feature", "merge or rename them")
    refuse_repeats(cells.rows, "sample", "give every sample a name of its own")
    values = numbers(cells)
    infinite = np.isinf(values)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InvalidExpressionError(
            f"infinite value ({np.count_nonzero(infinite)} such cells in all)",
            where=f"sample {cells.rows[row]!r}, feature {cells.columns[column]!r}",
            expected="a finite number, or NaN for what was not measured",
        )
    return cells.rows, cells.columns, values
