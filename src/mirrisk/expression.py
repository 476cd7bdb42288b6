"""Expression: measured values of samples x features, with their unit, level and specimen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, get_args

import numpy as np

from mirrisk import nomenclature
from mirrisk.arrays import row_means, row_sums, take_columns
from mirrisk.errors import InvalidExpressionError
from mirrisk.vocabulary import Level, Specimen, Undetermined, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.nomenclature import Resolution
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

MIN_LIBRARY_MIRNAS = 100
"""Counts of fewer miRNAs than this cannot be the whole library."""

LARGEST_SEEN_LOG = 64.0
"""No logarithm of a measured value comes near: 2^64 is more than any instrument counts."""

LARGEST_LOG = 128.0
"""Refused beyond. Counts declared as log2 reach much further; scikit-learn's checks bring 100."""

LIMITS: dict[Unit, tuple[float, float]] = {
    "counts": (0.0, np.inf),
    "cpm": (0.0, np.inf),
    "log2": (-LARGEST_LOG, LARGEST_LOG),
    "ct": (1.0, 60.0),
    "delta_ct": (-60.0, 60.0),
}
"""What a unit can hold. Exports write 0, 999 and the like for a Ct that was not determined."""

TYPICAL_CT = 20.0
"""Half of an array's log2 intensities, or of delta-Ct, never lie above; raw Ct do."""

MANY_CELLS = 50
ALMOST_ALL = 0.95

CPM_TOTAL = 1e6
ROWS_FOR_INFERENCE = 100
"""The unit is inferred from this many samples at the start of the table, whatever follows."""

ROUNDING = 1e-6
"""Fractional reads add up to a library size that was rounded, give or take this share."""


@dataclass(frozen=True)
class FeatureIndex:
    """What the columns of a table denote, found once per set of column names."""

    features: tuple[str, ...]
    resolutions: tuple[Resolution, ...]
    level: Level

    @cached_property
    def is_mirna(self) -> tuple[bool, ...]:
        """Whether each column denotes a miRNA."""
        return tuple(resolution.is_mirna for resolution in self.resolutions)

    @cached_property
    def at_level(self) -> IntArray:
        """Columns that are miRNAs of the table's level, in canonical order (key, then name).

        Sums run in this order, so that they cannot depend on the order of the file.
        """
        found = [
            (resolution.key or "", self.features[column], column)
            for column, resolution in enumerate(self.resolutions)
            if resolution.is_mirna and resolution.level in (self.level, None)
        ]
        return np.array([column for _, _, column in sorted(found)], dtype=np.intp)

    def columns_of(self, level: Level) -> Mapping[str, tuple[int, ...]]:
        """Return key -> columns at a level; a mature table also has its stem-loops' (arms)."""
        return self._mature_by_stem_loop if level != self.level else self._by_key

    @cached_property
    def _by_key(self) -> dict[str, tuple[int, ...]]:
        return self._group("key")

    @cached_property
    def _mature_by_stem_loop(self) -> dict[str, tuple[int, ...]]:
        return self._group("stem_loop") if self.level == "mature" else {}

    def _group(self, attribute: str) -> dict[str, tuple[int, ...]]:
        groups: dict[str, list[int]] = {}
        for column in self.at_level:
            key = getattr(self.resolutions[column], attribute)
            if key is not None:
                groups.setdefault(key, []).append(int(column))
        return {key: tuple(columns) for key, columns in groups.items()}

    @cached_property
    def ambiguous(self) -> dict[str, str]:
        """Candidate miRNA -> the column that may denote it, or another."""
        return {
            candidate: self.features[column]
            for column, resolution in enumerate(self.resolutions)
            if resolution.match == "ambiguous"
            for candidate in resolution.candidates
        }


def index_features(
    features: Sequence[str], level: Level | None = None, aliases: Mapping[str, str] | None = None
) -> FeatureIndex:
    """Resolve every column name; the level is that of most of them unless it is given."""
    if aliases:
        return _index(tuple(features), nomenclature.resolve_all(features, aliases), level)
    return _index_cached(tuple(features), level)


@lru_cache(maxsize=16)
def _index_cached(features: tuple[str, ...], level: Level | None) -> FeatureIndex:
    return _index(features, nomenclature.resolve_all(features), level)


