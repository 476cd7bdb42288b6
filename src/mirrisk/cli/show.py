"""What the commands show: tables and facts on terminals, messages on standard error."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import RenderableType
    from rich.style import StyleType

    from mirrisk.errors import MirriskError

WIDEST = 120
"""Lines longer than this are hard to read, however wide the terminal is."""

SECONDS_UNTIL_SPINNER = 1.0

FLAG_STYLES = {
    "high": "bold red",
    "low": "blue",  # not green: a low flag is no reassurance
    "average": "default",
    "indeterminate": "yellow",
    "not_scored": "dim",
}


def stdout_is_terminal() -> bool:
    """Whether a person, not a program, reads the standard output."""
    return sys.stdout.isatty()


def stdout() -> Console:
    """Return the console of the standard output."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console of the standard error."""
    return _console(stderr=True)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the program decide what it means that the reader went away."""
        raise BrokenPipeError


def _console(*, stderr: bool) -> Console:
    # Names in the data may hold [brackets], :colons: and numbers: nothing is interpreted.
    console = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if console.width > WIDEST:
        console.width = WIDEST
    return console


def plain(text: object) -> str:
    """Return a text from a file without what could move a terminal's cursor or colours."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )


def plain_lines(text: str) -> str:
    """Return a text of several lines, each of them plain."""
    return "\n".join(map(plain, text.splitlines()))


def listing(*columns: str, right: Iterable[str] = (), fold: Iterable[str] = ()) -> Table:
    """Return an empty table with these headers; columns not in ``fold`` stay on one line."""
    table = Table(
        box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=name not in fold,
        )
    return table


def facts(pairs: Iterable[tuple[str, RenderableType]], *, width: int = 0) -> Table:
    """Return lines of a name and what is to be said of it; empty ones are left out.

    ``width`` is that of the names at least, so that several tables can stand in line.
    """
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=0)
    grid.add_column(style="dim", no_wrap=True, min_width=width)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            grid.add_row("", name, plain(value) if isinstance(value, str) else value)
    return grid


def bullets(texts: Iterable[str]) -> Table:
    """Return sentences with a mark before each."""
    return facts(("•", text) for text in texts)


def heading(text: str) -> Text:
    """Return the title of a section."""
    return Text(text, style="bold")


def flag(name: str) -> Text:
    """Return a flag in its colour."""
    return Text(name.replace("_", " "), style=FLAG_STYLES[name])


def error(fault: MirriskError) -> None:
    """Print an error: what, where, what was expected, the remedy."""
    _message("error:", fault.what, "bold red")
    parts = (("where", fault.where), ("expected", fault.expected), ("remedy", fault.remedy))
    for name, text in parts:
        if text:
            _message(f"  {name + ':':<9}", text, "dim")


def file_error(text: str) -> None:
    """Print what is wrong with one of many files."""
    first, *rest = text.splitlines() or [""]
    _message("error:", first, "bold red")
    for line in rest:
        stderr().print(plain(line), style="dim", soft_wrap=True)


def warning(text: object) -> None:
    """Print what a careful user would want to know."""
    _message("warning:", text, "bold yellow")


def written(console: Console, paths: Iterable[str]) -> None:
    """Say which files hold results."""
    for path in paths:
        console.print(f"written: {plain(path)}", style="dim", soft_wrap=True)


def note(text: object) -> None:
    """Print a message that is not a result."""
    stderr().print(plain(text), soft_wrap=True)


def _message(label: str, text: object, style: StyleType) -> None:
    line = Text.assemble((label, style), " ", plain(text))
    # Above a running spinner or bar, whose console knows where the cursor is.
    console = _running[-1] if _running else stderr()
    console.print(line, soft_wrap=True)


_running: list[Console] = []
"""The consoles of spinners and bars that run, the innermost last."""


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show on a terminal what takes longer than a second."""
    if not sys.stderr.isatty():
        yield
        return
    console = stderr()
    status = console.status(Text(what))
    timer = threading.Timer(SECONDS_UNTIL_SPINNER, status.start)
    timer.daemon = True
    timer.start()
    _running.append(console)
    try:
        yield
    finally:
        _running.remove(console)
        timer.cancel()
        timer.join()
        status.stop()


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how many of many parts are done."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(what, total=total)
        _running.append(bar.console)
        try:
            yield lambda done, _total: bar.update(task, completed=done)
        finally:
            _running.remove(bar.console)
