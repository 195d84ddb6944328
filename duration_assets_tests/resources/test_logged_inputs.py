from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from duration_assets.resources.training_run import TrainingRun
from duration_assets_tests.homes import ReadableTracking

SHARED = "green/cleaned_trips@2023-01"
FIRST = {SHARED: "f" * 64}
SECOND = {SHARED: "f" * 64, "green/cleaned_trips@2023-02": "e" * 64}


@pytest.fixture
def tracking(tmp_path: Path) -> ReadableTracking:
    return ReadableTracking(f"sqlite:///{tmp_path / 'mlflow.db'}", home=tmp_path, ui_url="http://x")


@pytest.fixture
def trainings(tracking: ReadableTracking) -> tuple[TrainingRun, TrainingRun]:
    """Two runs that are open: a process of its own has each in truth."""
    tracking.prepare()
    client = tracking._client()
    experiment = client.get_experiment_by_name(tracking.experiment)
    assert experiment is not None
    early, late = (client.create_run(experiment.experiment_id).info.run_id for _ in range(2))
    return TrainingRun(early, client, None), TrainingRun(late, client, None)


@contextmanager
def logging_in_between(other: TrainingRun) -> Iterator[None]:
    """Let another training log its inputs after MLflow has looked for those of the next one."""
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    logged: list[str] = []

    def log_first(*_: object) -> None:
        if not logged:
            logged.append(other.run_id)
            other.log_inputs(FIRST, "source")

    event.listen(Session, "before_flush", log_first)
    try:
        yield
    finally:
        event.remove(Session, "before_flush", log_first)
    assert logged


def datasets_of(tracking: ReadableTracking, run: TrainingRun) -> dict[str, str]:
    inputs = tracking._client().get_run(run.run_id).inputs
    assert inputs is not None
    return {each.dataset.name: each.dataset.digest for each in inputs.dataset_inputs}


def test_trainings_that_log_a_month_in_common_at_once_both_have_it(
    tracking: ReadableTracking, trainings: tuple[TrainingRun, TrainingRun]
) -> None:
    early, late = trainings
    with logging_in_between(early):
        late.log_inputs(SECOND, "source")
    assert datasets_of(tracking, early) == {name: text[:36] for name, text in FIRST.items()}
    assert datasets_of(tracking, late) == {name: text[:36] for name, text in SECOND.items()}


def test_mlflow_refuses_a_dataset_that_another_run_logs_at_once(
    trainings: tuple[TrainingRun, TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    early, late = trainings
    monkeypatch.setattr(
        "duration_assets.resources.training_run._was_made_by_another", lambda error: False
    )
    with logging_in_between(early), pytest.raises(MlflowException, match="UNIQUE constraint"):
        late.log_inputs(SECOND, "source")


def test_another_refusal_of_inputs_is_raised_at_once(
    trainings: tuple[TrainingRun, TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    _, late = trainings
    calls: list[object] = []

    def refuse(*arguments: object) -> None:
        calls.append(arguments)
        raise MlflowException("the disk is full")

    monkeypatch.setattr(late._client, "log_inputs", refuse)
    with pytest.raises(MlflowException, match="disk is full"):
        late.log_inputs(SECOND, "source")
    assert len(calls) == 1
