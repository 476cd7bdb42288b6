"""The two sets of a rank score: their members, checked, and the columns that they are."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

from mirrisk import nomenclature
from mirrisk.errors import InvalidPanelError, MirriskWarning, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence


def names_of(members: Sequence[str] | None, argument: str) -> list[str]:
    """Return a set's members; a set that was not given is empty."""
    if isinstance(members, str):
        raise InvalidPanelError(
            f"{argument}={members!r} is one string",
            expected="a sequence of names",
            remedy=f"{argument}=[{members!r}]",
        )
    return [] if members is None else [str(name) for name in members]


def check_sets(sets: dict[str, list[str]], *, known_direction: bool) -> None:
    """Refuse sets that are empty, repeat a member or share one."""
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


def columns_of(sets: dict[str, list[str]], features: Sequence[str]) -> dict[str, list[int]]:
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


def _columns_by_key(features: Sequence[str]) -> dict[str, list[int]]:
    by_key: dict[str, list[int]] = {}
    for column, name in enumerate(features):
        if (key := nomenclature.resolve(name).key) is not None:
            by_key.setdefault(key, []).append(column)
    return by_key


def _locate(
    name: str, exact: dict[str, int], by_key: dict[str, list[int]], features: Sequence[str]
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


def _repeated(names: list[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
