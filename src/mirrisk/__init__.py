"""mirrisk: bone-metastasis risk flags, with explanations, from miRNA expression profiles.

Research use only. Names are imported when first used, so that ``import mirrisk`` is quick.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrisk import coefficients, power, simulate, validation
    from mirrisk.assessment import Assessment, score
    from mirrisk.batch import score_file, score_files
    from mirrisk.catalog import load_panel
    from mirrisk.errors import MirriskError, MirriskWarning
    from mirrisk.estimators import PanelScorer
    from mirrisk.expression import Expression
    from mirrisk.fitting.classifier import PanelClassifier
    from mirrisk.fitting.survival import PanelSurvival
    from mirrisk.fitting.updating import update
    from mirrisk.model import FittedPanel
    from mirrisk.panel import Panel
    from mirrisk.reference import Reference
    from mirrisk.signatures import list_panels
    from mirrisk.singscore import rank_scores
    from mirrisk.tables import read
    from mirrisk.validation.report import Validation
    from mirrisk.validation.validate import validate

    __version__: str

_HOME = {
    "Assessment": "assessment",
    "Expression": "expression",
    "FittedPanel": "model",
    "MirriskError": "errors",
    "MirriskWarning": "errors",
    "Panel": "panel",
    "PanelClassifier": "fitting.classifier",
    "PanelScorer": "estimators",
    "PanelSurvival": "fitting.survival",
    "Reference": "reference",
    "Validation": "validation.report",
    "list_panels": "signatures",
    "load_panel": "catalog",
    "rank_scores": "singscore",
    "read": "tables",
    "score": "assessment",
    "score_file": "batch",
    "score_files": "batch",
    "update": "fitting.updating",
    "validate": "validation.validate",
}

_MODULES = ("coefficients", "power", "simulate", "validation")
"""Modules of functions for users, by their own names."""

__all__ = [
    "Assessment",
    "Expression",
    "FittedPanel",
    "MirriskError",
    "MirriskWarning",
    "Panel",
    "PanelClassifier",
    "PanelScorer",
    "PanelSurvival",
    "Reference",
    "Validation",
    "__version__",
    "coefficients",
    "list_panels",
    "load_panel",
    "power",
    "rank_scores",
    "read",
    "score",
    "score_file",
    "score_files",
    "simulate",
    "update",
    "validate",
    "validation",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("mirrisk")
    if name in _MODULES:
        return import_module(f"mirrisk.{name}")
    if name in _HOME:
        return getattr(import_module(f"mirrisk.{_HOME[name]}"), name)
    raise AttributeError(f"module 'mirrisk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
