"""Find panels of the literature by id or path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from mirrisk.errors import MismatchError, NotFoundError, did_you_mean
from mirrisk.panel import AnyPanel, Panel, shipped_panels

P = TypeVar("P", bound=AnyPanel)

SignatureLike = Panel | str | Path
"""A panel, the id of a shipped one, or the path of a signature file."""


def list_panels() -> list[str]:
    """Return the ids of the panels that come with mirrisk.

    Examples
    --------
    >>> list_panels()
    ['breast', 'ewing_sarcoma', 'liver', 'lung', 'osteosarcoma', 'prostate', 'thyroid']
    """
    return [panel.id for panel in shipped_panels()]


def load_signature(panel: SignatureLike) -> Panel:
    """Return a panel by the id of a shipped one, or from a signature file.

    Parameters
    ----------
    panel : str or Path
        ``"prostate"``, or ``"my_panel.toml"``; a Panel is returned as it is.

    Raises
    ------
    NotFoundError
        If there is neither.
    InvalidPanelError
        If the file breaks a rule of signature files.

    Examples
    --------
    >>> load_signature("prostate").cancer
    'prostate'
    """
    if isinstance(panel, Panel):
        return panel
    if not isinstance(panel, str | Path):
        raise NotFoundError(
            f"no panel can be loaded from {panel!r}",
            expected="an id, the path of a signature file, or a Panel",
        )
    for shipped in shipped_panels():
        if shipped.id == str(panel):
            return shipped
    path = Path(panel)
    if not path.is_file():
        raise NotFoundError(
            f"no panel {str(panel)!r}" + did_you_mean(str(panel), list_panels()),
            expected="a signature file, or one of " + ", ".join(list_panels()),
            remedy="`mirrisk panels list` shows what there is",
        )
    return Panel.from_toml(path)


def load_signatures(panels: SignatureLike | Iterable[SignatureLike]) -> tuple[Panel, ...]:
    """Return one panel or several, in the order given, each once.

    Raises
    ------
    NotFoundError
        If one is not found, or none was named.
    MismatchError
        If two different panels have one id: results could not tell them apart.
    """
    if isinstance(panels, SignatureLike) or not isinstance(panels, Iterable):
        panels = [panels]
    return each_once(map(load_signature, panels))


def each_once(panels: Iterable[P]) -> tuple[P, ...]:
    """Return panels in the order given, each once.

    Raises
    ------
    NotFoundError
        If there is none.
    MismatchError
        If two different panels have one id: results could not tell them apart.
    """
    kept: dict[str, P] = {}
    for panel in panels:
        if kept.setdefault(panel.id, panel).digest != panel.digest:
            raise MismatchError(
                f"two different panels have the id {panel.id!r}",
                expected="one id per panel",
                remedy="change the id of your own (and the name of its file)",
            )
    if not kept:
        raise NotFoundError("no panel was named", expected="one of " + ", ".join(list_panels()))
    return tuple(kept.values())
