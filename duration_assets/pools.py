"""Dagster's pools: the steps of which there are only so many at once."""

TRAINING = "training"
"""Fitting: each fit uses its share of the cores."""

DECIDING = "champion"
"""Whatever decides on a champion: one at a time."""