def _index(
    features: tuple[str, ...], resolutions: tuple[Resolution, ...], level: Level | None
) -> FeatureIndex:
    if level is None:
        stem_loops = sum(r.level == "stem-loop" for r in resolutions)
        mature = sum(r.level == "mature" for r in resolutions)
        level = "stem-loop" if stem_loops > mature else "mature"
    return FeatureIndex(features, resolutions, level)


@dataclass(frozen=True, eq=False, repr=False)
class Expression:
    """Expression of samples x features, checked, in one unit, level and specimen.

    Made by :func:`mirrisk.read` from files and by :func:`mirrisk.tables.as_expression` from
    data frames and arrays.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        As measured, in ``unit``; NaN is missing, never zero.
    samples : tuple of str
        Sample names, unique.
    index : FeatureIndex
        The columns and what they denote.
    unit : {"counts", "cpm", "log2", "ct", "delta_ct"}
        ``log2`` is log2(CPM + 1) or an array's log2 intensity; ``ct`` and ``delta_ct`` are
        cycles, where fewer means more RNA.
    specimen : {"tissue", "serum", "ev"}
        What the RNA was taken from; ``ev`` are extracellular vesicles.
    library_size : ndarray of shape (n_samples,), optional
        All miRNA reads of each sample, where the table holds only some of them.
    notes : tuple of str
        What was found or decided while reading, in sentences.
    undetermined : {"missing", "limit", "limit_empty"}
        What became of undetermined Ct wells.
    limit : float, optional
        Ct that they were set to; None where they are missing.
    """

    values: FloatArray
    samples: tuple[str, ...]
    index: FeatureIndex
    unit: Unit
    specimen: Specimen = "tissue"
    library_size: FloatArray | None = None
    notes: tuple[str, ...] = field(default=())
    undetermined: Undetermined = "missing"
    limit: float | None = None

    def __post_init__(self) -> None:
        # A view that cannot be written to: what was checked stays as it was.
        values = self.values.view()
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        check_choice("unit", self.unit, get_args(Unit))
        check_choice("specimen", self.specimen, get_args(Specimen))
        if self.values.shape != (len(self.samples), len(self.index.features)):
            raise InvalidExpressionError(
                f"values have the shape {self.values.shape}",
                expected=f"{len(self.samples)} samples x {len(self.index.features)} features",
            )
        refuse_repeats(self.samples, "sample", "give every sample a name of its own")
        refuse_repeats(
            self.index.features,
            "column",
            "merge them: --duplicates sum or mean (in Python: duplicates=)",
        )
        require_mirnas(self.index)
        if self.unit in ("counts", "cpm"):
            self._check_linear()
        elif self.unit != "ct":
            self._check_not_cycles()

    def _check_not_cycles(self) -> None:
        """Refuse raw Ct declared otherwise: half of log2 or delta-Ct values never lie so high."""
        cells = self.values[:ROWS_FOR_INFERENCE, self.index.at_level]
        measured = cells[np.isfinite(cells)]
        if (
            measured.size >= MANY_CELLS
            and 2 * (measured > TYPICAL_CT).sum() > measured.size  # a median, without sorting
            and measured.max() <= LARGEST_SEEN_LOG
        ):
            raise InvalidExpressionError(
                f"declared as {self.unit}, but half of the values lie above {TYPICAL_CT:g}: "
                "these look like raw Ct",
                expected=f"values in {self.unit}",
                remedy="state the table's real unit (ct)",
            )

    def _check_linear(self) -> None:
        columns = self.index.at_level
        self._check_cells(take_columns(self.values, columns), columns)
        if self.unit == "counts" and self.library_size is None:
            found = len(self.index.columns_of(self.level))
            if found < MIN_LIBRARY_MIRNAS:
                raise InvalidExpressionError(
                    f"counts of only {found} miRNAs: the size of the library is unknown",
                    expected=f"the whole table (at least {MIN_LIBRARY_MIRNAS} miRNAs)",
                    remedy="give the whole table, or all miRNA reads per sample: "
                    "--library-size COLUMN (in Python: library_size=)",
                )
        self._check_library()
        fault = _wrong_total(self)
        if fault:
            raise InvalidExpressionError(
                fault, expected=f"values in {self.unit}", remedy="state the table's real unit"
            )

    def _check_library(self) -> None:
        """Refuse a library size below the reads that the table itself holds."""
        if self.unit != "counts" or self.library_size is None:
            return
        short = np.flatnonzero(self.library_size * (1 + ROUNDING) < self.totals)
        if len(short):
            row = int(short[0])
            raise InvalidExpressionError(
                f"library size {self.library_size[row]:.10g}, but the table holds "
                f"{self.totals[row]:.10g} reads",
                where=f"sample {self.samples[row]!r}",
                expected="all miRNA reads of the sample, in reads (not in millions)",
                remedy="correct library_size, and see that it is in the order of the samples",
            )

    @property
    def level(self) -> Level:
        """Whether columns are mature miRNAs or stem-loops."""
        return self.index.level

    @property
    def features(self) -> tuple[str, ...]:
        """Column names, as they stand in the table."""
        return self.index.features

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return (
            f"Expression({len(self)} samples x {len(self.features)} columns, {self.level}, "
            f"{self.unit}, {self.specimen})"
        )

    def take(self, rows: IntArray | BoolArray) -> Expression:
        """Return some samples, in the order asked for; one taken twice gets another name."""
        chosen = np.arange(len(self))[rows]
        sizes = self.library_size
        return replace(
            self,
            values=self.values[chosen],
            samples=distinct([self.samples[row] for row in chosen]),
            library_size=None if sizes is None else np.asarray(sizes)[chosen],
        )

    @property
    def sums_its_library(self) -> bool:
        """Whether library sizes are the sums of the table's own counts."""
        return self.unit == "counts" and self.library_size is None

    @cached_property
    def partial(self) -> BoolArray:
        """Samples whose counts cannot be the whole library: too few of their cells are filled.

        They come of joining tables with different columns: their library size is unknown.
        """
        if not self.sums_its_library:
            return np.zeros(len(self), dtype=bool)
        block = self.values[:, self.index.at_level]
        return np.asarray((~np.isnan(block)).sum(axis=1) < MIN_LIBRARY_MIRNAS)

    @cached_property
    def log2_cpm(self) -> bool:
        """Whether log2 values are log2(CPM + 1) of whole libraries: they add up to a million."""
        columns = self.index.at_level
        if self.unit != "log2" or len(columns) < MIN_LIBRARY_MIRNAS:
            return False
        cells = take_columns(self.values, columns)
        if not bool((cells[~np.isnan(cells)] < LARGEST_SEEN_LOG).all()):
            return False
        return _near_million(np.nansum(np.exp2(cells) - 1, axis=1))

    @cached_property
    def reads(self) -> FloatArray | None:
        """All miRNA reads of each sample, None where the unit does not tell."""
        if self.library_size is not None:
            return self.library_size
        return self.totals if self.unit == "counts" else None

    @cached_property
    def totals(self) -> FloatArray:
        """Row sums over the miRNA columns, in canonical order: shape (n_samples,)."""
        block = take_columns(self.values, self.index.at_level)
        return row_sums(np.where(np.isnan(block), 0.0, block))

    def log_values(self, keys: Sequence[str], level: Level) -> FloatArray:
        """Return the log2-scale expression of some miRNAs.

        Parameters
        ----------
        keys : sequence of str
            Mature names, or stem-loop names without locus, as ``level`` says.
        level : {"mature", "stem-loop"}
            A mature table gives stem-loops by summing their arms; the reverse is impossible.

        Returns
        -------
        ndarray of shape (n_samples, len(keys))
            log2(CPM + 1) of counts and CPM, log2 values as they are, Ct and delta-Ct with
            their sign turned; in every case more means more RNA. NaN where not measured.
        """
        groups = self.index.columns_of(level)
        single = [(j, groups[k][0]) for j, k in enumerate(keys) if len(groups.get(k, ())) == 1]
        if single and len(single) == len(keys):
            return self._to_log(self._cells([column for _, column in single]))
        result = np.full((len(self), len(keys)), np.nan)
        if single:
            targets, columns = (list(part) for part in zip(*single, strict=True))
            result[:, targets] = self._to_log(self._cells(columns))
        for j, key in enumerate(keys):
            if len(groups.get(key, ())) > 1:
                result[:, j] = self._merged(groups[key], level)
        return result

    def _cells(self, columns: Sequence[int]) -> FloatArray:
        """Return the cells of some columns; those of log and Ct units are checked here."""
        cells = take_columns(self.values, columns)
        if self.unit not in ("counts", "cpm"):
            self._check_cells(cells, columns)
        return cells

    def _merged(self, columns: tuple[int, ...], level: Level) -> FloatArray:
        """Merge several measurements of one molecule: molecules are summed, probes averaged."""
        cells = self._cells(columns)
        if self.unit in ("counts", "cpm"):
            return self._to_log(row_sums(cells)[:, None])[:, 0]
        logs = self._to_log(cells)
        molecules: dict[str, list[int]] = {}
        for position, column in enumerate(columns):
            resolution = self.index.resolutions[column]
            name = resolution.key if self.level == "mature" else resolution.canonical
            molecules.setdefault(name or self.features[column], []).append(position)
        means = np.stack(
            [
                row_means(logs[:, probes], ~np.isnan(logs[:, probes]))
                for probes in molecules.values()
            ],
            axis=1,
        )
        if means.shape[1] == 1 or level == "mature":
            return row_means(means, ~np.isnan(means))
        offset = 1.0 if self.unit == "log2" else 0.0
        return np.log2(row_sums(np.exp2(means) - offset) + offset)

    def _to_log(self, cells: FloatArray) -> FloatArray:
        if self.unit == "log2":
            return cells
        if self.unit in ("ct", "delta_ct"):
            return -cells
        totals = self.reads if self.unit == "counts" else np.full(len(self), CPM_TOTAL)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A sample without a single read has no CPM: NaN, and is reported as empty.
            return np.log2(cells / totals[:, None] * CPM_TOTAL + 1)  # type: ignore[index]

    def _check_cells(self, cells: FloatArray, columns: Sequence[int] | IntArray) -> None:
        """Refuse infinite cells, and cells that the unit cannot hold, naming the first."""
        lowest, highest = LIMITS[self.unit]
        bad = np.isinf(cells) | (cells < lowest) | (cells > highest)
        if not bad.any():
            return
        row, column = (int(part) for part in np.argwhere(bad)[0])
        value, feature = cells[row, column], self.features[columns[column]]
        raise impossible(value, self.unit, self.samples[row], feature, int(bad.sum()) - 1)


