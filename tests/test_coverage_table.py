"""The measurement of coverage, and what the committed table promises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measure_coverage import END, METHODS, START, Design, bootstrap_limits, insert, measure

from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.discrimination import auc_interval, auc_of_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", name="rows")
def table(root: Path) -> dict[tuple[str, str], dict[str, float]]:
    """The committed table: coverage by design, true AUC and method."""
    page = (root / "docs" / "validation.md").read_text(encoding="utf-8")
    body = page.split(START)[1].split(END)[0]
    lines = [re.split(r"\s*\|\s*", line)[1:-1] for line in body.splitlines() if line[:1] == "|"]
    header, _, *cells = lines
    return {(row[0], row[1]): {m: float(row[header.index(m)]) for m in METHODS} for row in cells}


@pytest.mark.parametrize("auc", ["0.750", "0.900", "0.950"])
def test_default_covers_between_93_and_97_percent_with_twelve_events_in_forty(
    rows: dict[tuple[str, str], dict[str, float]], auc: str
) -> None:
    assert 93 <= rows["40 / 12", auc]["binormal-score"] <= 97


def test_default_covers_93_percent_wherever_spreads_are_equal(
    rows: dict[tuple[str, str], dict[str, float]],
) -> None:
    equal = {design: row for design, row in rows.items() if "/" in design[0]}
    low = [d for d, row in equal.items() if "spread" not in d[0] and row["binormal-score"] < 93]
    assert len(equal) > 40
    assert low == []


@pytest.mark.parametrize(
    "design", [Design(12, 28, 0.9, 1.5), Design(12, 28, 0.75, 1, 2), Design(12, 28, 0.75, 1, 4)]
)
def test_true_auc_is_the_mean_of_simulated_ones(design: Design) -> None:
    events, others = design.draw(20_000, np.random.default_rng(0))
    y = np.tile(np.repeat([1.0, 0.0], [12, 28]), (20_000, 1))
    simulated = auc_of_rows(y, np.hstack([events, others]))
    assert design.true_auc == pytest.approx(simulated.mean(), abs=4 * simulated.std() / 20_000**0.5)


def test_measured_limits_are_those_that_users_get() -> None:
    design, y = Design(12, 28, 0.9), np.repeat([1, 0], [12, 28])
    _, found = measure(design, 50, 20, np.random.default_rng(4))
    events, others = design.draw(50, np.random.default_rng(4))
    cohorts = np.hstack([events, others])
    for each in found[:-1]:
        limits = [auc_interval(y, risk, method=each.method) for risk in cohorts]  # type: ignore[arg-type]
        assert each.width == pytest.approx(np.mean([i.high - i.low for i in limits]))
        assert each.covered == np.mean([i.low <= 0.9 <= i.high for i in limits])


def test_bootstrap_of_the_table_is_the_stratified_percentile_one() -> None:
    rng = np.random.default_rng(2)
    events, others = Design(12, 28, 0.75).draw(1, rng)
    pairs = (events[:, :, None] > others[:, None, :]).astype(float)
    low, high = bootstrap_limits(pairs, 10_000, rng)
    y, risk = np.repeat([1, 0], [12, 28]), np.hstack([events, others])[0]
    expected = bootstrap_interval(auc_of_rows, y, risk, n=10_000, vectorized=True)
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_page_is_kept_but_for_what_is_between_the_marks() -> None:
    page = f"before\n{START}\nold\n{END}\nafter\n"
    assert insert(page, "new") == f"before\n{START}\nnew\n{END}\nafter\n"
