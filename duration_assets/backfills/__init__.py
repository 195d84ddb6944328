"""Backfills from the command line: what one asks for, its launch, the daemon, and its results.

`planning.py` decides and knows no Dagster; `launching.py` and `following.py` speak to Dagster's
instance; `daemons.py` sees to it that a daemon runs; `results.py` says what became of each month.
"""
