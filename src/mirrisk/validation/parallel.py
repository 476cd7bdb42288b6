"""Many fits, one after the other or side by side: progress, interruption, failures, warnings.

Worker processes are joblib's. A large array is written once to a memory-mapped file that all of
them read, so that memory does not grow with their number, and each fit uses one thread: the
result is the same to the last bit for any number of workers. Inside
``joblib.parallel_config(backend="dask")`` the fits run on a dask cluster.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import threadpoolctl

from mirrisk.errors import MirriskError
from mirrisk.validation.anonymous import anonymous

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence

Progress: TypeAlias = "Callable[[int, int], object]"
"""Called in the parent with the number of finished tasks and of all tasks."""

UNINTERESTING = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""What Python itself does not show to users."""


class WorkerLostError(MirriskError):
    """A worker process was killed from outside."""


@dataclass(frozen=True)
class Outcome:
    """What a task came to.

    Attributes
    ----------
    value
        Plain JSON types; None where the task failed.
    error : str
        Why it failed; empty where it did not.
    warnings : tuple of str
        What it warned of, in order.
    """

    value: Any = None
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A fit that gave no result.

    Attributes
    ----------
    where : str
        Which one.
    message : str
        The first line of its error.
    """

    where: str
    message: str


@dataclass(frozen=True)
class GatheredWarning:
    """A warning, and how many fits gave it."""

    message: str
    count: int

    def __str__(self) -> str:
        return f"{self.message} ({self.count} {'fit' if self.count == 1 else 'fits'})"


class Journal(Protocol):
    """Where finished tasks are written to, and read from after an interruption."""

    @property
    def finished(self) -> dict[int, Outcome]:
        """Outcomes by the number of their task."""

    def append(self, number: int, outcome: Outcome) -> None:
        """Keep one more."""


def run_tasks(
    function: Callable[..., Any],
    shared: tuple[Any, ...],
    tasks: Sequence[Any],
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
    names: Collection[str] = (),
) -> list[Outcome]:
    """Call ``function(*shared, task)`` for every task.

    Parameters
    ----------
    function : callable
        Returns plain JSON types; with workers it must be picklable.
    shared : tuple
        Arguments that all calls have in common. Large arrays among them, or inside of them, are
        memory-mapped in worker processes and read-only there.
    tasks : sequence
        The last argument of each call; small.
    n_jobs : int, optional
        1 runs in this process, -1 on all cores. None is what ``joblib.parallel_config`` says,
        1 outside of it.
    progress : callable, optional
        Called as ``progress(done, total)``: first for what the journal holds, then after each
        task. What it counted as done is in the journal.
    journal : Journal, optional
        Tasks that it holds are not run again.
    names : collection of str, optional
        Of samples: no error and no warning that is returned or kept in the journal holds one.

    Returns
    -------
    list of Outcome
        One per task, in their order. An exception of a task is its outcome; ``KeyboardInterrupt``
        stops all workers at once and is raised.

    Raises
    ------
    WorkerLostError
        If a worker process was killed, as systems do when memory runs out.
    """
    outcomes = dict(journal.finished) if journal else {}
    waiting = [number for number in range(len(tasks)) if number not in outcomes]
    if progress:
        progress(len(outcomes), len(tasks))
    with closing(_stream(function, shared, tasks, waiting, n_jobs)) as stream:
        for number, finished in stream:
            outcome = anonymous(finished, names)
            if journal:
                journal.append(number, outcome)
            outcomes[number] = outcome
            if progress:
                progress(len(outcomes), len(tasks))
    return [outcomes[number] for number in range(len(tasks))]


def attempt(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """Call a function; keep what it warns of, and its exception if it raises one."""
    with recorded_warnings() as messages, threadpoolctl.threadpool_limits(1):
        try:
            return Outcome(function(*arguments), warnings=tuple(messages))
        except Exception as error:  # of whatever estimator the user has
            return Outcome(error=described(error), warnings=tuple(messages))


def described(error: Exception) -> str:
    """Return the type and the first line of an error; a ``MirriskError`` speaks for itself.

    Where it happened may be a sample's name, and is left out.
    """
    if isinstance(error, MirriskError):
        return error.what
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line}"


def gathered(outcomes: Iterable[Outcome]) -> tuple[GatheredWarning, ...]:
    """Return each distinct warning once, with the number of tasks that gave it."""
    counts = Counter(message for outcome in outcomes for message in dict.fromkeys(outcome.warnings))
    return tuple(GatheredWarning(message, count) for message, count in counts.items())


def failures(outcomes: Sequence[Outcome], names: Sequence[str]) -> tuple[Failure, ...]:
    """Return the tasks that failed.

    Raises
    ------
    MirriskError
        If all of them did.
    """
    failed = tuple(
        Failure(name, outcome.error)
        for name, outcome in zip(names, outcomes, strict=True)
        if outcome.error
    )
    if outcomes and len(failed) == len(outcomes):
        raise MirriskError(
            f"all {len(failed)} fits failed, the first with: {failed[0].message}",
            where=failed[0].where,
            remedy="fit the estimator once on the whole cohort to see the error in full",
        )
    return failed


def account(failed: Sequence[Failure], total: int, warned: Sequence[GatheredWarning]) -> list[str]:
    """Return lines that count failures and warnings by their message."""
    lines = []
    if failed:
        lines.append(f"{counted(failed, total)[0]}:")
        for message, count in Counter(failure.message for failure in failed).most_common():
            first = next(failure.where for failure in failed if failure.message == message)
            more = f" and {count - 1} more" if count > 1 else ""
            lines.append(f"  {first}{more}: {message}")
    if warned:
        lines.append("the fits warned:")
        lines.extend(f"  {warning}" for warning in warned)
    return lines


def counted(failed: Sequence[Failure], total: int) -> tuple[str, ...]:
    """Return a line that counts failures; none where there are none."""
    return (f"{len(failed)} of {total} fits failed",) if failed else ()


# -- the stream of outcomes -------------------------------------------------------------------


def _stream(
    function: Callable[..., Any],
    shared: tuple[Any, ...],
    tasks: Sequence[Any],
    waiting: Sequence[int],
    n_jobs: int | None,
) -> Generator[tuple[int, Outcome]]:
    """Yield numbers and outcomes as the tasks finish."""
    if n_jobs == 1:
        for number in waiting:
            yield number, attempt(function, *shared, tasks[number])
    elif waiting:
        yield from _parallel(function, shared, tasks, waiting, n_jobs)


def _parallel(
    function: Callable[..., Any],
    shared: tuple[Any, ...],
    tasks: Sequence[Any],
    waiting: Sequence[int],
    n_jobs: int | None,
) -> Generator[tuple[int, Outcome]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # In batches of one, else a finished task waits in its worker for the rest of the batch, and
    # an interruption loses it.
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    call = delayed(_numbered)
    try:
        stream = parallel(call(function, n, *shared, tasks[n]) for n in waiting)
        try:
            for item in stream:  # noqa: UP028 -- "yield from" would close it aloud
                yield item
        finally:
            _close_quietly(stream)
    except TerminatedWorkerError:
        raise WorkerLostError(
            "a worker process was killed, which systems do when memory runs out",
            remedy="use fewer workers (n_jobs); with a checkpoint the finished fits are kept",
        ) from None


def _numbered(function: Callable[..., Any], number: int, *arguments: Any) -> tuple[int, Outcome]:
    return number, attempt(function, *arguments)


def _close_quietly(stream: Generator[Any]) -> None:
    """Stop what still runs, without joblib's warning that it was stopped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream.close()


