from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.cleaning import clean_month
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.statistics import weekly_sums
from duration_assets.modelling.trials import EncodedTrial, encode_trial
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month
from duration_assets_tests.months import (
    FEBRUARY,
    GREEN,
    JANUARY,
    MARCH,
    published,
    simulated_folder,
)

USUAL = parameters_of("metered")


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> dict[Month, MonthTrips]:
    """Three simulated months, cleaned."""
    source = simulated_folder(tmp_path_factory.mktemp("months"), rows=1_500)
    found = {}
    for month in (JANUARY, FEBRUARY, MARCH):
        kept = source / f"{month}.parquet"
        summary = clean_month(published(source, month), GREEN, month, kept, source / "rejected")
        found[month] = MonthTrips(month, kept, summary.kept)
    return found


def with_trips(trips: MonthTrips, path: Path, change: pl.Expr) -> MonthTrips:
    """Return the same month with other trips."""
    changed = pl.read_parquet(trips.path).with_columns(change)
    changed.write_parquet(path)
    return MonthTrips(trips.month, path, len(changed))


def encode(
    months: dict[Month, MonthTrips],
    folder: Path,
    feature_set: str = "metered",
    judged: MonthTrips | None = None,
) -> EncodedTrial:
    folder.mkdir()
    window = [months[JANUARY], months[FEBRUARY]]
    sums = {each.month: weekly_sums(pl.scan_parquet(each.path), each.month) for each in window}
    judged = months[MARCH] if judged is None else judged
    return encode_trial(FEATURE_SETS[feature_set], window, sums, judged, folder)


@pytest.mark.parametrize("feature_set", sorted(FEATURE_SETS))
def test_the_month_that_a_model_is_judged_on_plays_no_part_in_it(
    feature_set: str, months: dict[Month, MonthTrips], tmp_path: Path
) -> None:
    longer = with_trips(months[MARCH], tmp_path / "longer", pl.col("duration") + 5)
    one = encode(months, tmp_path / "one", feature_set)
    other = encode(months, tmp_path / "other", feature_set, longer)
    fitted, again = one.fit(1, USUAL), other.fit(1, USUAL)
    assert fitted.booster.save_raw() == again.booster.save_raw()
    assert other.judge(again)["bias"] == pytest.approx(one.judge(fitted)["bias"] - 5, abs=1e-4)


def test_the_trips_of_the_window_and_of_the_month_after_are_counted(
    months: dict[Month, MonthTrips], tmp_path: Path
) -> None:
    trial = encode(months, tmp_path / "one")
    assert trial.training_trips == len(months[JANUARY]) + len(months[FEBRUARY])
    assert trial.trips == len(months[MARCH])


def test_columns_that_are_left_out_are_gone_everywhere_and_nothing_else_is(
    months: dict[Month, MonthTrips], tmp_path: Path
) -> None:
    trial = encode(months, tmp_path / "one")
    without = trial.without(["hour", "trip_distance"])
    assert without.feature_names == [
        name for name in trial.feature_names if name not in ("hour", "trip_distance")
    ]
    kept = [trial.feature_names.index(name) for name in without.feature_names]
    assert without.parts.keys() == {"training", "beginning", "end"}
    for name in without.parts:
        for before, after in zip(trial.parts[name], without.parts[name], strict=True):
            np.testing.assert_array_equal(after.features, before.features[:, kept])
            np.testing.assert_array_equal(after.durations, before.durations)
    (before,), (after,) = trial.validation, without.validation
    np.testing.assert_array_equal(after.features, before.features[:, kept])
    assert without.judge(without.fit(1, USUAL)) != trial.judge(trial.fit(1, USUAL))


def test_parameters_can_be_others_than_usual(
    months: dict[Month, MonthTrips], tmp_path: Path
) -> None:
    trial = encode(months, tmp_path / "one")
    stump = trial.fit(1, {**USUAL, "max_depth": 1, "max_bin": 16, "objective": "reg:absoluteerror"})
    assert stump.parameters["max_depth"] == 1
    assert stump.parameters["learning_rate"] == trial.fit(1, USUAL).parameters["learning_rate"]
    trees = stump.booster.get_dump()
    assert len(trees) == stump.rounds
    assert all(tree.count("leaf") <= 2 for tree in trees)


def test_a_feature_that_is_not_finite_is_refused_with_where_it_is(
    months: dict[Month, MonthTrips], tmp_path: Path
) -> None:
    unknown = with_trips(
        months[MARCH], tmp_path / "unknown", pl.lit(None, pl.Float64).alias("distance")
    )
    with pytest.raises(BadFileError, match=r"month 2023-03: [0-9,]+ of its features"):
        encode(months, tmp_path / "one", judged=unknown)
