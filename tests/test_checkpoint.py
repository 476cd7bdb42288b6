"""An interrupted run goes on where it was, and nowhere else."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mirrisk.validation.checkpoint import Checkpoint, CheckpointError
from mirrisk.validation.fingerprint import fingerprint
from mirrisk.validation.parallel import Outcome
from mirrisk.validation.resampling import nested_cv

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = {"kind": "example", "seed": 1}


def kept(path: Path) -> dict[int, Outcome]:
    with Checkpoint(path, RUN) as checkpoint:
        return dict(checkpoint.finished)


@pytest.fixture
def two_finished(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    with Checkpoint(path, RUN) as checkpoint:
        checkpoint.append(3, Outcome([0.1, None, 1 / 3], warnings=("small",)))
        checkpoint.append(0, Outcome(error="ValueError: no"))
    return path


# -- the file ---------------------------------------------------------------------------------


def test_outcomes_come_back_as_they_were(two_finished: Path) -> None:
    assert kept(two_finished) == {
        3: Outcome([0.1, None, 1 / 3], warnings=("small",)),
        0: Outcome(error="ValueError: no"),
    }


def test_every_line_is_json(two_finished: Path) -> None:
    first, *rest = [json.loads(line) for line in two_finished.read_text().splitlines()]
    assert first["seed"] == 1
    assert [line[0] for line in rest] == [3, 0]


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_torn_last_line_is_ignored_and_replaced(two_finished: Path, lost: int) -> None:
    two_finished.write_bytes(two_finished.read_bytes()[:-lost])
    with Checkpoint(two_finished, RUN) as checkpoint:
        assert list(checkpoint.finished) == [3]
        checkpoint.append(7, Outcome(2.0))
    assert list(kept(two_finished)) == [3, 7]


@pytest.mark.parametrize("size", [0, 1, 30])
def test_file_without_a_whole_first_line_is_begun_anew(two_finished: Path, size: int) -> None:
    two_finished.write_bytes(two_finished.read_bytes()[:size])
    assert kept(two_finished) == {}
    assert kept(two_finished) == {}


def test_damaged_line_in_the_middle_is_refused(two_finished: Path) -> None:
    lines = two_finished.read_text().splitlines()
    two_finished.write_text("\n".join([lines[0], lines[1][:-3], lines[2], ""]))
    with pytest.raises(CheckpointError, match="line 2 is damaged"):
        kept(two_finished)


@pytest.mark.parametrize("content", ["sample,outcome\nA,1\n", "[1, 2]\n", '{"format": "x"}\n'])
def test_other_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        kept(path)
    assert path.read_text() == content


def test_path_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be used: No such file"):
        kept(tmp_path / "absent" / "run.jsonl")


# -- which run it is --------------------------------------------------------------------------

X = np.random.default_rng(5).normal(size=(40, 3))
Y = (np.random.default_rng(6).random(40) < 0.4).astype(int)
NAMED = pd.DataFrame(X, columns=["a", "b", "c"])
BASE = {
    "estimator": LogisticRegression(),
    "X": NAMED,
    "y": Y,
    "groups": None,
    "folds": 4,
    "repeats": 2,
    "seed": 1,
}
OTHER_VALUE = NAMED.copy()
OTHER_VALUE.iloc[7, 1] += 1e-12
FLIPPED = Y.copy()
FLIPPED[[np.argmax(Y), np.argmin(Y)]] = 0, 1


def run(path: Path, **changed: object) -> object:
    arguments = BASE | changed
    return nested_cv(arguments.pop("estimator"), **arguments, n_jobs=1, checkpoint=path)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"X": OTHER_VALUE}, "X differs"),
        ({"X": NAMED.rename(columns={"a": "z"})}, "X differs"),
        ({"X": NAMED.astype(np.float32)}, "X differs"),
        ({"y": FLIPPED}, "y differs"),
        ({"groups": np.arange(40) // 2}, "groups"),
        ({"estimator": LogisticRegression(C=2)}, "estimator differs"),
        ({"estimator": make_pipeline(LogisticRegression())}, "estimator differs"),
        ({"seed": 2}, "seed was 1, now 2"),
        ({"folds": 5}, "folds was 4, now 5"),
        ({"repeats": 3}, "repeats was 2, now 3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_checkpoint_of_another_run_is_refused(
    tmp_path: Path, changed: dict[str, object], named: str
) -> None:
    path = tmp_path / "run.jsonl"
    run(path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=named) as caught:
        run(path, **changed)
    assert caught.value.remedy
    assert path.read_bytes() == before


def test_other_software_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl"
    run(path)
    monkeypatch.setattr("mirrisk.validation.checkpoint.software", lambda: {"numpy": "0.1"})
    with pytest.raises(CheckpointError, match=r"numpy was '.+', now '0.1'"):
        run(path)


def test_row_names_do_not_make_another_run(tmp_path: Path) -> None:
    first = run(tmp_path / "run.jsonl")
    renamed = NAMED.set_axis([f"S{i}" for i in range(40)])
    again = run(tmp_path / "run.jsonl", X=renamed)
    np.testing.assert_array_equal(again.risks, first.risks)


# -- fingerprints -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    values: tuple[float, ...]

    @cached_property
    def total(self) -> float:
        return sum(self.values)


def test_what_an_object_remembers_of_its_use_is_no_part_of_it() -> None:
    fresh, used = Table((1.0, 2.0)), Table((1.0, 2.0))
    assert used.total == 3
    assert fingerprint(fresh) == fingerprint(used)
    assert fingerprint(fresh) != fingerprint(Table((1.0, 2.5)))


def test_own_digest_of_an_object_is_taken() -> None:
    class Panel:
        def __init__(self, digest: str) -> None:
            self.digest = digest

    assert fingerprint(Panel("a")) == fingerprint(Panel("a")) != fingerprint(Panel("b"))


def power(values: np.ndarray, exponent: int) -> np.ndarray:
    return values**exponent


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        ("1", 1),
        ((1, 2), [1, 2]),
        (["ab", "c"], ["a", "bc"]),
        ({"a": 1}, {"a": 2}),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.array(["a", None], dtype=object), np.array(["a", "b"], dtype=object)),
        (lambda v: v + 1, lambda v: v + 2),
        (functools.partial(power, exponent=2), functools.partial(power, exponent=3)),
        (StandardScaler(), StandardScaler(with_mean=False)),
        (np.random.default_rng(1), np.random.default_rng(2)),
    ],
)
def test_different_things_have_different_fingerprints(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_equal_things_have_one_fingerprint_in_another_process() -> None:
    code = """
        import numpy as np, pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from mirrisk.validation.fingerprint import fingerprint
        def metric(y, p): return sum(a * b for a, b in zip(y, p) if a in {"x", "y", "z", 1})
        frame = pd.DataFrame({"a": [1.5, np.nan], "b": ["u", "v"]})
        things = [{"k": {3, 1, 2}, "a": frame}, make_pipeline(LogisticRegression()), metric]
        print(fingerprint(things))
    """
    printed = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_order_of_a_mapping_does_not_matter() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


# -- interruption -----------------------------------------------------------------------------

SCRIPT = """
import os, sys, time
import numpy as np
from sklearn.linear_model import LogisticRegression
from mirrisk.validation.resampling import nested_cv

