"""Notes: what was found of a table in sentences, those about some of its samples with their number.

Notes of parts of a table, or of tables beside each other, add up to those of the whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mirrisk.vocabulary import BoolArray, IntArray

NAMED = 3
"""So many samples are named in a note; more are counted."""


class Note(str):
    """A sentence about some samples of a table: text to its readers, a number to what adds it up.

    Parameters
    ----------
    template : str
        The sentence, with ``{who}`` where the samples are named or counted, ``{names}`` where the
        first are named, ``{count}`` where their number stands.
    count : int
        How many samples it is about.
    total : int
        How many samples the table has.
    names : sequence of str
        The first of the samples, at most 3.
    rows : ndarray of int, optional
        Where the samples stand in the table; not known of what was added up.
    """

    template: str
    count: int  # type: ignore[assignment]  # of samples; letters of a note nobody counts
    total: int
    names: tuple[str, ...]
    rows: IntArray | None

    def __new__(
        cls,
        template: str,
        count: int,
        total: int,
        names: Sequence[str],
        rows: IntArray | None = None,
    ) -> Note:
        """Word the sentence."""
        shown = ", ".join(names) + (", ..." if count > len(names) else "")
        who = f"sample{'s' * (count > 1)} {shown}"
        if count == total > 1:
            who = "all samples"
        elif count > len(names):
            who = f"{count} samples ({shown})"
        words = {"who": who, "names": shown, "count": str(count)}
        # In one pass: a sample may be called {count}.
        text = re.sub(r"\{(who|names|count)\}", lambda found: words[found[1]], template)
        note = super().__new__(cls, text)
        note.template, note.count, note.total = template, count, total
        note.names, note.rows = tuple(names), rows
        return note

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling (joblib and Dask send notes between processes)."""
        return (Note, (self.template, self.count, self.total, self.names, self.rows))

    @classmethod
    def of(cls, template: str, chosen: BoolArray, samples: Sequence[str]) -> Note:
        """Return a note about the samples chosen."""
        rows = np.flatnonzero(chosen)
        names = [samples[row] for row in rows[:NAMED]]
        return cls(template, len(rows), len(samples), names, rows)

    def within(self, start: int, samples: Sequence[str]) -> Note | None:
        """Return the note of consecutive samples of the table; None where it is not about them."""
        if self.rows is None:
            return None
        first, end = np.searchsorted(self.rows, (start, start + len(samples)))
        if first == end:
            return None
        rows = self.rows[first:end] - start
        names = [samples[row] for row in rows[:NAMED]]
        return Note(self.template, len(rows), len(samples), names, rows)

    def plus(self, other: Note) -> Note:
        """Return the note of two tables, one below the other."""
        names = tuple(dict.fromkeys((*self.names, *other.names)))[:NAMED]
        return Note(self.template, self.count + other.count, self.total + other.total, names)

    def out_of(self, total: int) -> Note:
        """Return the note of a table of so many samples."""
        return Note(self.template, self.count, total, self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make the note again, as plain types, for a file."""
        told = {name: getattr(self, name) for name in ("template", "count", "total")}
        return {**told, "names": list(self.names)}


class AddedUp:
    """The notes of parts of a table: each once, those about samples of all parts together."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def add(self, notes: Iterable[str]) -> None:
        """Add the notes of one part."""
        for note in notes:
            if not isinstance(note, Note):
                self._said.setdefault(note, note)
                continue
            known = self._said.get(note.template)
            self._said[note.template] = known.plus(note) if isinstance(known, Note) else note

    def about(self, template: str) -> Note | None:
        """Return what was said of samples so far by a template."""
        found = self._said.get(template)
        return found if isinstance(found, Note) else None

    def of(self, total: int) -> tuple[str, ...]:
        """Return the notes of a table of so many samples."""
        said = self._said.values()
        return tuple(note.out_of(total) if isinstance(note, Note) else note for note in said)