def require_mirnas(index: FeatureIndex) -> None:
    """Refuse a table of which no column is a human miRNA.

    Raises
    ------
    InvalidExpressionError
    """
    if not len(index.at_level):
        others = sum(index.is_mirna)
        if others:
            raise InvalidExpressionError(
                f"no column denotes a {index.level} miRNA, {others} denote others",
                expected=f"names at the level {index.level!r}",
                remedy="leave --level out (in Python: level=)",
            )
        raise InvalidExpressionError(
            "no column denotes a human miRNA",
            where=f"columns {_some(index.features)}" if index.features else "no column of numbers",
            expected="names such as hsa-miR-21-5p, hsa-mir-21, MIMAT0000076 or MIR21",
            remedy="run `mirrisk names TABLE` to see how each name was read",
        )


def check_share(name: str, value: object) -> None:
    """Refuse what is no share from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidExpressionError(f"{name} is {value!r}", expected="a share from 0 to 1")


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a value outside a closed vocabulary, listing it."""
    if value not in allowed:
        raise InvalidExpressionError(f"{name} is {value!r}", expected=" | ".join(allowed))


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Tell repetitions of a name apart: samples of a bootstrap are drawn several times."""
    if len(set(names)) == len(names):
        return tuple(names)
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name} (draw {seen[name]})")
    return tuple(told)


def impossible(
    value: float, unit: Unit, sample: str, feature: str, others: int = 0
) -> InvalidExpressionError:
    """Say that a cell, and so many others, hold what the unit cannot."""
    lowest, highest = LIMITS[unit]
    kind = "negative value" if lowest == 0 else "impossible value"
    if not np.isfinite(value):
        kind = "infinite value"
    more = f" (and {others} more such cell{'s' * (others > 1)})" if others else ""
    limits = "zero or more" if lowest == 0 else f"from {lowest:g} to {highest:g}"
    return InvalidExpressionError(
        f"{kind} {value:g}{more}",
        where=f"sample {sample!r}, column {feature!r}",
        expected=f"finite {unit}, {limits}",
        remedy="correct the cell, leave it empty if it was not measured, "
        "or state the table's real unit",
    )


def refuse_repeats(names: Sequence[str], what: str, remedy: str) -> None:
    """Refuse names that occur more than once, listing them."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    repeated = list(dict.fromkeys(name for name in names if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    raise repeated_names(repeated, what, remedy)


