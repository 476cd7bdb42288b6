"""What a feature name denotes: which human miRNA of miRBase v22, and how that was seen.

``facts`` knows the panels' miRNAs (names, accessions, former names, loci, dominant arm),
``forms`` reads the way in which platforms print names, ``resolution`` brings the two together,
``aliases`` reads a user's own names.
"""

from __future__ import annotations

from mirrisk.nomenclature.aliases import read_aliases
from mirrisk.nomenclature.facts import accession_of, dominant_mature
from mirrisk.nomenclature.forms import is_control
from mirrisk.nomenclature.resolution import (
    Resolution,
    resolve,
    resolve_all,
    stem_loop_of,
    suggest,
)

__all__ = [
    "Resolution",
    "accession_of",
    "dominant_mature",
    "is_control",
    "read_aliases",
    "resolve",
    "resolve_all",
    "stem_loop_of",
    "suggest",
]
