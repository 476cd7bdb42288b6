"""Delimited text, in every form that laboratories and spreadsheets write it, to cells.

``decoding`` turns bytes into text, ``parsing`` text into ``cells``, which know nothing of their
meaning yet.
"""

from __future__ import annotations

from mirrisk.delimited.cells import Cells, is_number, numbers
from mirrisk.delimited.parsing import read_delimited

__all__ = ["Cells", "is_number", "numbers", "read_delimited"]
