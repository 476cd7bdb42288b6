"""Panels fitted to the outcomes of one's own cohort, and updated to another's."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrisk.fitting.classifier import PanelClassifier
    from mirrisk.fitting.survival import PanelSurvival
    from mirrisk.fitting.updating import update

_HOME = {"PanelClassifier": "classifier", "PanelSurvival": "survival", "update": "updating"}

__all__ = ["PanelClassifier", "PanelSurvival", "update"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"mirrisk.fitting.{_HOME[name]}"), name)
    raise AttributeError(f"module 'mirrisk.fitting' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
