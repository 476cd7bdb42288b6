"""Every error and warning that mirrisk raises: what, where, what was expected, the remedy."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class MirriskError(ValueError):
    """The base of all errors that a user's input can cause.

    Parameters
    ----------
    what : str
        What is wrong, in one clause, with the offending value.
    where : str, optional
        The place: a file, a row and column, a sample, a path inside a file.
    expected : str, optional
        What would have been right.
    remedy : str, optional
        What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", expected: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.remedy:
            lines.append(f"  remedy:   {self.remedy}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling (joblib sends errors between processes)."""
        return (_rebuild, (type(self), self.what, self.where, self.expected, self.remedy))


def _rebuild(
    kind: type[MirriskError], what: str, where: str, expected: str, remedy: str
) -> MirriskError:
    return kind(what, where=where, expected=expected, remedy=remedy)


class InvalidTableError(MirriskError):
    """A file or table cannot be read as an expression table."""


class InvalidExpressionError(MirriskError):
    """Values, unit, level or names of an expression table do not hold together."""


class InvalidPanelError(MirriskError):
    """A signature file breaks its rules, or a fitted panel cannot be trusted.

    Attributes
    ----------
    more : tuple of str
        What else is wrong in the file, beside the first fault that ``what`` tells.
    """

    more: tuple[str, ...] = ()


class InvalidReferenceError(MirriskError):
    """A reference cannot be fitted, read or trusted."""


class MismatchError(MirriskError):
    """Table, panel and reference do not belong together."""


class NotFoundError(MirriskError):
    """No panel, reference, sample or file goes by this name."""


class MissingExtraError(MirriskError):
    """An optional dependency is not installed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a clause that suggests the nearest known name; empty where none is near."""
    near = get_close_matches(name.lower(), list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


class MirriskWarning(UserWarning):
    """Something a careful user would want to know, but that does not prevent a result."""
