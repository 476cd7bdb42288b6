"""The frozen median of ratios is DESeq2's and edgeR's, on the same counts and frozen means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirrisk.reference.fitness import Profile


def printed(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frozen means of the features, counts of samples x features, factors of the samples."""
    path = Path(__file__).parent / "reference" / name
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    return table[:-1, 0], table[:-1, 1:].T, table[-1, 1:]


REFERENCE, COUNTS, FACTORS = printed("size_factors.csv")


def profile_of(reference: np.ndarray) -> Profile:
    median = np.log2(reference + 1)
    keys = tuple(f"hsa-mir-{9000 + i}" for i in range(len(median)))
    return Profile(keys, median, median, np.ones(len(median)), sequencing=True)


@pytest.fixture
def profile() -> Profile:
    return profile_of(REFERENCE)


def test_shift_is_the_logarithm_of_deseq2s_size_factor(profile):
    shift = profile.composition(np.log2(COUNTS + 1), None).shift
    # DESeq2 scales its factors to a geometric mean of 1; ours stay relative to the reference.
    np.testing.assert_allclose(shift - shift.mean(), np.log2(FACTORS), atol=0.001)


def test_shift_of_cpm_is_the_logarithm_of_edgers_normalisation_factor():
    reference, counts, factors = printed("normalisation_factors.csv")
    reads = counts.sum(axis=1)
    cpm = counts / reads[:, None] * 1e6
    # The frozen means as CPM of a middling library: a common factor moves all shifts alike.
    profile = profile_of(reference / np.median(reads) * 1e6)
    shift = profile.composition(np.log2(cpm + 1), None).shift  # edgeR knows no detection
    np.testing.assert_allclose(shift - shift.mean(), np.log2(factors), atol=0.001)
    assert np.ptp(np.log2(factors)) > 1  # one feature takes 6 to 81% of a library


def test_correction_divides_cpm_and_leaves_zero_at_zero(profile):
    found = profile.composition(np.log2(COUNTS + 1), None)
    zeros = found.correct(np.zeros((5, 3)))
    assert (zeros == 0).all()
    corrected = found.correct(np.log2(COUNTS + 1))
    np.testing.assert_allclose(corrected, np.log2(COUNTS / 2 ** found.shift[:, None] + 1))
