from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from duration_assets.months import Month
from duration_assets.services import SERVICES, Service
from duration_assets.simulation.schemas import SIMULATED_SERVICES
from duration_assets.simulation.writer import CHUNK, write_month
from duration_assets_tests.months import GREEN, JANUARY

MAY = Month(2025, 5)
ROWS = 60_000


@pytest.fixture(scope="module", params=SIMULATED_SERVICES)
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """A month with the same names for every service."""
    service = SERVICES[request.param]
    path = tmp_path_factory.mktemp("months") / "month.parquet"
    write_month(service, MAY, path, ROWS)
    return named_alike(pl.read_parquet(path), service)


def named_alike(trips: pl.DataFrame, service: Service) -> pl.DataFrame:
    pickup, dropoff = pl.col(service.pickup_time), pl.col(service.dropoff_time)
    miles = pl.lit(None, pl.Float64) if service.distance is None else pl.col(service.distance)
    return trips.select(
        service=pl.lit(service.name),
        pickup=pickup,
        minutes=(dropoff - pickup).dt.total_seconds() / 60,
        start=pl.col(service.pickup_zone).cast(pl.Int32),
        end=pl.col(service.dropoff_zone).cast(pl.Int32),
        miles=miles,
    )


def in_may(trips: pl.DataFrame) -> pl.DataFrame:
    return trips.filter(pl.col("pickup").is_between(MAY.start, MAY.end, closed="left"))


def test_nearly_all_trips_can_be_used_and_all_zones_are_tlcs(month: pl.DataFrame) -> None:
    assert month["minutes"].is_between(1, 60).mean() > 0.93  # type: ignore[operator]
    for zone in ("start", "end"):
        assert month[zone].drop_nulls().is_between(1, 265).all()


def test_more_trips_start_in_the_evening_than_before_dawn_and_weekends_differ(
    month: pl.DataFrame,
) -> None:
    pickup = in_may(month)["pickup"]
    by_hour = dict(pickup.dt.hour().value_counts().iter_rows())
    assert by_hour[17] > 4 * by_hour[4]
    at_night = pickup.filter(pickup.dt.hour() == 1).dt.weekday()
    assert at_night.is_in([6, 7]).mean() > 0.4  # type: ignore[operator]


def test_trips_are_slower_in_the_rush_hour_than_at_night(month: pl.DataFrame) -> None:
    usable = in_may(month).filter(
        pl.col("minutes").is_between(1, 60), pl.col("pickup").dt.weekday() < 6
    )
    hour = pl.col("pickup").dt.hour()
    rush, night = (
        usable.filter(hour == at).select(pl.col("minutes").median()).item() for at in (17, 1)
    )
    assert rush > 1.15 * night


def test_rows_stand_in_order_of_time_but_for_an_hour(month: pl.DataFrame) -> None:
    pickup = in_may(month)["pickup"].dt.epoch("s")
    assert not pickup.is_sorted()
    assert (pickup.cum_max() - pickup).max() <= 3600  # type: ignore[operator]


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """A green month, large enough for the rare flaws."""
    path = tmp_path_factory.mktemp("months") / "month.parquet"
    write_month(GREEN, MAY, path, ROWS)
    return pl.read_parquet(path)


def share(flags: pl.Series) -> float:
    return float(flags.sum()) / len(flags)


def test_some_trips_are_too_short_some_too_long_and_some_end_before_they_start(
    flawed: pl.DataFrame,
) -> None:
    minutes = named_alike(flawed, GREEN)["minutes"]
    assert 0.015 < share(minutes.is_between(0, 0.999)) < 0.04
    assert 0.01 < share(minutes > 60) < 0.05
    assert 0.002 < share(minutes < 0) < 0.008


def test_no_trip_ended_before_it_started_until_2025(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(GREEN, Month(2025, 1), path, ROWS)
    assert named_alike(pl.read_parquet(path), GREEN)["minutes"].min() >= 0  # type: ignore[operator]


def test_some_distances_are_absurd_and_some_are_zero(flawed: pl.DataFrame) -> None:
    miles = flawed["trip_distance"]
    assert miles.max() > 55_000  # type: ignore[operator]
    assert 0.02 < share(miles == 0) < 0.05


def test_a_few_trips_were_picked_up_in_other_months_and_years(flawed: pl.DataFrame) -> None:
    pickup = flawed["lpep_pickup_datetime"]
    outside = pickup.filter((pickup < MAY.start) | (pickup >= MAY.end))
    assert 1 <= len(outside) < 60
    assert set(outside.dt.year()) & {2008, 2009, 2041}
    assert 2025 in set(outside.dt.year())


def test_what_only_the_meter_knows_is_null_together(flawed: pl.DataFrame) -> None:
    lost = flawed["RatecodeID"].is_null()
    assert 0.02 < share(lost) < 0.5
    for name in ("passenger_count", "payment_type", "congestion_surcharge", "store_and_fwd_flag"):
        assert (flawed[name].is_null() == lost).all()


def test_many_fhv_trips_have_no_pickup_zone(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(SERVICES["fhv"], MAY, path, 10_000)
    zones = pl.read_parquet(path)["PUlocationID"]
    assert 0.28 < share(zones.is_null()) < 0.36
    assert share((zones == 264).fill_null(value=False)) > 0.3


def test_the_totals_of_a_taxi_file_add_up(flawed: pl.DataFrame) -> None:
    parts = (
        "fare_amount",
        "extra",
        "mta_tax",
        "tip_amount",
        "tolls_amount",
        "improvement_surcharge",
        "congestion_surcharge",
        "cbd_congestion_fee",
    )
    sums = flawed.select(pl.sum_horizontal(*parts)).to_series()
    assert (sums - flawed["total_amount"]).abs().max() < 0.011  # type: ignore[operator]


def test_row_groups_of_a_large_month_hold_successive_spans_of_it(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    seen: list[tuple[int, int]] = []
    write_month(GREEN, JANUARY, path, 2 * CHUNK + 1, progress=lambda *done: seen.append(done))
    rows = 2 * CHUNK + 1
    assert seen == [(CHUNK, rows), (2 * CHUNK, rows), (rows, rows)]
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 3
    first, second = (
        pl.from_dicts(file.read_row_group(index, ["lpep_pickup_datetime"]).to_pylist())
        .select(pl.col("lpep_pickup_datetime").dt.day().median())
        .item()
        for index in range(2)
    )
    assert first < 10
    assert second > 21


def test_months_differ_by_more_than_chance(tmp_path: Path) -> None:
    """Traffic in winter is not that of summer, and neither are the favourite zones."""
    found = []
    for month in (Month(2022, 1), Month(2022, 7)):
        path = tmp_path / f"{month}.parquet"
        write_month(GREEN, month, path, ROWS)
        trips = named_alike(pl.read_parquet(path), GREEN)
        driven = trips.filter(pl.col("minutes").is_between(1, 60), pl.col("miles") > 0.5)
        found.append(driven.select((pl.col("minutes") / pl.col("miles")).median()).item())
    assert found[0] > 1.02 * found[1]
