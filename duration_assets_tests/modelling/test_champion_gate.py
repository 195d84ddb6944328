from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duration_assets.modelling.champion_gate import (
    CHALLENGER_MINUTES,
    CHAMPION_MINUTES,
    Comparison,
    DayErrors,
    Gate,
    compare,
    compare_days,
    day_errors,
    objections,
)
from duration_assets.months import Month
from duration_assets_tests.modelling.trips import trips_of

GATE = Gate(margin=0.0025, confidence=0.9, slice_share=0.05, slice_limit=0.05)
MARCH = Month(2023, 3)
ZONES = pl.DataFrame(
    {
        "zone": [43, 151, 7],
        "borough": ["Manhattan", "Manhattan", "Queens"],
        "name": ["Central Park", "Manhattan Valley", "Astoria"],
    },
    schema_overrides={"zone": pl.Int32},
)

errors_by_day = st.lists(st.floats(0.5, 2_000.0), min_size=1, max_size=31)


def days(champion: list[float], challenger: list[float], trips: float = 50.0) -> DayErrors:
    return DayErrors(np.full(len(champion), trips), np.array(challenger), np.array(champion))


def passes(errors: DayErrors, gate: Gate = GATE) -> bool:
    return not objections(compare_days(errors), gate)


@given(errors_by_day)
def test_a_model_that_is_the_same_never_takes_over(errors: list[float]) -> None:
    assert not passes(days(errors, errors))
    assert not passes(days(errors, errors), Gate(0.0, 0.5, 1.0, 0.0))


@given(errors_by_day)
def test_a_model_that_is_better_on_every_day_takes_over(errors: list[float]) -> None:
    assert passes(days(errors, [each * 0.9 for each in errors]))


@given(errors_by_day)
def test_a_model_that_is_worse_on_every_day_does_not(errors: list[float]) -> None:
    assert not passes(days(errors, [each * 1.01 for each in errors]))


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(1, 1e4)), min_size=1, max_size=31))
def test_the_same_days_give_the_same_figures_and_no_two_models_both_take_over(
    pairs: list[tuple[float, float]],
) -> None:
    champion, challenger = [one for one, _ in pairs], [other for _, other in pairs]
    found = compare_days(days(champion, challenger))
    assert compare_days(days(champion, challenger)) == found
    assert 0.0 <= found.probability <= 1.0
    assert not (passes(days(champion, challenger)) and passes(days(challenger, champion)))


def test_what_one_day_alone_speaks_for_is_noise() -> None:
    champion = [100.0] * 30
    one_good_day = [101.0] * 29 + [40.0]
    found = compare_days(days(champion, one_good_day))
    assert found.gain > GATE.margin
    assert found.probability < GATE.confidence
    assert any("of the months that were drawn" in said for said in objections(found, GATE))


def test_a_gain_within_the_margin_is_not_enough_however_sure_it_is() -> None:
    found = compare_days(days([100.0] * 30, [99.8] * 30))
    assert found.probability == 1.0
    (said,) = objections(found, GATE)
    assert said == "Its RMSE is smaller by 0.10%, and 0.25% are asked for."


def test_the_probability_is_that_of_the_days_own_variation() -> None:
    # Gains of +1 and -1 on 20 and 10 days: a drawn month has a mean of 10 and a deviation of
    # sqrt(30 * (1 - 1/9)) = 5.16, and is above 0 in 97% of all cases.
    champion, challenger = [100.0] * 30, [99.0] * 20 + [101.0] * 10
    found = compare_days(days(champion, challenger))
    assert found.probability == pytest.approx(0.966, abs=0.02)


def test_errors_are_summed_by_day_and_trips_of_other_months_are_one_day() -> None:
    times = [datetime(2023, 3, 1, 8), datetime(2023, 3, 1, 9), datetime(2023, 3, 31, 23)]
    odd = [datetime(2041, 1, 1), datetime(2023, 4, 1)]
    trips = trips_of([10.0, 10.0, 10.0, 10.0, 10.0], pickup_time=[*times, *odd]).with_columns(
        pl.Series(CHALLENGER_MINUTES, [11.0, 12.0, 13.0, 14.0, 10.0], pl.Float32),
        pl.Series(CHAMPION_MINUTES, [10.0, 10.0, 8.0, 10.0, 9.0], pl.Float32),
    )
    found = day_errors(trips.lazy(), MARCH)
    np.testing.assert_array_equal(found.trips, [2, 2, 1])
    np.testing.assert_array_equal(found.challenger, [16.0, 5.0, 9.0])
    np.testing.assert_array_equal(found.champion, [1.0, 0.0, 4.0])


def scored(queens_challenger: float) -> pl.DataFrame:
    """Return trips of 30 days: a tenth of them begin in Queens, and all others get better."""
    start = datetime(2023, 3, 1, 8)
    days_of_month = [start + timedelta(days=day) for day in range(30) for _ in range(10)]
    zones = [7 if trip % 10 == 0 else 43 for trip in range(300)]
    in_queens = pl.col("pickup_zone") == 7
    return trips_of([10.0] * 300, pickup_time=days_of_month, pickup_zone=zones).with_columns(
        pl.when(in_queens).then(queens_challenger).otherwise(11.0).alias(CHALLENGER_MINUTES),
        pl.lit(12.0).alias(CHAMPION_MINUTES),
    )


def found_in(trips: pl.DataFrame, zones: pl.DataFrame | None = ZONES) -> Comparison:
    return compare(trips.lazy(), MARCH, zones, GATE, has_distance=True)


def test_a_slice_of_weight_may_not_get_much_worse() -> None:
    found = found_in(scored(12.5))
    assert found.gain > GATE.margin
    assert [(each["slice"], each["part"]) for each in found.worse] == [
        ("borough_pair", "Queens to Manhattan")
    ]
    (said,) = objections(found, GATE)
    assert said == (
        "Trips of borough_pair Queens to Manhattan (10% of all) get worse: 2.000 before, 2.500 now."
    )
    assert objections(found_in(scored(12.05)), GATE) == []


def test_a_slice_without_weight_may() -> None:
    heavy = Gate(GATE.margin, GATE.confidence, 0.2, GATE.slice_limit)
    assert compare(scored(12.5).lazy(), MARCH, ZONES, heavy, has_distance=True).worse == ()


def test_without_the_zone_lookup_the_other_slices_are_looked_at() -> None:
    assert found_in(scored(12.5), None).worse == ()
    bad_hour = scored(11.0).with_columns(
        pl.when(pl.col("pickup_time").dt.day() <= 6)
        .then(pl.col("pickup_time").dt.offset_by("9h"))
        .otherwise("pickup_time")
        .alias("pickup_time")
    )
    bad_hour = bad_hour.with_columns(
        pl.when(pl.col("pickup_time").dt.hour() == 17)
        .then(13.0)
        .otherwise(CHALLENGER_MINUTES)
        .alias(CHALLENGER_MINUTES)
    )
    assert ("hour", "17") in {
        (each["slice"], each["part"]) for each in found_in(bad_hour, None).worse
    }
