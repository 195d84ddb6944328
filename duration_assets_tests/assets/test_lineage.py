from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from duration_assets.home import open_home
from duration_assets.lineage import data_nodes
from duration_assets.months import Month
from duration_assets.running import train
from duration_assets.simulation.writer import write_month
from duration_assets_tests.homes import Home
from duration_assets_tests.months import (
    FEBRUARY,
    JANUARY,
    ROWS,
    published,
    rewrite,
)

COURSE_RMSE = {"2023-01": 5.26004, "2022-02": 5.87382}
COURSE_COLUMNS = {"2023-01": 5702, "2022-02": 6795}


def test_a_month_is_trained_judged_and_logged(home: Home) -> None:
    trained = home.train()
    assert [str(month) for month in trained.plan.window] == ["2023-01", "2023-02"]
    assert trained.simulated
    assert trained.metrics["rmse"] < trained.metrics["baseline_pair_median_rmse"]
    assert trained.metrics["all_trips_rmse"] > trained.metrics["rmse"]
    run = home.tracking._client().get_run(trained.run_id)
    assert run.info.run_name == "green/metered/2023-02"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["rmse"] == pytest.approx(trained.metrics["rmse"])
    assert run.data.tags["simulated"] == "true"
    assert run.data.tags["validation_month"] == "2023-03"
    assert run.inputs is not None
    assert {each.dataset.name for each in run.inputs.dataset_inputs} >= {
        "green/cleaned_trips@2023-01",
        "green/zone_statistics@2023-02",
    }
    assert (home.settings.home / "run_id.txt").read_text() == trained.run_id
    assert (home.settings.home / "models" / "preprocessor.b").read_bytes() == trained.preprocessor


def test_what_is_up_to_date_is_not_made_again_but_by_force(home: Home) -> None:
    first = home.train()
    data = data_nodes("green", home.settings)
    assert len(home.made) == 3 * len(data) + 3 + 2
    again = home.train()
    assert home.made == []
    assert again.run_id == first.run_id
    forced = home.train(force=True)
    assert ("raw_trips", "2023-01") not in home.made
    assert ("duration_model", "2023-02") in home.made
    assert forced.run_id != first.run_id
    assert forced.metrics == first.metrics


def test_another_window_makes_the_model_again_and_not_the_data(home: Home) -> None:
    home.train()
    home.settings = home.settings.model_copy(update={"window": 1})
    trained = home.train()
    assert [str(month) for month in trained.plan.window] == ["2023-02"]
    assert {name for name, _ in home.made} == {
        "preprocessor",
        "training_matrix",
        "duration_model",
        "validation_matrix",
        "evaluation",
    }


def test_a_month_published_again_with_a_further_column_changes_no_data_version(
    home: Home,
) -> None:
    home.train()
    before = home.store.require("green/cleaned_trips", JANUARY, "the test").data_version
    rewrite(
        published(home.source, JANUARY),
        lambda table: table.append_column("cbd_congestion_fee", pa.nulls(len(table), pa.float64())),
    )
    raw = home.store.require("green/raw_trips", JANUARY, "the test")
    (raw.folder.parent / "manifest.json").unlink()
    home.train()
    assert home.made == [
        ("raw_trips", "2023-01"),
        ("cleaned_trips", "2023-01"),
        ("zone_statistics", "2023-01"),
    ]
    after = home.store.require("green/cleaned_trips", JANUARY, "the test").data_version
    assert after == before


