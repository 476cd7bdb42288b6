"""Find panels by id or path: those of the literature, and fitted ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import NotFoundError
from mirrisk.panel import Panel
from mirrisk.signatures import each_once, load_signature

if TYPE_CHECKING:
    from typing import TypeAlias

    from mirrisk.model import FittedPanel

PanelLike: TypeAlias = "Panel | FittedPanel | str | Path"
"""A panel, the id of a shipped one, or the path of a signature file or of a fitted panel."""


def load_panel(panel: PanelLike) -> Panel | FittedPanel:
    """Return a panel by the id of a shipped one, from a signature file or a fitted panel's file.

    Parameters
    ----------
    panel : str or Path
        ``"prostate"``, ``"my_panel.toml"`` or ``"model.json"``; a panel is returned as it is.

    Raises
    ------
    NotFoundError
        If there is no such panel.
    InvalidPanelError
        If the file breaks a rule of signature files, or is a fitted panel that was changed.

    Examples
    --------
    >>> load_panel("prostate").cancer
    'prostate'
    """
    if isinstance(panel, Panel):
        return panel
    if isinstance(panel, str | Path) and Path(panel).suffix != ".json":
        return load_signature(panel)
    from mirrisk.model import FittedPanel  # panels of the literature need no numpy

    if isinstance(panel, FittedPanel):
        return panel
    if not isinstance(panel, str | Path):
        raise NotFoundError(
            f"no panel can be loaded from {panel!r}",
            expected="an id, the path of a signature file or of a fitted panel, or a panel itself",
        )
    return FittedPanel.load(panel)


def load_panels(panels: PanelLike | Iterable[PanelLike]) -> tuple[Panel | FittedPanel, ...]:
    """Return one panel or several, in the order given, each once.

    Raises
    ------
    NotFoundError
        If one is not found, or none was named.
    MismatchError
        If two different panels have one id: results could not tell them apart.
    """
    if isinstance(panels, Panel | str | Path) or not isinstance(panels, Iterable):
        panels = [panels]
    return each_once(map(load_panel, panels))
