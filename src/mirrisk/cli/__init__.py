"""The command line: one file per group of commands; faults become messages and exit codes.

Exit codes: 0 done; 1 a bug; 2 usage; 3 the input or output cannot be used (nothing is written);
4 nothing could be scored (written all the same); 5 some of many files failed; 130 interrupted.
"""

import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
import typer.core

from mirrisk.cli import fit, names, panels, references, score, show, update, validate
from mirrisk.errors import MirriskError, MirriskWarning, did_you_mean

BUG = 1
UNUSABLE = 3
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports of a program whose reader went away (``| head``)."""


CHOICE = re.compile(r"(?P<given>'.*') is not one of (?P<choices>.*)\.")
"""What Typer says of a value that an option cannot take."""


def _with_nearest(message: str) -> str:
    """Say which choice may be meant; what the validating library puts before it is left out."""
    message = message.removeprefix("Value error, ")
    slip = CHOICE.fullmatch(message)
    if slip is None:
        return message
    choices = re.findall(r"'([^']*)'", slip["choices"])
    near = did_you_mean(slip["given"].strip("'"), choices)
    return message.removesuffix(".") + near if near else message


class _Guarded(typer.core.TyperGroup):
    """The commands, with faults turned into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except typer.BadParameter as slip:
            slip.message = _with_nearest(slip.message)
            raise
        except MirriskError as fault:
            show.error(fault)
            raise typer.Exit(UNUSABLE) from None
        except KeyboardInterrupt:
            show.note("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _discard_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        return result


app = typer.Typer(
    name="mirrisk",
    cls=_Guarded,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Research use only: no panel of mirrisk is a validated diagnostic. "
    "Start with: mirrisk panels, mirrisk references, mirrisk names TABLE.",
)
app.command("score")(score.score)
app.command("fit")(fit.fit)
app.command("update")(update.update)
app.command("validate")(validate.validate)
app.command("names")(names.names)
app.add_typer(panels.app, name="panels")
app.add_typer(references.app, name="references")


def _print_version(wanted: bool) -> None:
    if wanted:
        from mirrisk import __version__

        print(f"mirrisk {__version__}")
        raise typer.Exit


@app.callback()
def _mirrisk(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Bone-metastasis risk flags, with explanations, from miRNA expression profiles."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; default the process's own.
    """
    _speak_utf8()
    try:
        with _warnings_as_messages():
            app(args=None if arguments is None else list(arguments), prog_name="mirrisk")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else BUG
    except Exception:
        traceback.print_exc()
        show.note("error: this is a bug in mirrisk: please report it with the lines above")
        return BUG
    return 0


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("always", MirriskWarning)
        usual = warnings.showwarning

        def as_message(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, MirriskWarning):
                show.warning(message)
            else:
                usual(message, category, *rest)

        warnings.showwarning = as_message  # type: ignore[assignment]
        yield


def _speak_utf8() -> None:
    """Files are UTF-8 on every machine, and so is what goes into a pipe."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _discard_stdout() -> None:
    """Keep Python from complaining at exit that nobody reads what is left in the buffer."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
