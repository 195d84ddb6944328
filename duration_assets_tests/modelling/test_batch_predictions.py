from __future__ import annotations

import errno
import json
import threading
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
import pytest

from duration_assets.errors import StoreError
from duration_assets.modelling import published_rows
from duration_assets.modelling.batch_predictions import PREDICTION_SCHEMA, BatchSummary
from duration_assets.modelling.cleaning import LONGEST, SHORTEST
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.published_rows import open_rows
from duration_assets.predicting import write_predictions
from duration_assets.simulation import SIMULATED_KEY
from duration_assets.simulation.writer import write_month
from duration_assets_tests.modelling.quick_models import quick_model
from duration_assets_tests.months import FEBRUARY, GREEN, JANUARY, MARCH, green_rows

ROWS = 5_000
REAL = (FEBRUARY, MARCH)


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("months")
    for month in (JANUARY, FEBRUARY):
        write_month(GREEN, month, folder / f"{month}.parquet", ROWS)
    return folder


@pytest.fixture(scope="module")
def models(months: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DurationModel]:
    scratch = tmp_path_factory.mktemp("scratch")
    january = months / f"{JANUARY}.parquet"
    return {name: quick_model(january, GREEN, JANUARY, name, scratch) for name in FEATURE_SETS}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_rows, "ROWS_AT_ONCE", 700)
    monkeypatch.setattr(published_rows, "_CSV_BLOCK", 100_000)


def february(months: Path) -> pl.DataFrame:
    """Trips of all kinds: with and without details, in zones that there are not."""
    rows = pl.read_parquet(months / f"{FEBRUARY}.parquet")
    strange = rows[:3].with_columns(
        PULocationID=pl.Series([264, 900, None], dtype=rows["PULocationID"].dtype)
    )
    return pl.concat([rows, strange])


