"""Build the shipped references from a folder that holds the TCGA cohorts.

    python tools/build_references.py FOLDER

FOLDER/data/tcga_<cohort>_counts.csv.gz holds raw stem-loop counts (samples x stem-loops) and
tcga_<cohort>_labels.csv the column ``sample_type``; primary tumours are taken. Written are
summary statistics only, one JSON per cohort, to src/mirrisk/references/.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mirrisk.reference import Reference
from mirrisk.reference.fitness import Contrast
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from mirrisk.expression import Expression

COHORTS = {
    "tcga-brca": "breast",
    "tcga-lihc": "liver",
    "tcga-luad": "lung",
    "tcga-lusc": "lung",
    "tcga-prad": "prostate",
    "tcga-thca": "thyroid",
}
PROTOCOL = (
    "The Cancer Genome Atlas, primary tumours, small RNA-seq (BCGSC pipeline), raw read counts of "
    "miRBase v16 stem-loops"
)
MARGIN_PERCENTILE = 0.5
TELLING = 20
TARGET = Path(__file__).parents[1] / "src" / "mirrisk" / "references"


def primary_tumours(folder: Path, name: str) -> pd.DataFrame:
    """Return the counts of a cohort's primary tumours."""
    return of_type(folder, name, "primary")


def of_type(folder: Path, name: str, sample_type: str) -> pd.DataFrame:
    """Return the counts of a cohort's samples of one type."""
    stem = folder / "data" / name.replace("-", "_")
    counts = pd.read_csv(f"{stem}_counts.csv.gz", index_col="sample")
    labels = pd.read_csv(f"{stem}_labels.csv", index_col="sample")
    return pd.DataFrame(counts.loc[labels.loc[counts.index, "sample_type"] == sample_type])


def fit(counts: pd.DataFrame, name: str) -> Reference:
    """Fit one cohort's reference, without the contrast to the others."""
    cancer = COHORTS[name]
    fitted = Reference.fit(counts, unit="counts", name=name, cancer=cancer, protocol=PROTOCOL)
    return replace(fitted, samples=())  # nothing of single patients is shipped, not even hashed


def add_contrasts(
    references: dict[str, Reference], cohorts: dict[str, Expression]
) -> dict[str, Reference]:
    """Teach each reference the profiles of the others.

    On the miRNAs that it reads anyway, and the ``TELLING`` that tell the references apart best.
    """
    keys = tuple(sorted({key for r in references.values() for key in r.profile.keys}))
    values = {name: corrected(references[name], cohorts[name], keys) for name in references}
    profiles = {name: matrix.mean(axis=0) for name, matrix in values.items()}
    centre = np.mean(list(profiles.values()), axis=0)
    scale = np.sqrt(np.mean([matrix.var(axis=0) for matrix in values.values()], axis=0))
    scale = np.maximum(scale, 0.1)
    between = np.var(list(profiles.values()), axis=0) / scale**2
    result = {}
    for name, reference in references.items():
        order = (name, *(other for other in references if other != name))
        chosen = compared(reference, keys, between)
        contrast = Contrast(
            names=order,
            keys=tuple(keys[i] for i in chosen),
            centre=centre[chosen],
            scale=scale[chosen],
            profiles=np.stack([profiles[other][chosen] for other in order]),
            threshold=0.0,
        )
        margin, _ = contrast.margin(values[name][:, chosen])
        threshold = min(0.0, float(np.percentile(margin, MARGIN_PERCENTILE)))
        final = Contrast(**(vars(contrast) | {"threshold": threshold}))
        result[name] = reference.with_contrast(final)
    return result


def compared(
    reference: Reference, keys: tuple[str, ...], between: np.ndarray[tuple[int], np.dtype[Any]]
) -> list[int]:
    """Return which miRNAs a reference is compared on.

    Parameters
    ----------
    reference : Reference
    keys : tuple of str
        The miRNAs of all references' profiles.
    between : ndarray of shape (n_keys,)
        Variance of each between the references, over that within them.
    """
    read = {*reference.keys, *reference.profile.keys}
    telling = [i for i in np.argsort(-between, kind="stable") if keys[i] not in read][:TELLING]
    return sorted({i for i, key in enumerate(keys) if key in read} | {int(i) for i in telling})


def corrected(
    reference: Reference, expression: Expression, keys: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return log2(CPM + 1) of some miRNAs after the correction of composition."""
    composition = reference.composition(expression)
    return composition.correct(expression.log_values(keys, reference.level))


def build(cohorts: dict[str, pd.DataFrame]) -> dict[str, Reference]:
    """Fit the references of several cohorts, contrasts included."""
    references = {name: fit(counts, name) for name, counts in cohorts.items()}
    tables = {name: as_expression(counts, unit="counts") for name, counts in cohorts.items()}
    return add_contrasts(references, tables)


def main() -> None:
    """Build and write all six."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    cohorts = {name: primary_tumours(arguments.folder, name) for name in COHORTS}
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, reference in build(cohorts).items():
        path = arguments.out / f"{name}.json"
        reference.save(path)
        print(f"{name}: {reference.n} samples, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