def repeated_names(names: Sequence[str], what: str, remedy: str) -> InvalidExpressionError:
    """Say which names occur more than once."""
    return InvalidExpressionError(
        f"{what} names occur more than once: {', '.join(map(repr, names))}",
        expected=f"one {what} per name",
        remedy=remedy,
    )


def _some(names: Sequence[str], limit: int = 4) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f", ... ({len(names)} in all)" if len(names) > limit else "")


def infer_unit(values: FloatArray, columns: IntArray) -> tuple[Unit, str]:
    """Tell the unit of a table from its first samples, with the reason.

    Raises
    ------
    InvalidExpressionError
        Where the values do not settle it.
    """
    cells = values[:ROWS_FOR_INFERENCE, columns]
    unit, reason = _unit_of(cells)
    if unit is None:
        slips = _lone_negatives(cells)
        reason += slips
        raise InvalidExpressionError(
            f"the unit of the table is not clear from the values of its miRNAs ({reason})",
            expected="one of " + " | ".join(get_args(Unit)),
            remedy=("correct these cells if the table holds counts; else " if slips else "")
            + 'say which: unit="..." in Python, --unit on the command line',
        )
    return unit, reason


def _lone_negatives(cells: FloatArray) -> str:
    """Say where negative values stand among whole numbers, which counts would be without them."""
    measured = cells[np.isfinite(cells)]
    negative = np.argwhere(cells < 0)
    whole = bool((measured == np.floor(measured)).all())
    if not whole or not 0 < len(negative) < 0.01 * measured.size:
        return ""
    row, value = int(negative[0][0]) + 1, cells[tuple(negative[0])]
    return f"; whole numbers but for {len(negative)} negative, the first {value:g} in sample {row}"