def predict(
    model: DurationModel, rows: pl.DataFrame, folder: Path, ending: str = ".parquet"
) -> tuple[pl.DataFrame, BatchSummary]:
    trips, output = folder / f"trips{ending}", folder / f"predictions{ending}"
    if ending == ".csv":
        rows.write_csv(trips)
    else:
        rows.write_parquet(trips)
    summary = write_predictions(
        model,
        open_rows(trips, GREEN, model.preprocessor.feature_set),
        output,
        rides="2023/02",
        model_version="green/7",
        simulated=False,
        report=lambda _done, _total: None,
        threads=2,
    )
    if ending == ".csv":
        return pl.read_csv(output, schema=PREDICTION_SCHEMA), summary
    return pl.read_parquet(output), summary


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_thousands_of_trips_are_predicted_as_in_process_to_the_last_bit(
    feature_set: str, ending: str, models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    model, rows = models[feature_set], february(months)
    predictions, _ = predict(model, rows, tmp_path, ending)
    expected = model.predict_published_intervals(rows.to_pandas())
    assert predictions.schema == PREDICTION_SCHEMA
    for name, values in (
        ("predicted_duration", expected.minutes),
        ("low", expected.low),
        ("high", expected.high),
    ):
        np.testing.assert_array_equal(predictions[name].to_numpy(), values)
    has_intervals = feature_set != "course"
    assert predictions["low"].null_count() == (0 if has_intervals else len(rows))
    assert expected.minutes.std() > 1


def test_each_row_of_the_file_has_its_row_with_the_course_s_id(
    models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    rows = february(months)
    predictions, summary = predict(models["metered"], rows, tmp_path)
    assert predictions["ride_id"].to_list() == [f"2023/02_{row}" for row in range(len(rows))]
    assert predictions["pickup_time"].equals(rows["lpep_pickup_datetime"], check_names=False)
    assert predictions["dropoff_zone"].to_list() == rows["DOLocationID"].to_list()
    assert set(predictions["model_version"]) == {"green/7"}
    assert (summary.rows, summary.predicted, summary.unknown_zones) == (len(rows), len(rows), 2)


def test_errors_are_those_of_the_trips_of_1_to_60_minutes(
    models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    predictions, summary = predict(models["metered"], february(months), tmp_path)
    minutes = predictions["predicted_duration"].cast(pl.Float64)
    assert predictions["difference"].equals(predictions["actual_duration"] - minutes)
    judged = predictions.filter(pl.col("actual_duration").is_between(SHORTEST, LONGEST))
    errors = judged["difference"].to_numpy()
    inside = judged["actual_duration"].is_between(judged["low"], judged["high"])
    assert 0 < summary.judged == len(judged) < len(predictions)
    assert summary.rmse == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-12)
    assert summary.mae == pytest.approx(np.abs(errors).mean(), rel=1e-12)
    assert summary.coverage == pytest.approx(inside.mean())


def test_the_courses_model_has_errors_and_no_coverage(
    models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    _, summary = predict(models["course"], february(months), tmp_path)
    assert summary.rmse is not None
    assert summary.coverage is None


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_trip_without_a_pickup_time_keeps_its_row_and_gets_no_prediction(
    ending: str, models: dict[str, DurationModel], tmp_path: Path
) -> None:
    rows = green_rows([5.0, 9.0, 30.0])
    first = pl.col("lpep_pickup_datetime")
    without = rows.with_columns(pl.when(pl.int_range(pl.len()) != 1).then(first))
    predictions, summary = predict(models["metered"], without, tmp_path, ending)
    whole = models["metered"].predict_published(rows.to_pandas())
    assert predictions["ride_id"].to_list() == ["2023/02_0", "2023/02_1", "2023/02_2"]
    assert predictions["predicted_duration"].to_list() == [whole[0], None, whole[2]]
    assert predictions.row(1)[4:9] == (None,) * 5
    assert (summary.rows, summary.predicted, summary.without_pickup_time) == (3, 2, 1)
    assert summary.judged == 2


def test_trips_that_are_yet_to_happen_are_predicted(
    models: dict[str, DurationModel], tmp_path: Path
) -> None:
    rows = green_rows([5.0, 9.0]).drop("lpep_dropoff_datetime", "trip_distance")
    predictions, summary = predict(models["request"], rows, tmp_path)
    assert predictions["predicted_duration"].null_count() == 0
    assert predictions["actual_duration"].to_list() == [None, None]
    assert (summary.predicted, summary.judged, summary.rmse) == (2, 0, None)
    assert summary.missing_distance == 2


def test_the_details_of_a_trip_count_where_the_file_has_them(
    models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    rows = february(months)
    known, _ = predict(models["metered"], rows, tmp_path)
    assumed, _ = predict(models["metered"], rows.drop(GREEN.detail_columns), tmp_path)
    assert not known["predicted_duration"].equals(assumed["predicted_duration"])


def test_a_file_without_trips_gives_a_file_without_predictions(
    models: dict[str, DurationModel], tmp_path: Path
) -> None:
    for ending in (".parquet", ".csv"):
        predictions, summary = predict(models["metered"], green_rows([]), tmp_path, ending)
        assert predictions.schema == PREDICTION_SCHEMA
        assert summary == BatchSummary()


def test_any_number_of_threads_gives_the_same_bytes_and_simulated_ones_say_so(
    models: dict[str, DurationModel], months: Path, tmp_path: Path
) -> None:
    rows = open_rows(months / f"{FEBRUARY}.parquet", GREEN, FEATURE_SETS["metered"])
    assert rows.simulated
    outputs = [tmp_path / name for name in ("one.parquet", "other.parquet")]
    told: list[tuple[int, int | None]] = []
    for output, threads in zip(outputs, (1, 3), strict=True):
        write_predictions(
            models["metered"],
            rows,
            output,
            rides="2023/02",
            model_version="green/7",
            simulated=True,
            report=lambda done, total: told.append((done, total)),
            threads=threads,
        )
        assert told[-1] == (ROWS, ROWS)
        assert len(set(told)) > ROWS / 700
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert pl.read_parquet_metadata(outputs[0])[SIMULATED_KEY] == "true"


def test_a_batch_that_cannot_be_read_or_written_ends_all_and_leaves_no_file(
    models: dict[str, DurationModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pl.concat([green_rows([5.0])] * 40)
    predict(models["metered"], rows, tmp_path)
    before = threading.active_count()

    def broken(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place in (
        "duration_assets.modelling.batch_predictions._with_predictions",
        "pyarrow.parquet.ParquetWriter.write_table",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken)
            with pytest.raises(StoreError, match="disk"):
                predict(models["metered"], rows, tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {
            "trips.parquet",
            "predictions.parquet",
        }
        assert threading.active_count() == before


def test_times_may_be_text_in_a_parquet_file(
    models: dict[str, DurationModel], tmp_path: Path
) -> None:
    rows = green_rows([5.0], start=datetime(2023, 2, 3, 17, 30))
    as_text = rows.with_columns(pl.col("lpep_pickup_datetime").dt.strftime("%Y-%m-%dT%H:%M:%S"))
    found, _ = predict(models["metered"], as_text, tmp_path)
    expected, _ = predict(models["metered"], rows, tmp_path)
    assert found.equals(expected)


def test_both_boosters_of_a_model_take_the_threads_that_they_are_given(
    models: dict[str, DurationModel],
) -> None:
    model = models["metered"]
    assert model.intervals is not None
    boosters = (model.booster, model.intervals.booster)
    for count in (3, 1):
        model.use_threads(count)
        generic = [json.loads(each.save_config())["learner"]["generic_param"] for each in boosters]
        assert [each["nthread"] for each in generic] == [str(count)] * 2


@pytest.mark.real_data
def test_a_real_month_is_predicted_as_in_process_to_the_last_bit(
    real_data: Path, tmp_path: Path
) -> None:
    files = {month: real_data / "trip-data" / f"green_tripdata_{month}.parquet" for month in REAL}
    model = quick_model(files[FEBRUARY], GREEN, FEBRUARY, "metered", tmp_path)
    rows = pl.read_parquet(files[MARCH])
    predictions, summary = predict(model, rows, tmp_path)
    expected = model.predict_published_intervals(rows.to_pandas())
    np.testing.assert_array_equal(predictions["predicted_duration"].to_numpy(), expected.minutes)
    np.testing.assert_array_equal(predictions["low"].to_numpy(), expected.low)
    np.testing.assert_array_equal(predictions["high"].to_numpy(), expected.high)
    assert summary.predicted == len(rows)
    assert summary.judged == 69_392
