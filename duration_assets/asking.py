"""The model in use, for notebooks: which one it is, and what its predictions are made of.

Only asking belongs here; what is decided about champions is decided elsewhere. Knows no Dagster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from duration_assets.exploring import Home
from duration_assets.months import Month
from duration_assets.predicting import champion_of
from duration_assets.resources.registry import Registry, registered_name

if TYPE_CHECKING:
    import pandas as pd

    from duration_assets.modelling.model import DurationModel


@dataclass(frozen=True)
class ModelInUse:
    """The model that answers.

    Attributes:
        model: asks for trips in the canonical schema or in TLC's.
        name: what its predictions are signed with.
        training_month: the last month that it has seen.
        is_champion: whether it was decided on; if not, it is the newest one that was judged.
    """

    model: DurationModel
    name: str
    training_month: Month
    is_champion: bool

    def __str__(self) -> str:
        if self.is_champion:
            return f"The champion is {self.name}, trained up to {self.training_month}."
        return (
            f"There is no champion of {self.name} yet, so the newest judged model answers, trained "
            f"up to {self.training_month}. The asset champion decides on one; or do it by hand: "
            "`duration-prediction promote`."
        )


def model_in_use(home: Home) -> ModelInUse:
    """Return the champion, or the newest judged model where there is none yet.

    Raises:
        HomeError: if no model was judged either.
        TrackingError: if MLflow cannot be reached.
    """
    from duration_assets.modelling.model import DurationModel

    name = registered_name(home.service.name, home.feature_set)
    registry = Registry(home.tracking_uri, home=home.folder)
    champion = champion_of(registry, name)
    if champion is None:
        (month,) = home.newest_models(1)
        return ModelInUse(home.model(month), name, month, is_champion=False)
    return ModelInUse(
        DurationModel.load(champion.folder),
        champion.version,
        champion.registered.training_month,
        is_champion=True,
    )


def explanation(model: DurationModel, trip: pd.DataFrame) -> pd.Series[float]:
    """Return what the prediction of a trip is made of, in minutes.

    Args:
        model: the model.
        trip: one row of `Home.predictions`.

    Returns:
        `mean prediction`, and by how much each feature moves it up or down, the largest movement
        first; together they are the prediction.
    """
    import pandas as pd
    import polars as pl

    from duration_assets.modelling.cleaning import TRIP_SCHEMA
    from duration_assets.modelling.reliance import contributions

    columns = [name for name in trip.columns if name in TRIP_SCHEMA]
    types = pl.Schema({name: TRIP_SCHEMA[name] for name in columns})
    row = pl.from_pandas(trip[columns].reset_index(drop=True)).cast(types)
    encoded = model.preprocessor.transform(row)
    mean, moved = contributions(model.booster, encoded, model.preprocessor.feature_names)
    return pd.Series({"mean prediction": mean, **moved}, name="minutes")
