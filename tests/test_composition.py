"""The frozen median of ratios is DESeq2's, on the same counts and the same frozen means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirrisk.reference.fitness import Profile

PRINTED = np.genfromtxt(
    Path(__file__).parent / "reference" / "size_factors.csv", delimiter=",", skip_header=1
)
REFERENCE, COUNTS, FACTORS = PRINTED[:-1, 0], PRINTED[:-1, 1:].T, PRINTED[-1, 1:]


@pytest.fixture
def profile() -> Profile:
    median = np.log2(REFERENCE + 1)
    keys = tuple(f"hsa-mir-{9000 + i}" for i in range(len(median)))
    return Profile(keys, median, median, np.ones(len(median)), sequencing=True)


def test_shift_is_the_logarithm_of_deseq2s_size_factor(profile):
    shift = profile.composition(np.log2(COUNTS + 1), None).shift
    # DESeq2 scales its factors to a geometric mean of 1; ours stay relative to the reference.
    np.testing.assert_allclose(shift - shift.mean(), np.log2(FACTORS), atol=0.001)


def test_correction_divides_cpm_and_leaves_zero_at_zero(profile):
    found = profile.composition(np.log2(COUNTS + 1), None)
    zeros = found.correct(np.zeros((5, 3)))
    assert (zeros == 0).all()
    corrected = found.correct(np.log2(COUNTS + 1))
    np.testing.assert_allclose(corrected, np.log2(COUNTS / 2 ** found.shift[:, None] + 1))
