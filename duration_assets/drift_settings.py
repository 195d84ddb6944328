"""The settings of drift: above which figure a month is flagged, for each kind of measure.

`Settings` holds them; `benchmarks/drift_thresholds.py` is where the defaults come from.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class DriftSettings(BaseSettings):
    """The limits: the largest value that was seen in 2021 and 2022, and a quarter more."""

    drift_zones: float = Field(
        0.67, gt=0, description="Stability index of pickup or dropoff zone that is flagged above."
    )
    drift_features: float = Field(
        0.68, gt=0, description="Likewise of hour, weekday, distance, vendor, passengers, type."
    )
    drift_predictions: float = Field(0.28, gt=0, description="Likewise of what is predicted.")
    drift_bias: float = Field(
        0.09, gt=0, description="Mean error, too much or too little, as a share of a mean trip."
    )
    drift_error: float = Field(1.41, gt=0, description="RMSE and MAE, divided by the usual ones.")
    drift_unseen_pairs: float = Field(
        0.12, gt=0, description="Share of trips with a zone pair that the window does not have."
    )
    drift_nulls: float = Field(
        0.02, gt=0, description="By how much a share of missing values is above the window's."
    )
    drift_rejected: float = Field(
        0.03, gt=0, description="By how much the share of rejected rows is above the window's."
    )

    @property
    def drift_limits(self) -> dict[str, float]:
        """The limits by kind of measure: see `modelling.drift.KINDS`."""
        prefix = "drift_"
        names = [name for name in DriftSettings.model_fields if name.startswith(prefix)]
        return {name.removeprefix(prefix): getattr(self, name) for name in names}
