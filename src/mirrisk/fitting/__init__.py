"""Kernels for models fitted to outcomes: solving, selecting, updating, sample size."""
