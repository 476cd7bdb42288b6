"""Time a path of penalties beside scikit-learn's saga, brought to the same objective.

    python benchmarks/bench_elastic_net.py [--samples 200] [--features 800] [--penalties 30]

saga gets every advantage: standardised columns, the solution of the penalty before as its start,
and of each penalty only the time of the loosest tolerance (of powers of ten) that brings its
objective to within `--gap` of ours. Where it needs more than `--seconds` in all, the ratio is
about the penalties that it came to, from the strongest on: a lower limit, as the weak ones cost
it the most. One thread each.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mirrisk.fitting.elastic_net import Path, fit_path

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray


def cohort(n: int, p: int) -> tuple[FloatArray, FloatArray]:
    """Draw correlated columns, ten of which matter."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(n, 20))
    X = 0.5 * factors @ rng.normal(size=(20, p)) + rng.normal(size=(n, p))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, (rng.random(n) < expit(X[:, :10].sum(axis=1) / 2)).astype(float)


class Saga:
    """scikit-learn's solver along a path of penalties."""

    def __init__(self, X: FloatArray, y: FloatArray, alpha: float) -> None:
        self.X, self.y, self.alpha = X, y, alpha
        self.coefficients = np.zeros((1, X.shape[1]))
        self.intercept = np.zeros(1)

    def solve(self, lam: float, target: float, deadline: float) -> float:
        """Reach an objective and return the seconds that took, or infinity."""
        for exponent in range(3, 13):
            model = LogisticRegression(
                C=1 / (len(self.y) * lam),
                l1_ratio=self.alpha,
                solver="saga",
                tol=10.0**-exponent,
                max_iter=100_000,
                warm_start=True,
                random_state=0,
            )
            model.classes_ = np.array([0.0, 1.0])
            model.coef_, model.intercept_ = self.coefficients.copy(), self.intercept.copy()
            start = time.process_time()
            model.fit(self.X, self.y)
            spent = time.process_time() - start
            if self.objective(model, lam) <= target:
                self.coefficients, self.intercept = model.coef_, model.intercept_
                return spent
            if time.perf_counter() > deadline:
                break
        return np.inf

    def objective(self, model: LogisticRegression, lam: float) -> float:
        """Return the mean loss plus penalty."""
        beta = model.coef_[0]
        eta = self.X @ beta + model.intercept_[0]
        penalty = self.alpha * np.abs(beta).sum() + (1 - self.alpha) / 2 * (beta @ beta)
        return float(np.mean(np.logaddexp(0, eta) - self.y * eta) + lam * penalty)


def fastest(
    X: FloatArray, y: FloatArray, alpha: float, lambdas: FloatArray, repeats: int
) -> tuple[Path, float]:
    """Return our path and the least seconds it took."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        path = fit_path(X, y, alpha=alpha, lambdas=lambdas)
        times.append(time.process_time() - start)
    return path, min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--features", type=int, default=800)
    parser.add_argument("--penalties", type=int, default=30)
    parser.add_argument("--mixing", type=float, default=0.5)
    parser.add_argument("--min-ratio", type=float, default=0.05)
    parser.add_argument("--gap", type=float, default=1e-8)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    X, y = cohort(options.samples, options.features)
    lambdas = fit_path(
        X, y, alpha=options.mixing, n_lambdas=options.penalties, min_ratio=options.min_ratio
    ).lambdas
    path, whole = fastest(X, y, options.mixing, lambdas, options.repeats)
    saga = Saga(X, y, options.mixing)
    deadline = time.perf_counter() + options.seconds
    spent: list[float] = []
    for lam, best in zip(lambdas, path.objective, strict=True):
        seconds = saga.solve(lam, best + options.gap, deadline)
        if not np.isfinite(seconds):
            break
        spent.append(seconds)
        if time.perf_counter() > deadline:
            break
    done = len(spent)
    size = f"{options.samples} samples x {options.features} features, mixing {options.mixing:g}"
    print(f"{size}, {len(lambdas)} penalties down to {options.min_ratio:g} of the first")
    print(f"fit_path, all penalties            {whole * 1000:10.1f} ms")
    if not done:
        print("saga came to no penalty in the time given")
        return
    _, ours = fastest(X, y, options.mixing, lambdas[:done], options.repeats)
    print(f"fit_path, the first {done:3} penalties   {ours * 1000:10.1f} ms")
    print(f"saga, the same penalties           {sum(spent) * 1000:10.1f} ms")
    limit = "" if done == len(lambdas) else " or more"
    print(f"ratio at a gap of {options.gap:g}           {sum(spent) / ours:10.0f} x{limit}")


if __name__ == "__main__":
    main()