def _unit_of(cells: FloatArray) -> tuple[Unit | None, str]:
    """Return the unit and what tells it; None and what was found where nothing does."""
    measured = cells[np.isfinite(cells)]
    if not measured.size:
        return None, "they hold none"
    span = f"from {measured.min():.4g} to {measured.max():.4g}"
    if measured.min() < 0:
        return None, span
    totals = np.nansum(cells, axis=1)
    whole = bool((measured == np.floor(measured)).all())
    if _near_million(totals) and not whole:
        return "cpm", "every sample adds up to a million"
    if _near_million(totals) and (totals > 0).sum() > 1:
        return None, "whole, and a million in every sample: rounded CPM, or counts at one depth"
    if whole and measured.max() < LARGEST_SEEN_LOG and (measured > 0).mean() > ALMOST_ALL:
        return None, f"whole numbers {span}, hardly a zero: rounded Ct or log2, or very few reads"
    if whole and np.median(totals) >= 1e4:
        return "counts", "whole numbers, zero or more"
    if measured.max() < LARGEST_SEEN_LOG and _near_million(np.nansum(np.exp2(cells) - 1, axis=1)):
        return "log2", "2^x - 1 adds up to a million in every sample"
    return None, span


def _near_million(totals: FloatArray) -> bool:
    """Tell whether every sample that holds anything adds up to a million."""
    held = totals[totals > 0]
    return bool(held.size and (np.abs(held / CPM_TOTAL - 1) < 0.01).all())


def _wrong_total(expression: Expression) -> str:
    """Say what betrays a wrong unit where reads are declared; empty where nothing does."""
    cells = expression.values[:ROWS_FOR_INFERENCE, expression.index.at_level]
    measured = cells[~np.isnan(cells)]
    whole = bool((measured == np.floor(measured)).all())
    totals = expression.totals[:ROWS_FOR_INFERENCE]
    if not totals.any():
        return ""
    if expression.unit == "counts":
        if not whole and _near_million(totals):
            return "declared as counts, but every sample adds up to a million: these are CPM"
        if not whole and measured.max() < LARGEST_SEEN_LOG:
            return "declared as counts, but the values are fractions below 64: these look like log2"
        return ""
    if _near_million(totals):
        return ""
    worst = float(totals.max())
    if worst > 1.01 * CPM_TOTAL:
        return f"declared as CPM, but a sample adds up to {worst:.4g}, more than a million"
    if whole:
        return "declared as CPM, but all values are whole numbers: these look like counts"
    if cells.shape[1] >= MIN_LIBRARY_MIRNAS and measured.max() < LARGEST_SEEN_LOG:
        return "declared as CPM, but no value reaches 64: these look like log2"
    return ""
