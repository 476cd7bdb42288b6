"""Notes: what was found of a table in sentences, those about some of its samples with their number.

Notes of parts of a table, or of tables beside each other, add up to those of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mirrisk.vocabulary import BoolArray, IntArray

NAMED = 3
"""So many samples are named in a note; more are counted."""

WHO, COUNT = "\ufdd0", "\ufdd1"
"""Where a template names or counts its samples, and where their number alone stands.

Unicode keeps these for the inside of programs: no name of a reference, a panel or a column that
stands in a template can be taken for one, as it could for ``{who}``."""


class Note(str):
    """A sentence about some samples of a table: text to its readers, a number to what adds it up.

    Parameters
    ----------
    template : str
        The sentence, with ``WHO`` where the samples are named or counted, ``COUNT`` where their
        number stands.
    n_samples : int
        How many samples it is about.
    of_total : int
        How many samples the table has.
    names : sequence of str
        The first of the samples, at most 3.
    rows : ndarray of int, optional
        Where the samples stand in the table; not known of what was added up.
    """

    template: str
    n_samples: int
    of_total: int
    names: tuple[str, ...]
    rows: IntArray | None

    def __new__(
        cls,
        template: str,
        n_samples: int,
        of_total: int,
        names: Sequence[str],
        rows: IntArray | None = None,
    ) -> Note:
        """Word the sentence."""
        shown = ", ".join(names)
        if n_samples == of_total > 1:
            who = "all samples"
        elif n_samples > len(names):
            who = f"{n_samples} samples ({shown}, ...)"
        else:
            who = f"sample{'s' * (n_samples > 1)} {shown}"
        # Names last: nothing is put into them.
        text = template.replace(COUNT, str(n_samples)).replace(WHO, who)
        note = super().__new__(cls, text)
        note.template, note.n_samples, note.of_total = template, n_samples, of_total
        note.names, note.rows = tuple(names), rows
        return note

    def without_names(self) -> str:
        """Return the sentence with its samples counted: a report tells nothing of single patients.

        Examples
        --------
        >>> note = Note(f"no weight known of {WHO}", 4, 9, ("Ada", "Bob", "Cy"))
        >>> note, note.without_names()
        ('no weight known of 4 samples (Ada, Bob, Cy, ...)', 'no weight known of 4 samples')
        """
        who = f"{self.n_samples} sample{'s' * (self.n_samples != 1)}"
        if self.n_samples == self.of_total > 1:
            who = "all samples"
        return self.template.replace(COUNT, str(self.n_samples)).replace(WHO, who)

    def without_samples(self) -> str:
        """Return the sentence without its samples, to stand beside their number.

        Examples
        --------
        >>> Note(f"not corrected in {WHO}: too few reads", 1, 9, ["Ada"]).without_samples()
        'not corrected: too few reads'
        """
        return self.template.replace(f" in {WHO}", "").replace(COUNT, str(self.n_samples))

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling (joblib and Dask send notes between processes)."""
        return (Note, (self.template, self.n_samples, self.of_total, self.names, self.rows))

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
        n_samples, of_total = self.n_samples + other.n_samples, self.of_total + other.of_total
        return Note(self.template, n_samples, of_total, names)

    def out_of(self, total: int) -> Note:
        """Return the note of a table of so many samples."""
        return Note(self.template, self.n_samples, total, self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make the note again, as plain types, for a file."""
        told = {name: getattr(self, name) for name in ("template", "n_samples", "of_total")}
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
