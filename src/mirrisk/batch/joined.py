"""Where the rows of many files go: each file's to a place of its own, or all to one table."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirrisk.batch import manifest
from mirrisk.batch.sinks import is_parquet, sinks
from mirrisk.output import explained, partial_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.batch.scoring import Scoring
    from mirrisk.batch.work import FileOutcome


class OwnFiles:
    """One output per file, and a manifest of them."""

    def __init__(self, folder: Path, scoring: Scoring) -> None:
        self.path = folder / manifest.NAME
        self.scoring = scoring

    def __enter__(self) -> OwnFiles:
        cut = self.path.is_file() and not self.path.read_bytes().endswith(b"\n")
        with explained(self.path):
            self.stream = self.path.open("a", encoding="utf-8")
        if cut:  # an interrupted run's last line
            self.stream.write("\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def parts(self, number: int) -> dict[str, str]:  # noqa: ARG002
        """Return where a chunk's rows go: each file's to a place of its own."""
        return {}

    def take(self, number: int, outcomes: Sequence[FileOutcome]) -> None:  # noqa: ARG002
        """Write down what is done."""
        for outcome in outcomes:
            if not outcome.error:
                entry = {
                    "file": outcome.file,
                    "outputs": outcome.written,
                    "input": outcome.digest,
                    "scoring": self.scoring.digest,
                    "outcome": outcome.kept(),
                }
                self.stream.write(manifest.line_of(entry))
        self.stream.flush()


class OneTable:
    """One table of all files: chunks are written beside it, and joined in order."""

    def __init__(self, targets: dict[str, Path]) -> None:
        self.targets = {what: path.resolve() for what, path in targets.items()}
        self.pending: dict[int, dict[str, str]] = {}

    def __enter__(self) -> OneTable:
        self.opened = ExitStack()
        self.sinks = self.opened.enter_context(sinks(self.targets))
        return self

    def __exit__(self, *error: Any) -> None:
        for parts in self.pending.values():
            for part in parts.values():
                Path(part).unlink(missing_ok=True)
        self.opened.__exit__(*error)

    def parts(self, number: int) -> dict[str, str]:
        """Return where a chunk's rows go, until they are joined."""
        self.pending[number] = {
            what: f"{partial_of(path)}.{number}{'.parquet' if is_parquet(path) else '.csv'}"
            for what, path in self.targets.items()
        }
        return self.pending[number]

    def take(self, number: int, outcomes: Sequence[FileOutcome]) -> None:  # noqa: ARG002
        """Append a chunk's rows."""
        for what, part in self.pending.pop(number).items():
            if Path(part).is_file():
                self.sinks[what].append(Path(part))
                Path(part).unlink()
