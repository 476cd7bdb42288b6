"""Validation: what was found about a panel on a cohort, from the answer downwards."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mirrisk.validation.binary import TARGETS, BinaryFigures
from mirrisk.validation.plain import frame, plain
from mirrisk.validation.sections import sections
from mirrisk.validation.training import StoredFigures
from mirrisk.validation.wording import as_text, estimate, plural, verdict

if TYPE_CHECKING:
    import pandas as pd

    from mirrisk.validation.cases import LeftOut
    from mirrisk.validation.clinical_models import ClinicalComparison
    from mirrisk.validation.interval import Interval
    from mirrisk.validation.parts import MemberFigures, Part, Sites
    from mirrisk.validation.time_to_event import SurvivalFigures


@dataclass(frozen=True)
class Subject:
    """What was validated.

    Attributes
    ----------
    panel, version, title, endpoint, digest : str
    kind : str
        ``literature``, or the link of a fitted panel.
    caveats : tuple of str
    reference, reference_digest : str
        The digest is empty where each fold has a reference of its own.
    reference_n : str
        Samples that it was learned from, in words.
    """

    panel: str
    version: str
    title: str
    endpoint: str
    digest: str
    kind: str
    caveats: tuple[str, ...]
    reference: str
    reference_digest: str
    reference_n: str


@dataclass(frozen=True)
class Cohort:
    """On whom.

    Attributes
    ----------
    n, events, competing : int
        Samples that figures count, events of interest and competing events among them.
    patients : int
        As the caller told them; else as many as samples.
    outcome : str
        The column's name, if it has one.
    event, other : str
        What the labels call an event, and none.
    left_out : tuple of LeftOut
        Samples that no figure counts.
    not_scored : tuple of LeftOut
        Those among them with an outcome that the panel does not score; flags and bounds tell
        of them.
    """

    n: int
    events: int
    competing: int
    patients: int
    outcome: str
    event: str
    other: str
    left_out: tuple[LeftOut, ...]
    not_scored: tuple[LeftOut, ...]


@dataclass(frozen=True, eq=False)
class Validation:
    """How good a panel is on a cohort; ``print`` it, or take ``to_dict`` or ``tables``.

    Attributes
    ----------
    subject : Subject
    cohort : Cohort
    figures : BinaryFigures, SurvivalFigures or StoredFigures
        The last where the cohort is the one that the panel was fitted on.
    members : tuple of MemberFigures
    subgroups : tuple of Part
    sites : Sites or None
    clinical : ClinicalComparison or None
    notes : tuple of str
        What was found or decided on the way.
    seed, resamples : int
    """

    subject: Subject
    cohort: Cohort
    figures: BinaryFigures | SurvivalFigures | StoredFigures
    members: tuple[MemberFigures, ...] = ()
    subgroups: tuple[Part, ...] = ()
    sites: Sites | None = None
    clinical: ClinicalComparison | None = None
    notes: tuple[str, ...] = ()
    seed: int = 0
    resamples: int = 2000

    @property
    def main(self) -> Interval:
        """The one figure that the headline is about."""
        if isinstance(self.figures, BinaryFigures):
            return self.figures.auc
        if isinstance(self.figures, StoredFigures):
            return self.figures.discrimination
        return self.figures.harrell_c

    @property
    def verdict(self) -> str:
        """What the interval of the headline's figure allows to say, and no more."""
        return verdict(self.main)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        figures = self.figures
        if isinstance(figures, StoredFigures):
            n, events, when = figures.n, figures.events, " in the fit's own validation"
        else:
            n, events, when = self.cohort.n, self.cohort.events, ""
        main = f"{self.main.measure} {estimate(self.main)}"
        return f"{main}, n = {n}, {plural(events, 'event')}{when}: {self.verdict}"

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The figures that come in rows, by name; those that there are."""
        found: dict[str, Any] = {
            "members": self.members,
            "subgroups": self.subgroups,
            "sites": self.sites.parts if self.sites else (),
            "clinical_models": self.clinical.models if self.clinical else (),
        }
        figures = self.figures
        if isinstance(figures, BinaryFigures):
            found |= {
                "flags": figures.flags.rows,
                "comparisons": figures.comparisons,
            }
        elif not isinstance(figures, StoredFigures):
            found["incidence_by_flag"] = figures.incidence
        tables = {name: frame(rows) for name, rows in found.items() if rows}
        if isinstance(figures, BinaryFigures):
            tables["cutoffs"] = _cutoffs(figures)
        curve = getattr(figures, "net_benefit", None)
        if curve is not None:
            tables["net_benefit"] = curve.to_frame()
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types: NaN is None, and nothing is told of single patients."""
        kinds = {BinaryFigures: "binary", StoredFigures: "training cohort"}
        return {
            "mirrisk": version("mirrisk"),
            "headline": self.headline,
            "verdict": self.verdict,
            "research_use_only": True,
            "kind": kinds.get(type(self.figures), "survival"),
            **{
                name: plain(getattr(self, name))
                for name in (
                    "subject",
                    "cohort",
                    "figures",
                    "members",
                    "subgroups",
                    "sites",
                    "clinical",
                    "notes",
                    "seed",
                    "resamples",
                )
            },
        }

    def __repr__(self) -> str:
        return f"Validation({self.subject.panel} {self.subject.version}: {self.headline})"

    def __str__(self) -> str:
        return as_text(self.headline, sections(self))


def _cutoffs(figures: BinaryFigures) -> pd.DataFrame:
    """Return what flags and cutoffs achieve; a flag is no cutoff of the risk and has no value."""
    table = frame((figures.flags.high, figures.flags.not_low, *figures.cutoffs))
    table.insert(0, "target", ["high", "not low", *TARGETS])
    table["value"] = table["value"].where(table["target"].isin(TARGETS))
    return table
