"""One line about each feature, for a model's card, and its unit, for the axis of a picture."""

from __future__ import annotations

from duration_assets.modelling.features import (
    LONGEST_FEATURE_DISTANCE,
    MAP_AXES,
    FeatureSet,
    map_features,
)
from duration_assets.modelling.statistics import HOURS_IN_BLOCK

NOT_DESCRIBED = "not described"

_LEVELS = {
    "pair": "between the same two zones",
    "pickup": "from the same zone",
    "dropoff": "to the same zone",
    "pair_block": "between the same two zones in the same time block",
    "pickup_block": "from the same zone in the same time block",
    "dropoff_block": "to the same zone in the same time block",
}
_SUMS = {
    "trips": "How many past trips there were",
    "duration": "Mean minutes of past trips",
    "log_duration": "Mean logarithm of the minutes of past trips",
    "distance": "Mean metered miles of past trips",
    "log_speed": "Mean logarithm of the miles an hour of past trips",
}
_PACES = {
    "minutes_at_pace": "Minutes that the metered miles take at the mean pace of past trips",
    "distance_ratio": "Metered miles divided by the mean of past trips",
}
_OWN = {
    "hour": "Hour of the pickup, 0 to 23",
    "weekday": "Weekday of the pickup, 0 is Monday",
    "hour_of_week": "Hour of the week of the pickup, 0 to 167",
    "minute_of_day": "Minute of the day of the pickup, 0 to 1,439",
    "day_of_year": "Day of the year of the pickup, 1 to 366",
    "holiday": "Whether the pickup is on a public holiday of the United States",
    "vendor": "Who supplied the record",
    "passengers": "How many passengers the driver entered, -1 where the record does not say",
    "trip_type": "1 if hailed in the street, 2 if sent, -1 where the record does not say",
    "trip_distance": "Metered miles of the trip itself",
    "PU_DO": "Pickup and dropoff zone together: a column for each pair of the training month",
    **{
        f"{end}_{axis}": f"Where the {end} zone is on the map, in miles: {axis}"
        for end in ("pickup", "dropoff")
        for axis in MAP_AXES
    },
    "map_distance": "How far the two zones are apart on the map, in miles",
}

_ABOUT_STATISTICS = (
    f"A time block is {HOURS_IN_BLOCK} hours of weekdays or of weekends. Means are shrunk towards "
    "the mean of all trips, the more so the fewer past trips there are. A trip of the window is "
    "described by the trips of all weeks but its own. The map of the zones is drawn from "
    "the distances of past trips alone."
)
_ABOUT_DISTANCE = f"`trip_distance` is clipped to 0 to {LONGEST_FEATURE_DISTANCE:.0f} miles."


def describe_feature(name: str) -> str:
    """Say in one line what a feature is.

    Args:
        name: as in `TrainingRecord.features`.

    Returns:
        `NOT_DESCRIBED` for one that is missing here: a model is not to fail for want of words.
    """
    if name in _OWN:
        return _OWN[name]
    for level, where in _LEVELS.items():
        what = name.removeprefix(f"{level}_")
        described = {**_SUMS, **_PACES}.get(what)
        if name != what and described is not None:
            return f"{described} {where}"
    return NOT_DESCRIBED


def about_features(feature_set: FeatureSet) -> list[str]:
    """Return the sentences that it takes to read the descriptions of a set's features."""
    if not feature_set.uses_zone_statistics:
        return []
    return [_ABOUT_STATISTICS, *[_ABOUT_DISTANCE] * feature_set.uses_distance]


def unit_of(feature: str) -> str:
    """Return in what a feature is measured, for the axis of a picture."""
    units = {
        "log_duration": "log of minutes",
        "log_speed": "log of miles an hour",
        "duration": "minutes",
        "distance": "miles",
        "trips": "past trips",
        "hour_of_week": "hours since Monday",
        "hour": "hours",
        "weekday": "0 is Monday",
        "minute_of_day": "minutes since midnight",
        "day_of_year": "days of the year",
        "holiday": "1 on a public holiday",
        "vendor": "number of the vendor",
        "trip_type": "1 is hailed, 2 is sent",
        "passengers": "passengers",
        "minutes_at_pace": "minutes",
        "distance_ratio": "share of the mean",
        **dict.fromkeys(map_features(), "miles on the map"),
    }
    found = (unit for ending, unit in units.items() if feature.endswith(ending))
    return next(found, "1 for this zone pair")