def test_the_whole_model_takes_raw_trips_and_loads_without_dagster(home: Home) -> None:
    trained = home.train(JANUARY)
    code = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model(sys.argv[2])\n"
        "print('dagster' in sys.modules)\n"
        "print(model.metadata.get_input_schema().input_types_dict())\n"
        "rows = pd.read_parquet(sys.argv[3]).head(50)\n"
        "print(*[float(value).hex() for value in model.predict(rows)])\n"
        "whole = model.predict(rows, params={'intervals': True})\n"
        "print(*whole.columns, *[float(value).hex() for value in whole.to_numpy().ravel()])\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", code, home.settings.tracking_uri, trained.model_uri),
            str(published(home.source, FEBRUARY)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    imported, inputs, predictions, intervals = done.stdout.splitlines()
    assert imported == "False"
    assert "'lpep_pickup_datetime': datetime, 'PULocationID': long" in inputs
    from duration_assets.modelling.model import DurationModel

    model = home.store.require("green/metered/duration_model", JANUARY, "the test")
    rows = pl.read_parquet(published(home.source, FEBRUARY)).head(50).to_pandas()
    ours = DurationModel.load(model.folder)
    minutes = ours.predict_published(rows)
    assert [float.fromhex(value) for value in predictions.split()] == minutes.tolist()
    names, values = intervals.split()[:3], intervals.split()[3:]
    assert names == ["minutes", "low", "high"]
    found = np.array([float.fromhex(value) for value in values]).reshape(-1, 3)
    expected = ours.predict_published_intervals(rows)
    assert found.T.tolist() == [each.tolist() for each in astuple(expected)]
    assert np.isfinite(found).all()


def test_the_bare_booster_is_logged_in_the_courses_layout(home: Home) -> None:
    trained = home.train(JANUARY)
    run = home.tracking._client().get_run(trained.run_id)
    experiment = home.settings.home / "mlartifacts" / run.info.experiment_id
    (booster,) = experiment.glob("models/*/artifacts/model.xgb")
    assert {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"} <= {
        path.name for path in booster.parent.iterdir()
    }
    assert (experiment / trained.run_id / "artifacts" / "preprocessor" / "preprocessor.b").exists()


def test_a_sample_is_the_same_each_time_and_tagged(home: Home) -> None:
    home.settings = home.settings.model_copy(update={"max_training_rows": 1_000})
    trained = home.train()
    matrix = home.store.require("green/metered/training_matrix", FEBRUARY, "the test")
    assert matrix.summary["rows"] in (999, 1_000)
    assert home.tracking._client().get_run(trained.run_id).data.tags["sampled"] == "true"
    assert home.train(force=True).metrics == trained.metrics


def test_yellow_trips_take_the_same_way(tmp_path: Path) -> None:
    from duration_assets.services import SERVICES

    home = Home(tmp_path, services=["yellow"], feature_sets=["request"])
    for month in (JANUARY, FEBRUARY):
        path = home.source / f"yellow_tripdata_{month}.parquet"
        write_month(SERVICES["yellow"], month, path, ROWS)
    with open_home(home.settings) as instance:
        trained = train(home.settings, instance, "yellow", "request", JANUARY, lambda *_: None)
    assert trained.metrics["rmse"] < trained.metrics["baseline_mean_rmse"]


@pytest.mark.real_data
@pytest.mark.parametrize("month", COURSE_RMSE)
def test_the_course_feature_set_gives_the_courses_rmse_on_real_months(
    month: str, real_data: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path, feature_sets=["course"], first_month="2021-01", last_month="2023-12")
    home.settings = home.settings.model_copy(update={"source": str(real_data / "trip-data")})
    trained = home.train(Month.parse(month), "course")
    assert round(trained.metrics["rmse"], 5) == COURSE_RMSE[month]
    model = home.store.require("green/course/duration_model", Month.parse(month), "the test")
    assert model.summary["features"] == COURSE_COLUMNS[month]


@pytest.mark.real_data
def test_one_metered_month_is_well_below_the_courses_error(real_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path, window=1, first_month="2021-01", last_month="2023-12")
    home.settings = home.settings.model_copy(update={"source": str(real_data / "trip-data")})
    trained = home.train(JANUARY)
    assert trained.metrics["rmse"] <= 0.86 * COURSE_RMSE["2023-01"]
