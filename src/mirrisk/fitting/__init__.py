"""Array kernels for models fitted to outcomes: penalised regression, stability selection."""
