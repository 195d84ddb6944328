"""`predict` as users meet it, but in this process: MLflow is loaded once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from duration_assets.cli import main
from duration_assets.modelling.batch_predictions import BatchSummary
from duration_assets.predicting import write_predictions
from duration_assets.resources.registry import CHAMPION
from duration_assets_tests.months import green_rows
from duration_assets_tests.registered import NAME, register, tiny_model, tracking_in

MINUTES = {1: 5.0, 2: 30.0}
"""What each registered version has learnt."""

Predict = Callable[..., Result]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two registered models of `course`, of which the first is the champion."""
    home = tmp_path_factory.mktemp("registered")
    for version, minutes in MINUTES.items():
        scratch = tmp_path_factory.mktemp("model")
        register(home, f"2023-0{version}", tiny_model(minutes), scratch)
    tracking_in(home)._client().set_registered_model_alias(NAME, CHAMPION, "1")
    return home


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three published trips, one without a pickup time."""
    monkeypatch.chdir(tmp_path)
    rows = green_rows([5.0, 9.0, 90.0], trip_distance=[1.0, 2.0, 2.0])
    pickup = pl.col("lpep_pickup_datetime")
    rows = rows.with_columns(pl.when(pl.int_range(pl.len()) != 1).then(pickup))
    rows.write_parquet("green_tripdata_2023-03.parquet")
    rows.write_csv("rides.csv")
    return tmp_path


@pytest.fixture
def predict(registered: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    def run(*arguments: str, home: Path = registered) -> Result:
        monkeypatch.setenv("DURATION_HOME", str(home))
        return CliRunner().invoke(main, ["predict", "--feature-set", "course", *arguments])

    return run


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return content


def test_the_champion_predicts_a_published_month(predict: Predict, folder: Path) -> None:
    result = predict("green_tripdata_2023-03.parquet", "out.parquet", "--json")
    said = told(result)
    assert said["model_version"] == f"{NAME}/1"
    assert said["training_month"] == "2023-01"
    assert (said["rows"], said["predicted"], said["without_pickup_time"]) == (3, 2, 1)
    assert said["judged"] == 1
    predictions = pl.read_parquet(folder / "out.parquet")
    assert predictions["ride_id"].to_list() == ["2023/03_0", "2023/03_1", "2023/03_2"]
    whole = pl.read_parquet("green_tripdata_2023-03.parquet")[[0, 2]].to_pandas()
    expected = tiny_model(MINUTES[1]).predict_published(whole)
    np.testing.assert_array_equal(predictions["predicted_duration"].drop_nulls(), expected)
    assert "SIMULATED" in result.stdout
    assert f"out.parquet: 2 of 3 trips predicted by {NAME}/1, trained up to 2023-01." in (
        result.stdout
    )
    assert "1 with no pickup time, so that there is no prediction" in result.stdout
    assert "On the 1 trips that took 1 to 60 minutes: RMSE" in result.stdout


def test_a_version_is_taken_by_its_number_and_csv_becomes_csv(
    predict: Predict, folder: Path
) -> None:
    (folder / "out.csv").write_text("before")
    said = told(predict("rides.csv", "out.csv", "--model-version", "2", "--json"))
    assert said["model_version"] == f"{NAME}/2"
    predictions = pl.read_csv(folder / "out.csv")
    assert predictions["ride_id"].to_list() == ["rides_0", "rides_1", "rides_2"]
    assert predictions["predicted_duration"].drop_nulls().min() > 25  # type: ignore[operator]
    assert {path.name for path in folder.iterdir()} == {
        "green_tripdata_2023-03.parquet",
        "rides.csv",
        "out.csv",
    }


def test_it_takes_as_many_threads_as_are_set(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def write(*arguments: Any, threads: int, **options: Any) -> BatchSummary:
        taken.append(threads)
        return write_predictions(*arguments, threads=threads, **options)

    monkeypatch.setattr("duration_assets.predicting.write_predictions", write)
    monkeypatch.setenv("DURATION_THREADS", "3")
    told(predict("rides.csv", "out.csv", "--json"))
    assert taken == [3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rides.csv", "nowhere/out.csv"], "out.csv cannot be written (No such file"),
        (["rides.csv", "out.txt"], "out.txt ends neither in .parquet nor in .csv"),
        (["rides.csv", "rides.csv"], "rides.csv holds the trips"),
        (["none.csv", "out.csv"], "There is no file none.csv"),
        (["rides.csv", "out.csv", "--model-version", "9"], f"{NAME} has no version 9"),
        (
            ["rides.csv", "out.csv", "--training-month", "2022-05"],
            "green/course/duration_model for 2022-05 is missing",
        ),
        (
            ["rides.csv", "out.csv", "--training-month", "2023-01", "--model-version", "1"],
            "not by both",
        ),
        (["rides.csv", "out.csv", "--service", "fhv"], "publishes no distance"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    arguments: list[str], said: str, predict: Predict, folder: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = predict(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_home_without_a_champion_says_how_to_get_one(
    predict: Predict, folder: Path, tmp_path: Path
) -> None:
    result = predict("rides.csv", "out.csv", home=tmp_path / "empty")
    assert result.exit_code == 1
    assert f"{NAME} has no champion yet" in result.stderr
    assert "--training-month" in result.stderr
    assert not (folder / "out.csv").exists()
    assert not (tmp_path / "empty").exists()


def test_an_interruption_leaves_the_old_file_and_has_its_exit_code(
    predict: Predict, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duration_assets.modelling.model import DurationModel

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DurationModel, "predict_intervals", interrupt)
    (folder / "out.csv").write_text("before")
    result = predict("rides.csv", "out.csv")
    assert result.exit_code == 130
    assert "Interrupted. out.csv was not changed." in result.stderr
    assert (folder / "out.csv").read_text() == "before"


def test_it_is_among_the_commands_with_its_arguments() -> None:
    command = main.get_command(click.Context(main), "predict")
    assert command is not None
    assert [each.human_readable_name for each in command.params[:2]] == ["INPUT", "OUTPUT"]
