from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from duration_assets import exploring
from duration_assets.errors import HomeError, MissingPartitionError
from duration_assets.modelling.feature_descriptions import unit_of
from duration_assets.modelling.features import FEATURE_SETS, feature_names
from duration_assets.months import Month
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, ROWS


@pytest.fixture
def home(filled: Home, monkeypatch: pytest.MonkeyPatch) -> exploring.Home:
    monkeypatch.setenv("DURATION_HOME", str(filled.settings.home))
    return exploring.Home.open()


def root_mean_square(errors: pd.Series[float]) -> float:
    return float(np.sqrt((errors**2).mean()))


def test_a_relative_home_starts_in_the_folder_that_is_named(
    filled: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DURATION_HOME", filled.settings.home.name)
    monkeypatch.chdir(tmp_path)
    assert exploring.Home.open(filled.settings.home.parent).folder == filled.settings.home
    with pytest.raises(HomeError, match=f"The home {tmp_path}.* holds no green month"):
        exploring.Home.open()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_home_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURATION_HOME", str(tmp_path))
    with pytest.raises(HomeError, match=r"duration-prediction --year 2023 .*make demo"):
        exploring.Home.open()


def test_simulated_trips_are_called_so(home: exploring.Home, filled: Home) -> None:
    assert "SIMULATED" in str(home)
    assert "SIMULATED" in home.titled("Errors")
    assert str(filled.source) in str(home)


def test_kept_and_rejected_trips_are_all_that_were_published(home: exploring.Home) -> None:
    kept, rejected = home.cleaned_trips(JANUARY), home.rejected_trips("2023-01")
    assert len(kept) + len(rejected) == ROWS
    assert kept["duration"].between(1, 60).all()
    assert not rejected["duration"].between(1, 60).any()
    assert rejected["reason"].notna().all()


def test_a_month_that_is_not_there_is_named(home: exploring.Home) -> None:
    with pytest.raises(MissingPartitionError, match="green/cleaned_trips for 2019-05 is missing"):
        home.cleaned_trips("2019-05")


def test_predictions_for_the_validation_month_are_off_as_its_evaluation_says(
    home: exploring.Home,
) -> None:
    metrics = home.metrics()
    assert list(metrics.index) == ["2023-01", "2023-02"]
    for training_month, row in metrics.iterrows():
        predictions = home.predictions(str(training_month), str(row["validation_month"]))
        assert root_mean_square(predictions["error"]) == pytest.approx(row["rmse"], rel=1e-6)


def test_an_older_model_predicts_a_later_month_in_the_order_of_its_trips(
    home: exploring.Home,
) -> None:
    older, newer = home.predictions(JANUARY, MARCH), home.predictions(FEBRUARY, MARCH)
    pd.testing.assert_series_equal(older["duration"], newer["duration"])
    assert not np.allclose(older["predicted"], newer["predicted"])


@pytest.mark.parametrize("feature_set", ["metered", "course"])
def test_training_rows_are_spread_over_the_window(
    feature_set: str, filled: Home, home: exploring.Home
) -> None:
    opened = exploring.Home.open(filled.settings.home.parent, feature_set=feature_set)
    month = opened.months("duration_model")[-1]
    matrix = opened.training_matrix(month, most=100)
    assert 100 <= len(matrix) <= 200
    assert list(matrix.columns) == [*opened.model(month).preprocessor.feature_names, "duration"]
    for each in opened.window(month):
        durations = opened.cleaned_trips(each)["duration"]
        assert matrix["duration"].isin(durations).sum() > 100 / 2 / len(opened.window(month))


def test_importance_is_a_share_by_the_names_of_features(home: exploring.Home) -> None:
    importance = home.feature_importance(FEBRUARY)
    assert importance.sum() == pytest.approx(1)
    assert importance.is_monotonic_decreasing
    assert set(importance.index) <= set(feature_names(FEATURE_SETS["metered"]))


def test_every_feature_has_a_unit() -> None:
    units = {name: unit_of(name) for name in feature_names(FEATURE_SETS["metered"])}
    assert units["pair_block_log_duration"] == "log of minutes"
    assert units["trip_distance"] == "miles"
    assert units["hour_of_week"] == "hours since Monday"
    pair = unit_of("PU_DO=43_151")
    assert pair not in units.values()


def test_fewer_models_than_needed_are_counted(home: exploring.Home) -> None:
    assert home.newest_models(1) == [FEBRUARY]
    assert home.newest_models(2) == [JANUARY, FEBRUARY]
    with pytest.raises(HomeError, match=r"holds 2 judged models of green/metered.* 3 are needed"):
        home.newest_models(3)


def test_models_of_another_feature_set_are_pointed_to(filled: Home, home: exploring.Home) -> None:
    request = exploring.Home.open(feature_set="request")
    with pytest.raises(HomeError, match=r"holds 0 judged .*some of course, metered"):
        request.newest_models(1)


def test_a_model_that_was_trained_again_counts_once_it_is_judged_again(
    filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(filled.settings.home / "store", tmp_path / "store")
    monkeypatch.setenv("DURATION_HOME", str(tmp_path))
    manifest = tmp_path / "store/green/metered/duration_model/2023-02/manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "data_version": "of another training"}))
    home = exploring.Home.open()
    assert home.newest_models(1) == [Month(2023, 1)]
    assert list(home.metrics().index) == ["2023-01"]


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("dagster", "mlflow", "xgboost", "sklearn", "pandas", "matplotlib")
    code = f"import sys, duration_assets.exploring; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
