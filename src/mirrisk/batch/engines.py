"""Where batches are scored: in this process, in processes beside it, on machines of a Dask cluster.

Every engine runs the same function on the same pieces, and gives the results in their order.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from mirrisk.errors import MirriskError, MissingExtraError
from mirrisk.expression import check_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EngineName = Literal["dask"]

RETRIES = 3
"""How often a piece is tried again whose worker was lost on the way."""

AHEAD = 2
"""Pieces per worker that are sent before the first result is waited for."""


class Engine(Protocol):
    """Runs a function on many pieces."""

    def map(
        self, work: Callable[..., Any], packed: bytes, pieces: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield ``work(packed, *piece)`` of each piece, in order.

        Parameters
        ----------
        work : callable
            A function of a module.
        packed : bytes
            What all pieces share; it is sent once.
        pieces : iterable of tuple
            Taken as they are needed.
        """


class Here:
    """Runs it in this very process."""

    def map(
        self, work: Callable[..., Any], packed: bytes, pieces: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield the result of each piece, in order."""
        return (work(packed, *piece) for piece in pieces)


class Processes:
    """Processes on this machine, by joblib.

    Parameters
    ----------
    n_jobs : int
        -1: one per core.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def map(
        self, work: Callable[..., Any], packed: bytes, pieces: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield the result of each piece, in order."""
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=self.n_jobs, return_as="generator", batch_size=1)
        found: Iterator[Any] = parallel(delayed(work)(packed, *piece) for piece in pieces)
        return found


class Dask:
    """The workers of a Dask cluster.

    Pieces travel with their task, and what they share is the result of a task of its own: the
    scheduler can have either again when a worker is lost.

    Parameters
    ----------
    scheduler : str, optional
        Its address (``"tcp://host:8786"``); without one a cluster on this machine is started.
    n_jobs : int
        Workers of that cluster; -1: one per core.
    """

    def __init__(self, scheduler: str | None, n_jobs: int = -1) -> None:
        self.scheduler = scheduler
        self.n_jobs = n_jobs
        distributed()  # told before anything is read

    def map(
        self, work: Callable[..., Any], packed: bytes, pieces: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield the result of each piece, in order."""
        with self._client() as client:
            shared = client.submit(_same, packed, pure=False)
            most = AHEAD * max(sum(client.ncores().values()), 1)
            waiting: deque[Any] = deque()
            for piece in pieces:
                waiting.append(client.submit(work, shared, *piece, pure=False, retries=RETRIES))
                if len(waiting) >= most:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())

    def _client(self) -> Any:
        if self.scheduler is None:
            workers = None if self.n_jobs == -1 else self.n_jobs
            return distributed().Client(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            )
        try:
            return distributed().Client(self.scheduler, timeout="20s")
        except (OSError, ValueError) as error:
            raise MirriskError(
                f"no Dask scheduler answers: {error}",
                where=self.scheduler,
                expected="an address such as tcp://host:8786",
            ) from None

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except distributed().KilledWorker as error:
            raise MirriskError(
                f"workers of the Dask cluster ended again and again: {error}",
                remedy="look at the workers' logs; give them more memory, or take smaller batches",
            ) from None


def engine_of(name: str | None, scheduler: str | None = None, n_jobs: int = 1) -> Engine:
    """Return the engine that is asked for.

    Raises
    ------
    MirriskError
        If there is no such engine, a scheduler is named without it, or there are no workers.
    MissingExtraError
        If Dask is asked for and not installed.
    """
    if n_jobs < 1 and n_jobs != -1:
        raise MirriskError(f"n_jobs is {n_jobs}", expected="1 or more, or -1 for one per core")
    if name is None:
        if scheduler is not None:
            raise MirriskError(
                f"scheduler {scheduler!r} without an engine that has one",
                remedy='engine="dask" in Python, --engine dask on the command line',
            )
        return Here() if n_jobs == 1 else Processes(n_jobs)
    check_choice("engine", name, get_args(EngineName))
    return Dask(scheduler, n_jobs)


def distributed() -> Any:
    """Import Dask's scheduler.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import distributed
    except ModuleNotFoundError:
        raise MissingExtraError(
            "the engine dask takes dask and distributed, which are not installed",
            remedy="pip install 'mirrisk[dask]'",
        ) from None
    return distributed


def _same(packed: bytes) -> bytes:
    return packed
