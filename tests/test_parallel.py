"""Many tasks: order, failures, warnings, lost workers, memory."""

from __future__ import annotations

import os
import signal
import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mirrisk.errors import MirriskError, MirriskWarning
from mirrisk.validation.parallel import (
    GatheredWarning,
    Outcome,
    WorkerLostError,
    failures,
    gathered,
    recorded_warnings,
    run_tasks,
)


def scaled(factor: float, task: int) -> float:
    return factor * task


def kind_of(table: np.ndarray, _task: int) -> list[object]:
    return [type(table).__name__, bool(table.flags.writeable), os.getpid()]


def pools(_task: int) -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info()]


def kill_worker(task: int) -> int:
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.parametrize("n_jobs", [1, 2, None])
def test_outcomes_are_in_the_order_of_the_tasks(n_jobs: int | None) -> None:
    found = run_tasks(scaled, (0.5,), [5, 1, 3], n_jobs=n_jobs)
    assert [outcome.value for outcome in found] == [2.5, 0.5, 1.5]


def test_one_job_runs_in_this_process() -> None:
    (found,) = run_tasks(kind_of, (np.zeros(1),), [0], n_jobs=1)
    assert found.value[2] == os.getpid()


def test_workers_share_one_copy_of_a_large_table() -> None:
    found = run_tasks(kind_of, (np.zeros((500, 500)),), [0, 1, 2], n_jobs=2)
    assert {(kind, writeable) for kind, writeable, _ in (o.value for o in found)} == {
        ("memmap", False)
    }
    assert os.getpid() not in {outcome.value[2] for outcome in found}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_fit_has_one_thread(n_jobs: int) -> None:
    np.zeros((2, 2)) @ np.zeros((2, 2))
    for outcome in run_tasks(pools, (), [0, 1], n_jobs=n_jobs):
        assert set(outcome.value) <= {1}


def test_lost_worker_is_a_clear_error() -> None:
    with pytest.raises(WorkerLostError, match="killed") as caught:
        run_tasks(kill_worker, (), list(range(6)), n_jobs=2)
    assert "n_jobs" in caught.value.remedy


def test_error_in_progress_ends_the_run_without_complaint() -> None:
    def impatient(done: int, total: int) -> None:
        if done == 2:
            raise RuntimeError("enough")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match="enough"):
            run_tasks(scaled, (1.0,), list(range(50)), n_jobs=2, progress=impatient)


def test_error_of_our_own_speaks_for_itself_and_others_by_type() -> None:
    def failing(task: int) -> None:
        raise MirriskError("no events", remedy="more") if task else KeyError("x")

    found = run_tasks(failing, (), [0, 1], n_jobs=1)
    assert [outcome.error for outcome in found] == ["KeyError: 'x'", "no events"]


def test_interruption_is_no_failure() -> None:
    def interrupted(_task: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(interrupted, (), [0], n_jobs=1)


def test_failures_are_named_unless_all_fail() -> None:
    outcomes = [Outcome(1), Outcome(error="no"), Outcome(2)]
    (failed,) = failures(outcomes, ["a", "b", "c"])
    assert (failed.where, failed.message) == ("b", "no")
    with pytest.raises(MirriskError, match="all 1 fits failed, the first with: no"):
        failures([Outcome(error="no")], ["b"])


def test_warnings_are_counted_by_task() -> None:
    outcomes = [Outcome(warnings=("a", "a", "b")), Outcome(warnings=("a",))]
    assert gathered(outcomes) == (GatheredWarning("a", 2), GatheredWarning("b", 1))
    assert str(gathered(outcomes)[1]) == "b (1 fit)"


def test_warnings_of_threads_are_not_mixed_up_and_filters_come_back() -> None:
    before, show = list(warnings.filters), warnings.showwarning
    heard: dict[str, list[str]] = {}
    together = threading.Barrier(3)

    def listen(name: str) -> None:
        with recorded_warnings() as messages:
            together.wait()
            for _ in range(5):
                warnings.warn(f"from {name}", MirriskWarning, stacklevel=1)
            together.wait()
        heard[name] = messages

    threads = [threading.Thread(target=listen, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {name: [f"from {name}"] * 5 for name in "abc"}
    assert (list(warnings.filters), warnings.showwarning) == (before, show)


def test_recording_within_recording_returns_to_the_outer_one() -> None:
    with recorded_warnings() as outer:
        with recorded_warnings() as inner:
            warnings.warn("within", MirriskWarning, stacklevel=1)
        warnings.warn("without", MirriskWarning, stacklevel=1)
    assert (inner, outer) == (["within"], ["without"])
