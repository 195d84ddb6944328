from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from duration_assets.errors import SettingsError
from duration_assets.months import Month, window_months
from duration_assets.services import SERVICES
from duration_assets.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DURATION_WINDOW", "25", "DURATION_WINDOW: .* less than or equal to 24"),
        ("DURATION_LOOK_EVERY", "0", "DURATION_LOOK_EVERY: .* greater than or equal to 1"),
        ("DURATION_LAND_ALL", "some", "DURATION_LAND_ALL: .* valid boolean"),
        ("DURATION_LAST_MONTH", "2023-13", "DURATION_LAST_MONTH: There is no month 13"),
        ("DURATION_FIRST_MONTH", "green=May", "DURATION_FIRST_MONTH: 'May' is no month"),
        ("DURATION_FIRST_MONTH", "2012-01", "can be used from 2013-08 on"),
        ("DURATION_SERVICES", "purple", "DURATION_SERVICES: There is no service 'purple'"),
        ("DURATION_FEATURE_SETS", "magic", "DURATION_FEATURE_SETS: There is no feature set 'mag"),
        ("DURATION_SERVICES", "fhv", "publishes no distance"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_the_reason(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message):
        Settings.load()


def test_every_setting_that_cannot_be_used_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DURATION_LAST_MONTH", "2023-13")
    monkeypatch.setenv("DURATION_WINDOW", "many")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    named = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert sorted(named) == ["DURATION_LAST_MONTH", "DURATION_WINDOW"]


def test_a_setting_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings.load()
    for name in ("HOME", "SOURCE", "ZONES", "LAST_MONTH", "ALERT_WEBHOOK"):
        monkeypatch.setenv(f"DURATION_{name}", "")
    assert Settings.load() == before


def test_the_home_is_made_absolute_and_dagsters_home_lies_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.home == tmp_path / ".duration"
    assert settings.dagster_home == tmp_path / ".duration" / "dagster"


def test_a_dagster_home_that_is_set_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    assert Settings.load().dagster_home == tmp_path / "elsewhere"


def test_first_months_can_differ_by_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURATION_SERVICES", "green,yellow")
    monkeypatch.setenv("DURATION_FIRST_MONTH", "2022-01,yellow=2023-05")
    settings = Settings.load()
    assert settings.first_month_of("green") == Month(2022, 1)
    assert settings.first_month_of("yellow") == Month(2023, 5)


def test_a_service_that_starts_late_has_its_own_first_month_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = replace(SERVICES["green"], name="late", first_month=Month(2023, 1))
    monkeypatch.setitem(SERVICES, "late", late)
    settings = Settings.load(services=["green", "late"])
    assert settings.first_month_of("late") == Month(2023, 1)
    assert settings.first_month_of("green") == Month(2021, 1)


def test_the_courses_window_is_always_one_month() -> None:
    assert Settings.load(window=12).window_of("course") == 1


def test_a_window_that_starts_before_the_first_month_is_shorter() -> None:
    months = window_months(Month(2021, 2), 12, first=Month(2021, 1))
    assert [str(month) for month in months] == ["2021-01", "2021-02"]


def test_december_is_followed_by_january() -> None:
    assert Month(2022, 12).shift(1) == Month(2023, 1)


def test_a_password_in_mlflows_address_does_not_get_into_links(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example/store")
    assert Settings.load().mlflow_ui == "https://mlflow.example/store"
