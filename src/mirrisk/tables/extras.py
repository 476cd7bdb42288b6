"""Optional dependencies: imported when a table needs them, missed with the command to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mirrisk.errors import MissingExtraError


def require(module: str, *, extra: str, what: str) -> Any:
    """Import a module that an extra brings.

    Parameters
    ----------
    module : str
        Its dotted name.
    extra : str
        The extra of mirrisk that installs it.
    what : str
        What it is needed for, as the object of "to read".

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # it is there, but broken: that is for whoever installed it to see
        raise MissingExtraError(
            f"to read {what} takes {package}, which is not installed",
            remedy=f"pip install 'mirrisk[{extra}]'",
        ) from None
