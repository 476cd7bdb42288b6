"""The TCGA cohorts as the evaluation takes them: who, which outcome, what the clinic knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

PANELS = {
    "brca": "breast",
    "prad": "prostate",
    "lihc": "liver",
    "thca": "thyroid",
    "luad": "lung",
    "lusc": "lung",
}
"""Cohort -> panel of its cancer."""

WITHOUT_COHORT = ("ewing_sarcoma", "osteosarcoma")

NO_BONE_LABEL = ("luad", "lusc")
"""Their column bone_met is 0 throughout: sites of metastasis were not coded."""

NO_PROGRESSION = ("new primary tumor", "no new tumor event")

STAGES = {"i": 1.0, "ii": 2.0, "iii": 3.0, "iv": 4.0}


@dataclass(frozen=True, eq=False)
class Cohort:
    """Primary tumours of one cohort, one per patient.

    Attributes
    ----------
    name, panel : str
    counts, labels : DataFrame
        Of the same samples in the same order.
    repeated : int
        Further samples of patients who have one already; left out.
    """

    name: str
    panel: str
    counts: pd.DataFrame
    labels: pd.DataFrame
    repeated: int


@dataclass(frozen=True)
class Endpoint:
    """An outcome of two classes, or a time to an event."""

    name: str
    words: str


BINARY = {
    "bone_met": Endpoint(
        "bone metastasis",
        "a metastasis to bone on record, at diagnosis or later; else 0, which means not recorded",
    ),
    "distant_met": Endpoint(
        "distant metastasis",
        "a distant metastasis on record, at diagnosis (M1) or later (in liver: extrahepatic "
        "recurrence); else 0, which means not recorded",
    ),
    "bcr": Endpoint("biochemical recurrence", "a biochemical recurrence on record"),
    "progression": Endpoint(
        "progression",
        "a new tumour event on record, of any type but those where only a new primary tumour (or "
        "'no new tumor event') is named; an event of unknown type counts",
    ),
}

FOLLOWED = {
    "time_to_bcr": Endpoint(
        "time to biochemical recurrence", "days to it, or to the last follow-up"
    ),
    "time_to_progression": Endpoint(
        "time to progression",
        "days to the first new tumour event; deaths, and patients whose only event is a new "
        "primary tumour, end the follow-up",
    ),
    "time_to_death": Endpoint("time to death", "days to death of any cause"),
}


def load(folder: Path, name: str) -> Cohort:
    """Read a cohort: primary tumours, the first of each patient in the order of barcodes."""
    stem = folder / "data" / f"tcga_{name}"
    counts = pd.read_csv(f"{stem}_counts.csv.gz", index_col="sample")
    labels = pd.read_csv(f"{stem}_labels.csv", index_col="sample", low_memory=False)
    labels = labels.loc[counts.index]
    primary = labels[labels["sample_type"] == "primary"].sort_index()
    kept = primary[~primary["patient"].duplicated()]
    return Cohort(name, PANELS[name], counts.loc[kept.index], kept, len(primary) - len(kept))


def outcomes(cohort: Cohort) -> dict[str, FloatArray]:
    """Return 0 and 1 per sample for each endpoint of two classes that has events here."""
    labels = cohort.labels
    found = {"distant_met": labels["distant_met"], "progression": progressed(labels)}
    if cohort.name not in NO_BONE_LABEL:
        found = {"bone_met": labels["bone_met"], **found}
    if "bcr_event" in labels:
        found["bcr"] = labels["bcr_event"]
    return {name: np.asarray(found[name], dtype=float) for name in BINARY if name in found}


def progressed(labels: pd.DataFrame) -> pd.Series:
    """Tell who had a new tumour event that is not only a new primary tumour."""
    types = labels["nte_types"].fillna("").str.split("|")
    only_other = types.map(lambda named: set(named) <= set(NO_PROGRESSION))
    return pd.Series((labels["nte_event"] == 1) & ~only_other)


def follow_ups(cohort: Cohort) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return time and event per sample; both NaN where the time cannot be used.

    Times that are missing or negative, and events at time zero, cannot.
    """
    labels = cohort.labels
    pairs = {
        "time_to_progression": (labels["nte_days"], progressed(labels)),
        "time_to_death": (labels["os_days"], labels["os_event"]),
    }
    if "bcr_event" in labels:
        pairs["time_to_bcr"] = (labels["bcr_days"], labels["bcr_event"])
    found = {}
    for name in FOLLOWED:
        if name not in pairs:
            continue
        time, event = (np.array(column, dtype=float) for column in pairs[name])
        unusable = ~(time >= 0) | ((time == 0) & (event == 1))
        time[unusable] = event[unusable] = np.nan
        found[name] = (time, event)
    return found


def clinical(cohort: Cohort) -> tuple[str, FloatArray]:
    """Return what the clinic goes by, as one ordinal number per sample; NaN where not known.

    Gleason's sum in the prostate; elsewhere the stage, I to IV as 1 to 4 without subdivisions.
    """
    if cohort.name == "prad":
        return "Gleason", np.asarray(cohort.labels["gleason"], dtype=float)
    roman = cohort.labels["stage"].str.extract(r"^stage (i{1,3}|iv)[abc]?$")[0]
    return "stage", np.asarray(roman.map(STAGES), dtype=float)


def metastatic_at_diagnosis(cohort: Cohort) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell whose pathological or clinical M category is M1."""
    categories = cohort.labels[["pM", "cM"]].astype(str)
    return np.asarray(categories.apply(lambda c: c.str.startswith("m1")).any(axis=1))
