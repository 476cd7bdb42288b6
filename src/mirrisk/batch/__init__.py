"""Files larger than memory, and many files: scored in batches, written as they come.

``scoring`` is what every batch is scored with, ``tally`` adds up what came of them, ``sinks``
write rows to files that appear whole or not at all; ``onefile`` and ``manyfiles`` put them
together, ``inputs`` and ``manifest`` say which files there are and which are done.
"""

from __future__ import annotations

from mirrisk.batch.manyfiles import FilesSummary, score_files
from mirrisk.batch.onefile import score_file
from mirrisk.batch.tally import Summary
from mirrisk.batch.work import FileOutcome

__all__ = ["FileOutcome", "FilesSummary", "Summary", "score_file", "score_files"]
