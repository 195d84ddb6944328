from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from duration_assets.errors import DurationError, HomeError, SettingsError
from duration_assets.months import Month
from duration_assets_tests.homes import Home
from duration_assets_tests.months import (
    FEBRUARY,
    JANUARY,
    MARCH,
    endless_trips,
    published,
    rewrite,
    with_column,
    zones_out_of_range,
)


def text_zones(table: pa.Table) -> pa.Table:
    return with_column(table, "PULocationID", table["PULocationID"].cast(pa.string()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["trip_distance"]), "column trip_distance is missing"),
        (text_zones, "PULocationID has type string where a number"),
        (lambda table: table.slice(0, 0), "holds no trips"),
        (zones_out_of_range, "zone id that is none of the service"),
        (endless_trips, "None of its .* rows is a trip of 1 to 60 minutes"),
    ],
)
def test_a_month_that_cannot_be_used_is_refused_with_the_reason_and_refused_again(
    change: object, message: str, home: Home
) -> None:
    rewrite(published(home.source, FEBRUARY), change)
    for _ in range(2):
        with pytest.raises(DurationError, match=message) as caught:
            home.train()
        assert "2023-02" in str(caught.value)


def test_another_months_file_is_caught(home: Home) -> None:
    published(home.source, MARCH).replace(published(home.source, FEBRUARY))
    with pytest.raises(DurationError, match="looks like another month's file"):
        home.train()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"<html>no</html>", "is a web page"), (b"PAR1 cut", "is cut short")],
)
def test_a_file_that_is_no_parquet_file_does_not_land(
    content: bytes, message: str, home: Home
) -> None:
    published(home.source, FEBRUARY).write_bytes(content)
    with pytest.raises(DurationError, match=message):
        home.train()
    assert home.store.find("green/raw_trips", FEBRUARY) is None
    assert home.store.find("green/raw_trips", JANUARY) is not None


def test_a_month_that_is_not_published_is_named(home: Home) -> None:
    published(home.source, MARCH).unlink()
    with pytest.raises(DurationError, match="green trips of 2023-03 are not published"):
        home.train()


def test_a_filled_home_refuses_another_source(home: Home, tmp_path: Path) -> None:
    home.train(JANUARY)
    home.settings = home.settings.model_copy(update={"source": str(tmp_path / "other")})
    with pytest.raises(HomeError, match="was filled from"):
        home.train(JANUARY)


@pytest.mark.parametrize("month", [Month(2022, 12), MARCH, Month(2023, 4)])
def test_a_month_before_the_first_or_after_the_last_is_refused(month: Month, home: Home) -> None:
    with pytest.raises(SettingsError, match="can be trained on months from 2023-01 to 2023-02"):
        home.train(month)
