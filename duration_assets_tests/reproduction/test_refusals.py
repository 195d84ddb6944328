"""Runs that cannot be reproduced, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from duration_assets.errors import DurationError, MissingPartitionError, StoreError, TrackingError
from duration_assets.modelling.training_record import RECORD_FILE, TrainingRecord
from duration_assets.resources.logged_training import read_record
from duration_assets.resources.run_owner import OWNER_TAG
from duration_assets_tests.months import settings_for
from duration_assets_tests.reproduction.conftest import TrainedHome, again


def record_of(trained_home: TrainedHome) -> TrainingRecord:
    return read_record(trained_home.settings.tracking_uri, trained_home.runs["metered"])


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    elsewhere = path.rename(path.with_name("away"))
    try:
        yield
    finally:
        elsewhere.rename(path)


@contextmanager
def rewritten(path: Path, content: bytes) -> Iterator[None]:
    with moved_away(path):
        path.write_bytes(content)
        try:
            yield
        finally:
            path.unlink()


def logged_record(trained_home: TrainedHome) -> Path:
    run_id = trained_home.runs["metered"]
    (path,) = (trained_home.settings.home / "mlartifacts").glob(f"*/{run_id}/*/{RECORD_FILE}")
    return path


def refused(trained_home: TrainedHome, kind: type[DurationError], **changes: Any) -> str:
    settings = trained_home.settings.model_copy(update=changes)
    with pytest.raises(kind) as caught:
        again(settings, trained_home.runs["metered"])
    return str(caught.value)


@pytest.mark.parametrize("run_id", ["0" * 32, "nonsense", "", "../../etc", "a b"])
def test_a_run_that_there_is_not_is_named(
    run_id: str, trained_home: TrainedHome, unchanged: None
) -> None:
    with pytest.raises(TrackingError, match=f"has no run '{run_id}'") as caught:
        again(trained_home.settings, run_id)
    assert "run_id.txt" in str(caught.value)
    assert "DURATION_HOME" in str(caught.value)


def test_a_home_in_which_nothing_was_trained_is_named_and_not_made(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", tmp_path)
    with pytest.raises(TrackingError, match="nothing was trained in this home"):
        again(settings, "0" * 32)
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_something_else_is_no_training_of_this_project(
    trained_home: TrainedHome,
) -> None:
    client = trained_home.home.tracking._client()
    experiment = client.get_run(trained_home.runs["metered"]).info.experiment_id
    run_id = client.create_run(experiment, run_name="theirs").info.run_id
    client.set_terminated(run_id)
    with pytest.raises(TrackingError, match=r"\(theirs\) is no training of this project"):
        again(trained_home.settings, run_id)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("RUNNING", "is still training"),
        ("FAILED", "ended as FAILED: it made no model"),
        ("KILLED", "ended as KILLED: it made no model"),
        ("FINISHED", "was logged by a version of this project that did not write down"),
    ],
)
def test_a_training_that_left_no_record_is_refused_with_the_reason(
    status: str, message: str, trained_home: TrainedHome
) -> None:
    client = trained_home.home.tracking._client()
    experiment = client.get_run(trained_home.runs["metered"]).info.experiment_id
    run_id = client.create_run(experiment, tags={OWNER_TAG: "somebody"}).info.run_id
    if status != "RUNNING":
        client.set_terminated(run_id, status)
    try:
        with pytest.raises(TrackingError, match=message):
            again(trained_home.settings, run_id)
    finally:
        client.set_terminated(run_id)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cut sho", "It is damaged"),
        (json.dumps({"format": 7}).encode(), "It has format 7, and this version"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_with_its_run(
    content: bytes, message: str, trained_home: TrainedHome
) -> None:
    with rewritten(logged_record(trained_home), content):
        said = refused(trained_home, TrackingError)
    assert f"inputs.json of the MLflow run {trained_home.runs['metered']} cannot be used" in said
    assert message in said


def test_every_file_that_is_no_longer_kept_is_named(trained_home: TrainedHome) -> None:
    content = trained_home.home.store.root / "content"
    with moved_away(content):
        said = refused(trained_home, MissingPartitionError)
    for month in record_of(trained_home).months:
        assert f"{month.month} ({month.raw})" in said
    assert f"They came from {trained_home.settings.source}." in said
    assert f"put back as {content}/SHA-256.parquet" in said


def test_a_run_of_another_home_names_that(trained_home: TrainedHome, tmp_path: Path) -> None:
    uri = trained_home.settings.tracking_uri
    said = refused(
        trained_home, MissingPartitionError, home=tmp_path / "other", mlflow_tracking_uri=uri
    )
    assert f"are not in the home {tmp_path / 'other'}" in said
    assert f"was logged from the home {trained_home.settings.home}: set DURATION_HOME" in said
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_with_other_bytes_is_named(trained_home: TrainedHome) -> None:
    first = record_of(trained_home).months[0]
    assert first.raw is not None
    kept = trained_home.home.store.content(first.raw)
    with rewritten(kept, b"PAR1 and no more"):
        said = refused(trained_home, StoreError)
    assert f"{kept}, green trips of 2023-01, is damaged" in said


def test_a_month_whose_file_was_never_known_is_named(trained_home: TrainedHome) -> None:
    path = logged_record(trained_home)
    content = json.loads(path.read_text())
    content["months"][1].update(raw=None, kept=None, other_months=None)
    with rewritten(path, json.dumps(content).encode()):
        said = refused(trained_home, MissingPartitionError)
    assert "green trips of 2023-02 were published again while the model was made" in said


def test_a_model_that_was_deleted_is_missed_only_if_it_has_to_be_compared(
    trained_home: TrainedHome,
) -> None:
    path = logged_record(trained_home)
    content = json.loads(path.read_text())
    content["content"] = "0" * 64
    models = path.parents[2] / "models"
    with moved_away(models):
        assert again(trained_home.settings, trained_home.runs["metered"]).same
        with rewritten(path, json.dumps(content).encode()):
            said = refused(trained_home, TrackingError)
    assert "is no longer in MLflow" in said or "did not do what was asked of it" in said
