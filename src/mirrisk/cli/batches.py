"""``mirrisk score`` of what need not fit in memory: a file in batches, many files."""

from __future__ import annotations

from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mirrisk.cli import show, summary
from mirrisk.output import STDOUT

if TYPE_CHECKING:
    from mirrisk.batch import FilesSummary, Summary

PATTERN = frozenset("*?")


@dataclass(frozen=True)
class Batch:
    """How files are scored: the arguments that one file and many have in common.

    Parameters
    ----------
    scoring : dict
        panel, reference, covariates, min_coverage, min_reads, and how tables are read.
    out : str, optional
    contributions : str, optional
    engine, scheduler : str, optional
    """

    scoring: dict[str, Any]
    out: str | None
    contributions: str | None
    engine: str | None
    scheduler: str | None

    def one(self, table: str) -> Summary:
        """Score one file in batches, and write its rows as they come."""
        from mirrisk.batch import score_file

        return score_file(
            table,
            out=str(self.out),
            contributions=self.contributions,
            engine=self.engine,  # type: ignore[arg-type]
            scheduler=self.scheduler,
            **self.scoring,
        )

    def many(self, tables: list[str], *, jobs: int, resume: bool) -> FilesSummary:
        """Score many files, and write an output for each, or one table."""
        from mirrisk.batch import score_files

        return score_files(
            tables[0] if len(tables) == 1 else tables,
            out=str(self.out),
            contributions=self.contributions,
            n_jobs=jobs,
            resume=resume,
            engine=self.engine,  # type: ignore[arg-type]
            scheduler=self.scheduler,
            **self.scoring,
        )


def means_many(tables: list[str], assemble: str | None, out: str | None) -> bool:
    """Tell whether several files are meant: several names, a pattern, or a folder of tables.

    A folder of Parquet files and nothing else is one data set, and so is one to be assembled;
    one without a place for many results is taken for a slip, and told as such.
    """
    if len(tables) > 1:
        return True
    name = Path(tables[0])
    if name.is_dir():
        if assemble is not None or out in (None, STDOUT):
            return False
        from mirrisk.tables.columnar import parquet_files

        return not parquet_files(name)
    return not name.exists() and (bool(PATTERN & set(tables[0])) or bool(glob(tables[0])))  # noqa: PTH207


def into_table(out: str | None) -> bool:
    """Tell whether the results of many files are to be one table."""
    from mirrisk.batch.inputs import is_table

    return out is not None and is_table(out)


def check_many(
    out: str | None, contributions: str | None, explain: str | None, *, as_json: bool, resume: bool
) -> None:
    """Refuse what many files do not go with.

    Raises
    ------
    typer.BadParameter
    """
    if not out or STDOUT in (out, contributions):
        raise typer.BadParameter(
            "many files need --out: a folder (one output per file), or a table (.csv, .csv.gz or "
            ".parquet)"
        )
    if explain is not None or as_json:
        raise typer.BadParameter("--explain and --json are for one TABLE")
    if resume and into_table(out):
        raise typer.BadParameter("--resume needs a folder for --out: one table is written anew")


def tell_one(found: Summary, written: list[str]) -> None:
    """Show what came of a file that was scored into files."""
    console = show.stdout() if show.stdout_is_terminal() else show.stderr()
    summary.print_summary(console, found)
    show.written(console, written)


def tell_many(found: FilesSummary, written: list[str]) -> None:
    """Show what came of many files, and which of them failed."""
    for file in found.failed:
        show.file_error(file.error)
    console = show.stdout() if show.stdout_is_terminal() else show.stderr()
    summary.print_files(console, found)
    if len(found.failed) == len(found.files):
        return
    show.written(console, written)
