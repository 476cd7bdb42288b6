"""What R printed: the vectors of tests/reference/<name>.txt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

FOLDER = Path(__file__).parent / "reference"


@cache
def printed_by_r(name: str) -> dict[str, FloatArray]:
    """Read a file of one vector per line: its name, then its values."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in rows}
