"""The options that say how a table is read, the same in every command that reads one."""

# Typer evaluates the annotations of commands: they must exist when the program runs.
import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mirrisk.vocabulary import Level, Specimen, Undetermined, Unit

if TYPE_CHECKING:
    from mirrisk.expression import Expression
    from mirrisk.panel import Panel

ABOUT_TABLE = "How the table is read"

TableArgument = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="A file of samples x miRNAs or miRNAs x samples: delimited text (CSV, TSV, ...; "
        "plain or compressed), Parquet, Feather, Excel, .h5ad, or output of a pipeline; "
        "- is standard input; a folder with --assemble.",
        show_default=False,
    ),
]
TablesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE...",
        help="A file of samples x miRNAs or miRNAs x samples: delimited text (CSV, TSV, ...; "
        "plain or compressed), Parquet or a folder of it, Feather, Excel, .h5ad, or output of a "
        "pipeline; - is standard input; a folder with --assemble. Or many files, each a table of "
        "its own: several names, a folder, or a pattern in quotes.",
        show_default=False,
    ),
]
UnitOption = Annotated[
    Unit | None,
    typer.Option(
        metavar="UNIT",
        help="counts, cpm, log2, ct or delta_ct; inferred where the values leave no doubt.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
LevelOption = Annotated[
    Level | None,
    typer.Option(help="What the names denote; inferred from them.", rich_help_panel=ABOUT_TABLE),
]
SpecimenOption = Annotated[
    Specimen,
    typer.Option(
        help="What the RNA was taken from; ev: extracellular vesicles.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
OrientationOption = Annotated[
    Literal["samples_in_rows", "features_in_rows"] | None,
    typer.Option(
        metavar="WHICH",
        help="samples_in_rows or features_in_rows; found by where miRNAs stand.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
LibrarySizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column with all miRNA reads of each sample, for counts of a part of the library.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
DuplicatesOption = Annotated[
    Literal["sum", "mean"] | None,
    typer.Option(
        help="Merge columns of one name; without it they are an error.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
AliasesOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Your own names: two columns (name, miRBase name), or a file of miRBase.",
        rich_help_panel=ABOUT_TABLE,
    ),
]

UndeterminedOption = Annotated[
    Undetermined,
    typer.Option(
        help="Ct wells printed as undetermined: missing, or set to the limit of detection; "
        "limit_empty sets empty wells to it as well.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
LimitOption = Annotated[
    float | None,
    typer.Option(
        metavar="CYCLES",
        help="The limit of detection of undetermined wells; 40 if omitted.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
SheetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of an Excel workbook; the first if omitted.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
LayerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Of an .h5ad file; X if omitted.", rich_help_panel=ABOUT_TABLE
    ),
]
AssembleOption = Annotated[
    Literal["gdc"] | None,
    typer.Option(
        metavar="HOW",
        help="Make one table of a folder; gdc: a download of the Genomic Data Commons.",
        rich_help_panel=ABOUT_TABLE,
    ),
]
ABOUT_SIZE = "Large tables and many files"


def _processes(jobs: int) -> int:
    if jobs == 0 or jobs < -1:
        raise typer.BadParameter(f"{jobs}: 1 or more, or -1 for one per core")
    return jobs


JobsOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Processes, for many files, folds and resamples; -1: one per core.",
        callback=_processes,
        rich_help_panel=ABOUT_SIZE,
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Pass by files whose outputs are there, made from the same file by the same panels, "
        "reference and options.",
        rich_help_panel=ABOUT_SIZE,
    ),
]
EngineOption = Annotated[
    Literal["dask"] | None,
    typer.Option(
        metavar="dask", help="Score on the workers of a Dask cluster.", rich_help_panel=ABOUT_SIZE
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Of that cluster (tcp://host:8786); without it one is started on this machine.",
        rich_help_panel=ABOUT_SIZE,
    ),
]
MinReadsOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="READS",
        help="Name samples with fewer miRNA reads than this; they are scored all the same.",
    ),
]


@dataclass(frozen=True)
class TableOptions:
    """How one table is to be read; a command gets all of it by :func:`reads_table`."""

    unit: UnitOption = None
    specimen: SpecimenOption = "tissue"
    level: LevelOption = None
    orientation: OrientationOption = None
    library_size: LibrarySizeOption = None
    duplicates: DuplicatesOption = None
    aliases: AliasesOption = None
    undetermined: UndeterminedOption = "missing"
    limit: LimitOption = None
    sheet: SheetOption = None
    layer: LayerOption = None
    assemble: AssembleOption = None

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of :func:`mirrisk.read`."""
        from mirrisk.nomenclature import read_aliases

        aliases = read_aliases(self.aliases) if self.aliases else None
        return asdict(self) | {"aliases": aliases}

    def read(self, table: str) -> "Expression":
        """Read the table."""
        from mirrisk.tables import read

        return read(table, **self.arguments())


def reads_table(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``how``, a TableOptions, an option for each of its fields."""
    own = inspect.signature(command)
    names = [field.name for field in fields(TableOptions)]

    @wraps(command)
    def with_options(**given: Any) -> None:
        how = TableOptions(**{name: given.pop(name) for name in names})
        command(how=how, **given)

    # Typer goes by the signature, where the type of a field is the option itself.
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in fields(TableOptions)
    ]
    kept = [parameter for name, parameter in own.parameters.items() if name != "how"]
    with_options.__signature__ = own.replace(parameters=[*kept, *options])  # type: ignore[attr-defined]
    return with_options


def split(values: list[str] | None) -> list[str]:
    """Return the parts of options that may be repeated or hold several, with commas between."""
    return [part for value in values or () for part in map(str.strip, value.split(",")) if part]


def panels_named(values: list[str]) -> "list[Panel]":
    """Load panels by id or file; ``all`` are the shipped ones."""
    from mirrisk.panel import shipped_panels
    from mirrisk.signatures import load_signatures

    several = [p for value in values for p in (shipped_panels() if value == "all" else [value])]
    return list(load_signatures(several))