# -- warnings ---------------------------------------------------------------------------------


class _Recorder:
    """Gathers warnings by thread; ``warnings.catch_warnings`` mixes up those of several.

    Workers of a dask cluster run several tasks as threads of one process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._installed = ExitStack()
        self._heard = threading.local()

    @contextmanager
    def record(self) -> Iterator[list[str]]:
        outer = getattr(self._heard, "messages", None)
        messages: list[str] = []
        self._heard.messages = messages
        self._enter()
        try:
            yield messages
        finally:
            self._leave()
            self._heard.messages = outer

    def _enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._installed.enter_context(warnings.catch_warnings())
                warnings.simplefilter("always")
                for category in UNINTERESTING:
                    warnings.simplefilter("ignore", category)
                warnings.showwarning = self._hear  # type: ignore[assignment]

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._installed.close()

    def _hear(self, message: Warning | str, category: type[Warning], *_place: Any) -> None:
        messages = getattr(self._heard, "messages", None)
        if messages is not None:
            text = " ".join(str(message).split())
            ours = category.__module__.split(".")[0] == "mirrisk"
            messages.append(text if ours else f"{category.__name__}: {text}")


_recorder = _Recorder()


def recorded_warnings() -> Any:
    """Return a context that gathers the warnings of this thread into a list of str."""
    return _recorder.record()
