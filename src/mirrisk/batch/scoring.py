"""What every batch is scored with: panels, reference, options; sent to a worker once."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.assessment import ALL, Assessment, fitted_among, reference_of, score
from mirrisk.batch.tally import ABOUT_REFERENCE
from mirrisk.catalog import load_panels
from mirrisk.digests import digest_of
from mirrisk.expression import check_share
from mirrisk.model import FittedPanel
from mirrisk.nomenclature import stem_loop_of
from mirrisk.notes import Note
from mirrisk.panel import Panel, shipped_panels
from mirrisk.reference import COHORT, Reference
from mirrisk.tables.clinical import ABSENT, check_covariates, rows_for, unknown_in
from mirrisk.tables.depth import check_min_reads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from mirrisk.catalog import PanelLike
    from mirrisk.expression import Expression
    from mirrisk.panel import AnyPanel
    from mirrisk.tables.assembly import Reading


@dataclass(frozen=True)
class Scoring:
    """Panels, reference and options, loaded and checked.

    Parameters
    ----------
    panels : tuple of Panel or FittedPanel, optional
        None: all that fit the reference.
    reference : Reference, optional
        None for the table itself, and for a fitted panel, which brings its own.
    how : Reading
        How tables are read.
    covariates : DataFrame, optional
        Indexed by sample.
    min_coverage : float
    min_reads : float
    """

    panels: tuple[Panel | FittedPanel, ...] | None
    reference: Reference | None
    how: Reading
    covariates: pd.DataFrame | None
    min_coverage: float
    min_reads: float

    @classmethod
    def of(
        cls,
        panel: PanelLike | Iterable[PanelLike],
        reference: Reference | str | Path | None,
        how: Reading,
        covariates: pd.DataFrame | None,
        min_coverage: float,
        min_reads: float,
    ) -> Scoring:
        """Load what is named.

        Raises
        ------
        MirriskError
            If something is not found, or damaged, or there is no reference.
        """
        check_share("min_coverage", min_coverage)
        check_min_reads(min_reads)
        check_covariates(covariates)
        panels = None if panel == ALL else load_panels(panel)
        loaded = None
        if fitted_among(panels or (), reference) is None:
            loaded = reference_of(reference)
        for one in panels or ():
            if loaded is not None and isinstance(one, Panel):
                loaded.check_panel(one)
        return cls(panels, loaded, how, covariates, min_coverage, min_reads)

    @property
    def of_cohort(self) -> bool:
        """Whether each table is its own reference, and must be read whole."""
        return self.reference is None and not _brings_its_own(self.panels)

    @property
    def fitted(self) -> bool:
        """Whether the panel is a fitted one."""
        return _brings_its_own(self.panels)

    def told(self, ids: Collection[str]) -> tuple[dict[str, str], dict[str, object]]:
        """Return the versions of some panels, and what a summary tells of the reference."""
        panels = shipped_panels() if self.panels is None else self.panels
        fitted = next((panel for panel in panels if isinstance(panel, FittedPanel)), None)
        reference = self.reference if fitted is None else fitted.reference
        about = {} if reference is None else {n: getattr(reference, n) for n in ABOUT_REFERENCE}
        return {panel.id: panel.version for panel in panels if panel.id in ids}, about

    @cached_property
    def keys(self) -> frozenset[str]:
        """The miRNAs that scores, fitness and explanations look at, at either level."""
        panels = shipped_panels() if self.panels is None else self.panels
        found: set[str] = set()
        for panel in panels:
            if isinstance(panel, FittedPanel):
                found |= _keys_of(panel.reference)
                found |= {name for term in panel.terms for name in (term.key, term.mirna)}
            else:
                names = {mirna.name for _, mirna in panel.features()}
                found |= names | {stem for name in names if (stem := stem_loop_of(name))}
        if self.reference is not None:
            found |= _keys_of(self.reference)
        return frozenset(found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that a result depends on beside the table."""
        how = asdict(self.how) | {"aliases": sorted((self.how.aliases or {}).items())}
        if not isinstance(self.how.library_size, str | None):
            how["library_size"] = [float(size) for size in self.how.library_size]
        covariates = "" if self.covariates is None else str(self.covariates.to_csv())
        return digest_of(
            {
                "mirrisk": metadata.version("mirrisk"),
                "panels": ALL if self.panels is None else [p.digest for p in self.panels],
                "reference": None if self.reference is None else self.reference.digest,
                "how": how,
                "covariates": covariates,
                "min_coverage": self.min_coverage,
                "min_reads": self.min_reads,  # the number of shallow samples is kept, too
            }
        )

    def packed(self) -> bytes:
        """Return what another process needs to score the same."""
        return pickle.dumps(self)

    @staticmethod
    def unpacked(packed: bytes) -> Scoring:
        """Return what was packed; the same bytes are loaded once."""
        return _unpacked(packed)

    def assess(self, expression: Expression) -> Assessment:
        """Score some samples; shallow libraries are for the tally to tell."""
        wanted: Any = ALL if self.panels is None else self.panels
        samples, frame = expression.samples, self._clinical
        found = score(
            expression,
            panel=wanted,
            reference=COHORT if self.of_cohort else self.reference,
            covariates=None if frame is None else rows_for(frame, samples),
            min_coverage=self.min_coverage,
            min_reads=0,
        )
        if not self.covered(samples):
            found.notes = _of_uncovered(found.notes, found.results[0].panel, samples)
        return found

    def covered(self, samples: Sequence[str]) -> list[str]:
        """Return the samples with a row of covariates; all where none are given."""
        if self._clinical is None:
            return list(samples)
        return [sample for sample in samples if sample in self._clinical.index]

    @cached_property
    def _clinical(self) -> pd.DataFrame | None:
        if self.covariates is None:
            return None
        return self.covariates.set_axis(self.covariates.index.map(str))


@lru_cache(maxsize=4)
def _unpacked(packed: bytes) -> Scoring:
    found: Scoring = pickle.loads(packed)  # noqa: S301 (from the parent process, never from a file)
    return found


def _brings_its_own(panels: tuple[Panel | FittedPanel, ...] | None) -> bool:
    return panels is not None and any(isinstance(panel, FittedPanel) for panel in panels)


def _of_uncovered(notes: Iterable[str], panel: AnyPanel, samples: Sequence[str]) -> tuple[str, ...]:
    """Say of samples that they have no row of covariates, whose rows were taken to be empty."""
    covariates = panel.covariates if isinstance(panel, FittedPanel) else ()
    empty = {unknown_in(covariate.name) for covariate in covariates}
    others = (n for n in notes if not (isinstance(n, Note) and n.template in empty))
    return (*others, Note.of(ABSENT, np.ones(len(samples), dtype=bool), samples))


def _keys_of(reference: Reference) -> set[str]:
    contrast = () if reference.contrast is None else reference.contrast.keys
    return {*reference.keys, *reference.requested, *reference.profile.keys, *contrast}
