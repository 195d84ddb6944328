from __future__ import annotations

import logging
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from duration_assets.data_versions import model_content
from duration_assets.errors import TrackingError
from duration_assets.modelling.cleaning import canonical_trips
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.model_logging import example_trips, log_model
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets.modelling.training_record import CARD_FILE, RECORD_FILE
from duration_assets.resources.logged_training import fetch_model, read_record
from duration_assets.resources.mlflow_access import import_mlflow
from duration_assets.resources.tracking import Tracking
from duration_assets_tests.homes import ReadableTracking
from duration_assets_tests.mlflow_server import MlflowServer, mlflow_server
from duration_assets_tests.months import GREEN, green_rows
from duration_assets_tests.trainings import training

SECRET = "pass%40word"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("server") / "home") as running:
        yield running


def options(log: Any = None) -> dict[str, Any]:
    return {
        "run_name": "green/course/2023-01",
        "dagster_run_id": "d",
        "job_name": "job",
        "log": log or logging.getLogger(),
        "tags": {"service": "green"},
    }


def tracking_at(address: str, home: Path) -> ReadableTracking:
    return ReadableTracking(address, home=home, ui_url="http://here")


def tiny_model() -> DurationModel:
    rows = green_rows([5.0, 9.0], DOLocationID=[151, 9])
    trips = canonical_trips(rows.with_row_index("row").lazy(), GREEN).collect()
    preprocessor = PairPreprocessor.fit(trips.lazy())
    matrix = xgboost.DMatrix(preprocessor.transform(trips), label=[5.0, 9.0])
    return DurationModel(GREEN, preprocessor, xgboost.train({}, matrix, num_boost_round=2))


def test_a_training_is_logged_whole_through_a_server_and_no_password_gets_anywhere(
    server: MlflowServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A user may ask for the addresses that MLflow prints.
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "false")
    tracking = tracking_at(server.address.replace("//", f"//me:{SECRET}@"), tmp_path)
    model = tiny_model()
    whole = tmp_path / "whole"
    whole.mkdir()
    model.save(whole)
    example = example_trips(GREEN, uses_distance=True)
    record = training("course")
    with caplog.at_level(logging.INFO), tracking.training_run(**options()) as run:
        run.log_params({"depth": 2})
        run.log_metrics({"rmse": 3.0})
        run.log_history("rmse_by_round", [5.0, 4.0])
        run.log_bytes(b"text", "note.txt")
        run.log_bytes(b"png", "plots/picture.png")
        model_in_mlflow = log_model(model, whole, example, "green-course-duration")
        run.log_bytes(record.as_json().encode(), RECORD_FILE)
        run.log_card("the first card", "the first")
    tracking.log_evaluation(run.run_id, metrics={"mae": 2.0}, tags={"a": "b"}, files={})
    tracking.log_card(run.run_id, "the whole card", "the beginning")

    client = tracking_at(server.address, tmp_path)._client()
    (experiment,) = client.search_experiments(filter_string="name = 'nyc-taxi-experiment'")
    (listed,) = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
    assert (listed.info.run_id, listed.info.status) == (run.run_id, "FINISHED")
    assert listed.data.params == {"depth": "2"}
    assert listed.data.metrics == {"rmse": 3.0, "rmse_by_round": 4.0, "mae": 2.0}
    logged = {each.path for each in client.list_artifacts(run.run_id)}
    assert logged == {"note.txt", "plots", RECORD_FILE, CARD_FILE}
    card = client.download_artifacts(run.run_id, CARD_FILE, str(tmp_path))
    assert Path(card).read_text() == "the whole card"
    assert listed.data.tags["mlflow.note.content"] == "the beginning"
    (version,) = client.search_model_versions("name = 'green-course-duration'")
    assert version.run_id == run.run_id
    assert version.description == "the beginning"
    with pytest.raises(TrackingError, match=f"at {server.address} has no run 'another'"):
        read_record(tracking.tracking_uri, "another")
    assert read_record(tracking.tracking_uri, run.run_id) == record
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    fetch_model(tracking.tracking_uri, run.run_id, fetched)
    assert model_content(fetched) == model_content(whole)

    mlflow = import_mlflow()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    loaded = mlflow.pyfunc.load_model(model_in_mlflow.uri)
    np.testing.assert_allclose(loaded.predict(example), model.predict_published(example))

    printed = capfd.readouterr()
    assert "View run" in printed.out
    said = printed.out + printed.err + caplog.text + str(listed.to_dictionary())
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    stored = [path.read_bytes() for path in server.home.rglob("*") if path.is_file()]
    assert "model.xgb" in {path.name for path in server.home.rglob("*")}
    for secret in (SECRET, "pass@word"):
        assert secret not in said
        assert not [each for each in files + stored if secret.encode() in each]


def test_a_server_that_dies_in_a_training_is_named_in_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The user's own setting wins: the default takes half a minute.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with mlflow_server(tmp_path / "server") as server:
        tracking = tracking_at(server.address, tmp_path)

        def lose_the_server() -> None:
            with tracking.training_run(**options()) as run:
                server.kill()
                run.log_metrics({"rmse": 1.0})

        began = time.monotonic()
        with pytest.raises(TrackingError, match=server.address):
            lose_the_server()
        assert time.monotonic() - began < 30
    assert "could not be ended as FAILED" in caplog.text
    assert import_mlflow().active_run() is None


def test_a_server_that_hangs_does_not_hide_the_error_of_a_training_and_its_run_is_closed_later(
    server: MlflowServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracking = tracking_at(server.address, tmp_path)
    ids = []

    def fail_beside_a_server_that_hangs() -> None:
        with tracking.training_run(**options()) as run:
            ids.append(run.run_id)
            server.signal(signal.SIGSTOP)
            raise ValueError("the training's own")

    began = time.monotonic()
    try:
        with pytest.raises(ValueError, match="the training's own"):
            fail_beside_a_server_that_hangs()
    finally:
        server.signal(signal.SIGCONT)
    assert time.monotonic() - began < 30
    assert "could not be ended as FAILED" in caplog.text
    assert tracking.close_abandoned_runs() == ids
    assert tracking._client().get_run(ids[0]).info.status == "KILLED"


def test_a_server_that_cannot_be_reached_is_named_at_once(tmp_path: Path) -> None:
    tracking = Tracking("http://user:secret@127.0.0.1:9", home=tmp_path, ui_url="http://here")
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match=r"cannot be reached at http://127\.0\.0\.1:9"
    ) as caught:
        tracking.prepare()
    assert time.monotonic() - began < 15
    assert "secret" not in str(caught.value)


def test_the_user_and_password_in_an_address_reach_the_server(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200 if self.path == "/health" else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        with pytest.raises(TrackingError, match=f"http://{address} did not"):
            Tracking(f"http://me:{SECRET}@{address}", home=tmp_path, ui_url="").prepare()
        server.shutdown()
    expected = f"Basic {b64encode(b'me:pass@word').decode()}"
    assert asked[0][0] == "/health"
    assert len(asked) > 1
    assert {sent for _, sent in asked} == {expected}
