"""How good a risk is on a cohort: discrimination, calibration, cutoffs, and how sure that is."""
