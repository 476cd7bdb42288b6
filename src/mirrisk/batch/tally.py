"""What came of all batches: flags and reasons counted, notes said once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.model import FittedPanel
from mirrisk.notes import AddedUp
from mirrisk.result import REASONS
from mirrisk.scoring import FLAGS
from mirrisk.tables.clinical import ABSENT, none_covered
from mirrisk.tables.depth import Shallow, depth_notes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mirrisk.assessment import Assessment
    from mirrisk.result import PanelResult
    from mirrisk.vocabulary import FloatArray

ABOUT_REFERENCE = ("name", "digest", "n", "unit", "level", "specimen", "cancer")
"""What a summary tells of the reference."""


@dataclass(frozen=True)
class Summary:
    """What came of a table that was scored in batches.

    Attributes
    ----------
    n_samples : int
    flags : mapping of str to mapping of str to int
        Panel id -> flag -> number of samples.
    reasons : mapping of str to mapping of str to int
        Panel id -> reason -> number of samples; ``""`` is left out.
    nearest : mapping of str to int
        Reference -> samples that resemble it more.
    notes : tuple of str
        What was found or decided on the way, in sentences, each once.
    warning : str
        Which samples hold fewer miRNA reads than wished; empty where none does.
    panels : mapping of str to str
        Panel id -> version.
    reference : mapping of str to object
        What is to be known of it: name, digest, n, unit, level, specimen, cancer.
    fitted : bool
        Whether the panel is a fitted one.
    n_shallow : int
        Samples with fewer miRNA reads than wished, but not without any.
    on_depth : tuple of str
        Those of the notes that are on library sizes.
    """

    n_samples: int
    flags: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, Mapping[str, int]]
    nearest: Mapping[str, int]
    notes: tuple[str, ...]
    warning: str
    panels: Mapping[str, str]
    reference: Mapping[str, object]
    fitted: bool = False
    n_shallow: int = 0
    on_depth: tuple[str, ...] = ()

    @classmethod
    def of(cls, assessment: Assessment) -> Summary:
        """Return what came of a table that was scored whole."""
        found = Outcome.of(assessment)
        return cls(
            n_samples=len(found.samples),
            flags=found.flags,
            reasons=found.reasons,
            nearest=found.nearest,
            notes=assessment.notes,
            warning="",
            panels=found.panels,
            reference=found.reference,
            fitted=found.fitted,
        )

    @property
    def n_scored(self) -> int:
        """How many scores there are, over all panels."""
        return sum(
            n for of in self.flags.values() for flag, n in of.items() if flag != "not_scored"
        )


@dataclass(frozen=True)
class Outcome:
    """What came of one batch, without its values: what the tally needs of it.

    Attributes
    ----------
    samples : tuple of str
    reads : ndarray of shape (n_samples,) or None
    read : tuple of str
        Notes on reading.
    notes : tuple of str
        The other notes, but for those on depth.
    flags, reasons, nearest, panels, reference, fitted
        As in :class:`Summary`.
    """

    samples: tuple[str, ...]
    reads: FloatArray | None
    read: tuple[str, ...]
    notes: tuple[str, ...]
    flags: dict[str, dict[str, int]]
    reasons: dict[str, dict[str, int]]
    nearest: dict[str, int]
    panels: dict[str, str]
    reference: dict[str, object]
    fitted: bool

    @classmethod
    def of(cls, assessment: Assessment) -> Outcome:
        """Return what came of some samples that were scored with ``min_reads=0``."""
        expression, results = assessment.expression, assessment.results
        counts = {result.panel.id: counted(result) for result in results}
        return cls(
            samples=expression.samples,
            reads=expression.reads,
            read=expression.notes,
            notes=found_in(assessment),
            flags={panel: flags for panel, (flags, _) in counts.items()},
            reasons={panel: reasons for panel, (_, reasons) in counts.items()},
            nearest=dict(Counter(n for r in results[:1] for n in r.measured.nearest if n)),
            panels={result.panel.id: result.panel.version for result in results},
            reference={name: getattr(assessment.reference, name) for name in ABOUT_REFERENCE},
            fitted=any(isinstance(result.panel, FittedPanel) for result in results),
        )


class _Depths:
    """The library sizes of all batches, as far as notes need them."""

    def __init__(self, min_reads: float) -> None:
        self.min_reads = min_reads
        self.shallow = Shallow()
        self._parts: list[FloatArray] = []
        self._known = True

    def add(self, samples: tuple[str, ...], reads: FloatArray | None) -> None:
        """Add those of one batch."""
        if reads is None:
            self._known = False
            return
        self.shallow = self.shallow.plus(Shallow.of(samples, reads, self.min_reads))
        self._parts.append(np.array(reads))

    def notes(self) -> tuple[str, ...]:
        """Return what is to be noted of them; nothing where a batch does not tell them."""
        reads = np.concatenate(self._parts) if self._known and self._parts else None
        return self.shallow.note(reads, self.min_reads)

    def warning(self) -> str:
        """Return the warning of shallow libraries; empty where there are none."""
        return self.shallow.warning(self.min_reads)


class Tally:
    """Counts and notes of batches, in the order in which they are added."""

    def __init__(self, min_reads: float) -> None:
        self.n_samples = 0
        self.flags: dict[str, Counter[str]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.nearest: Counter[str] = Counter()
        self.panels: dict[str, str] = {}
        self.reference: dict[str, object] = {}
        self.fitted = False
        self._read: dict[str, None] = {}
        self._said = AddedUp()
        self._depths = _Depths(min_reads)

    def add(self, found: Outcome) -> None:
        """Add what came of some samples."""
        self.n_samples += len(found.samples)
        self.reference = self.reference or found.reference
        self.fitted = self.fitted or found.fitted
        self.panels |= found.panels
        for panel in found.panels:
            self.flags.setdefault(panel, Counter()).update(found.flags[panel])
            self.reasons.setdefault(panel, Counter()).update(found.reasons[panel])
        self.nearest.update(found.nearest)
        self._depths.add(found.samples, found.reads)
        self._read.update(dict.fromkeys(found.read))
        self._said.add(found.notes)

    def summary(self) -> Summary:
        """Return what has been added so far.

        Raises
        ------
        MismatchError
            If there are clinical covariates, but of none of these samples.
        """
        absent = self._said.about(ABSENT)
        if absent is not None and absent.n_samples == self.n_samples:
            raise none_covered(absent.names[0])
        depth = self._depths.notes()
        return Summary(
            n_samples=self.n_samples,
            flags={panel: dict(count) for panel, count in self.flags.items()},
            reasons={panel: dict(count) for panel, count in self.reasons.items()},
            nearest=dict(self.nearest),
            notes=(*self._read, *depth, *self._said.of(self.n_samples)),
            on_depth=depth,
            warning=self._depths.warning(),
            panels=dict(self.panels),
            reference=self.reference,
            fitted=self.fitted,
            n_shallow=self._depths.shallow.count,
        )


def found_in(assessment: Assessment) -> tuple[str, ...]:
    """Return the notes of a scoring with ``min_reads=0``, but for those on reading and depth."""
    beside = {*assessment.expression.notes, *depth_notes(assessment.expression, 0)}
    return tuple(note for note in assessment.notes if note not in beside)


def counted(
    result: PanelResult, rows: slice = slice(None)
) -> tuple[dict[str, int], dict[str, int]]:
    """Count the flags and the reasons of some samples on one panel."""
    flags = np.bincount(result.flags[rows], minlength=len(FLAGS))
    reasons = np.bincount(result.reasons[rows], minlength=len(REASONS))
    return (
        {flag: int(n) for flag, n in zip(FLAGS, flags, strict=True) if n},
        {str(why): int(n) for why, n in zip(REASONS, reasons, strict=True) if n and why},
    )
