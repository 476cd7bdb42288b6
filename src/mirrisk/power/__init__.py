"""How many patients are needed to show an AUC with an interval of a chosen width.

``formula`` answers for any risk; ``panel`` simulates patients like those of a reference, in whom
a panel's miRNAs are shifted until it has the AUC in question.
"""

from __future__ import annotations

from mirrisk.power.formula import AucSampleSize, samples_for_auc
from mirrisk.power.panel import PanelSampleSize, samples_for_panel

__all__ = ["AucSampleSize", "PanelSampleSize", "samples_for_auc", "samples_for_panel"]
