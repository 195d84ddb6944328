"""Simulated months in TLC's schemas, for trying everything out without a network.

Every file carries `SIMULATED_KEY` in its Parquet metadata: the one sign by which the rest of the
project knows simulated trips.
"""

SIMULATED_KEY = "duration_assets.simulated"
