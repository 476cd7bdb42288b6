"""What came of all batches: flags and reasons counted, notes said once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.model import FittedPanel
from mirrisk.result import REASONS
from mirrisk.scoring import FLAGS
from mirrisk.tables.depth import depth_notes, depth_warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.assessment import Assessment
    from mirrisk.expression import Expression
    from mirrisk.result import PanelResult
    from mirrisk.vocabulary import FloatArray

ABOUT_REFERENCE = ("name", "digest", "n", "unit", "level", "specimen", "cancer")

NAMED = 3
"""So many samples are named in a note; more are counted."""

OF_SAMPLES = re.compile(
    r"(?P<what>fitness not checked|composition not corrected|counts of many miRNAs are missing) in "
    r"(?P<who>all samples|\d+ samples \(.*, \.\.\.\)|samples? .+?)(?P<why>: .*)",
    re.DOTALL,
)
OF_FLAGS = re.compile(
    r"(?P<panel>panel (?P<id>\S+): of )\d+(?P<what> flagged (?P<flag>\w+), )"
    r"(?P<count>\d+)(?P<rest>.*)",
    re.DOTALL,
)


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
        Samples with fewer miRNA reads than wished.
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
        beside = {*expression.notes, *depth_notes(expression, 0)}
        return cls(
            samples=expression.samples,
            reads=expression.reads,
            read=expression.notes,
            notes=tuple(note for note in assessment.notes if note not in beside),
            flags={panel: flags for panel, (flags, _) in counts.items()},
            reasons={panel: reasons for panel, (_, reasons) in counts.items()},
            nearest=dict(Counter(n for r in results[:1] for n in r.measured.nearest if n)),
            panels={result.panel.id: result.panel.version for result in results},
            reference={name: getattr(assessment.reference, name) for name in ABOUT_REFERENCE},
            fitted=any(isinstance(result.panel, FittedPanel) for result in results),
        )


@dataclass
class _Named:
    """A note about samples that are named or counted."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, who: str, samples: tuple[str, ...]) -> None:
        """Add the samples of one batch."""
        if who == "all samples":
            self.count += len(samples)
            names = list(samples[:NAMED])
        else:
            number, _, listed = who.partition(" ")
            names = listed.removeprefix("samples (").removesuffix(", ...)").split(", ")
            self.count += int(number) if number.isdigit() else len(names)
        self.names += names[: NAMED - len(self.names)]

    def who(self, total: int) -> str:
        """Name the samples, or count them."""
        if self.count == total > 1:
            return "all samples"
        shown = ", ".join(self.names)
        if self.count > NAMED:
            return f"{self.count} samples ({shown}, ...)"
        return f"sample{'s' if self.count > 1 else ''} {shown}"


class _Depths:
    """The library sizes of all batches, as far as notes need them."""

    def __init__(self, min_reads: float) -> None:
        self.min_reads = min_reads
        self.parts: list[FloatArray] = []
        self.count = 0
        self.known = True
        self.samples: dict[int, str] = {}

    def add(self, samples: tuple[str, ...], reads: FloatArray | None) -> None:
        """Add those of one batch."""
        if reads is None:
            self.known = False
            return
        for i in np.flatnonzero(reads < self.min_reads):
            self.samples[self.count + int(i)] = samples[i]
        self.parts.append(np.array(reads))
        self.count += len(reads)

    @property
    def reads(self) -> FloatArray | None:
        """All library sizes; None where a table does not tell them."""
        return np.concatenate(self.parts) if self.known and self.parts else None


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
        self._said: dict[str, _Named | str | int] = {}
        self._depths = _Depths(min_reads)
        self._uncovered = _Named()

    def add(self, found: Outcome, uncovered: Sequence[str] = ()) -> None:
        """Add what came of some samples, and which of them had no clinical covariates."""
        self._uncovered.count += len(uncovered)
        self._uncovered.names += uncovered[: NAMED - len(self._uncovered.names)]
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
        for note in found.notes:
            self._add_note(note, found.samples)

    def _add_note(self, note: str, samples: tuple[str, ...]) -> None:
        if found := OF_SAMPLES.fullmatch(note):
            named = self._said.setdefault(f"{found['what']} in {{}}{found['why']}", _Named())
            cast("_Named", named).add(found["who"], samples)
        elif found := OF_FLAGS.fullmatch(note):
            key = f"{found['panel']}{{all}}{found['what']}{{}}{found['rest']}"
            self._said[key] = cast("int", self._said.get(key, 0)) + int(found["count"])
        else:
            self._said.setdefault(note, note)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return every note once: on reading, on depth, on what was found."""
        said = [self._worded(key, value) for key, value in self._said.items()]
        if self._uncovered.count:
            shown = ", ".join(self._uncovered.names)
            shown += ", ..." if self._uncovered.count > NAMED else ""
            said.append(
                f"no covariates for {self._uncovered.count} samples ({shown}): estimated from the "
                "rest"
            )
        depths = depth_notes(cast("Expression", self._depths), self._depths.min_reads)
        return (*self._read, *depths, *said)

    @property
    def about_tables(self) -> tuple[str, ...]:
        """The notes that are true of every sample."""
        return tuple(note for note in self._said.values() if isinstance(note, str))

    @property
    def about_samples(self) -> dict[str, int]:
        """The notes that are about some samples, with ``{}`` where they are counted."""
        return {key: value.count for key, value in self._said.items() if isinstance(value, _Named)}

    def _worded(self, key: str, value: _Named | str | int) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, _Named):
            before, after = key.split("{}", 1)
            return before + value.who(self.n_samples) + after
        found = OF_FLAGS.fullmatch(key.replace("{all}", "0", 1).replace("{}", "0", 1))
        if found is None:
            return key
        flagged = self.flags[found["id"]][found["flag"]]
        return key.replace("{all}", str(flagged), 1).replace("{}", str(value), 1)

    def summary(self) -> Summary:
        """Return what has been added so far.

        Raises
        ------
        MismatchError
            If there are clinical covariates, but of none of these samples.
        """
        if 0 < self.n_samples == self._uncovered.count:
            raise none_covered(self._uncovered.names[0])
        return Summary(
            n_samples=self.n_samples,
            flags={panel: dict(count) for panel, count in self.flags.items()},
            reasons={panel: dict(count) for panel, count in self.reasons.items()},
            nearest=dict(self.nearest),
            notes=self.notes,
            warning=depth_warning(cast("Expression", self._depths), self._depths.min_reads),
            panels=dict(self.panels),
            reference=self.reference,
            fitted=self.fitted,
            n_shallow=len(self._depths.samples),
        )


def none_covered(sample: str) -> MismatchError:
    """Say that clinical covariates are of other samples than those of a table."""
    return MismatchError(
        "no sample of the table is among the covariates",
        expected=f"rows named like {sample!r}",
        remedy="check that both use the same sample names",
    )


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