class Slow(LogisticRegression):
    def fit(self, X, y):
        time.sleep(float(os.environ["DELAY"]))
        return super().fit(X, y)

rng = np.random.default_rng(3)
X, y = rng.normal(size=(400, 400)), rng.integers(0, 2, 400)
try:
    found = nested_cv(
        Slow(), X, y, repeats=4, seed=8, n_jobs=int(sys.argv[1]), checkpoint=sys.argv[2],
        progress=lambda done, total: print(done, total, flush=True),
    )
except KeyboardInterrupt:
    sys.exit("interrupted")
print(found.risks.tobytes().hex())
"""


def start(script: Path, n_jobs: int, checkpoint: Path, delay: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), str(n_jobs), str(checkpoint)],
        env=os.environ | {"DELAY": str(delay)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def live_members(session: int) -> list[int]:
    """Find the processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture(scope="module")
def uninterrupted() -> str:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(400, 400)), rng.integers(0, 2, 400)
    found = nested_cv(LogisticRegression(), X, y, repeats=4, seed=8, n_jobs=1)
    return found.risks.tobytes().hex()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("n_jobs", "signalled"),
    [(1, os.kill), (2, os.kill), (2, os.killpg)],
    ids=["in process", "workers", "workers are signalled too"],
)
def test_interrupted_run_stops_at_once_and_goes_on_to_the_same_result(
    tmp_path: Path, uninterrupted: str, n_jobs: int, signalled: Callable[[int, int], None]
) -> None:
    script, path = tmp_path / "script.py", tmp_path / "run.jsonl"
    script.write_text(SCRIPT)

    process = start(script, n_jobs, path, delay=0.4)
    reported = [process.stdout.readline() for _ in range(7)]
    signalled(process.pid, signal.SIGINT)
    since = time.monotonic()
    complaint = process.stderr.readline()
    assert time.monotonic() - since < 1
    rest, more = process.communicate(timeout=30)
    assert (complaint, more, process.returncode) == ("interrupted\n", "", 1)
    # The tracker of joblib's files ends a moment after the process that it tracks for.
    while time.monotonic() - since < 5 and live_members(process.pid):
        time.sleep(0.05)
    assert live_members(process.pid) == []

    done = int((reported + rest.splitlines())[-1].split()[0])
    finished = len(path.read_text().splitlines()) - 1
    assert 6 <= done <= finished < 20
    path.write_bytes(path.read_bytes() + b"[19, [0.5, 0")  # as a lost computer leaves it
    resumed, _ = start(script, n_jobs, path, delay=0).communicate(timeout=60)
    assert resumed.splitlines()[0] == f"{finished} 20"
    assert resumed.splitlines()[-1] == uninterrupted
