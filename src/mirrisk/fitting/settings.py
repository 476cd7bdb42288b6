"""How to fit: what the pipelines of all kinds of outcome are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirrisk.errors import MismatchError
from mirrisk.fitting.calibration import check_targets
from mirrisk.fitting.folds import check_folds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.fitting.directions import Directions
    from mirrisk.fitting.tuning import Rule


@dataclass(frozen=True)
class Settings:
    """How to fit; see :class:`mirrisk.fitting.classifier.PanelClassifier`.

    Raises
    ------
    MismatchError
        If there is nothing to be fitted in this way: told before minutes of tuning, not after.
    """

    directions: Directions = "constrain"
    mixings: Sequence[float] = (0.1, 0.5, 1.0)
    n_penalties: int = 30
    min_ratio: float = 0.05
    mixing: float | None = None
    penalty: float | None = None
    folds: int = 5
    repeats: int = 3
    rule: Rule = "min"
    sensitivity: float = 0.9
    specificity: float = 0.9
    stability: int = 0
    audit: bool = True
    accept_small: bool = False
    seed: int = 0
    n_jobs: int = 1

    def __post_init__(self) -> None:
        check_targets(self.sensitivity, self.specificity)
        check_folds(self.folds, self.repeats)

    @property
    def held(self) -> bool:
        """Whether mixing and penalty are given, so that nothing is tuned.

        Raises
        ------
        MismatchError
            If one is given without the other.
        """
        if (self.mixing is None) != (self.penalty is None):
            raise MismatchError(
                f"mixing={self.mixing}, penalty={self.penalty}",
                expected="both, to hold them, or none, to tune them",
            )
        return self.mixing is not None
