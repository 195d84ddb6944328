from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from duration_assets.assets import duration_model
from duration_assets.begun import StoppedError, begun
from duration_assets.errors import DurationError, TrackingError
from duration_assets.modelling import training
from duration_assets.progress import Report
from duration_assets.resources.tracking import Tracking
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY

PATIENCE = 30.0


def has_model(home: Home) -> bool:
    return home.store.find("green/metered/duration_model", FEBRUARY) is not None


def test_a_fit_is_stopped_where_its_mlflow_run_cannot_be_opened(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    def fit(parts: Any, threads: int, parameters: Any, report: Report) -> NoReturn:
        until = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < until:
                report(1, None)
        except StoppedError:
            stopped.append(True)
            raise
        raise AssertionError("nobody stopped the fit")

    def refuse(self: Tracking, **run: Any) -> NoReturn:
        raise TrackingError("the store is away")

    monkeypatch.setattr(training, "fit_parts", fit)
    monkeypatch.setattr(Tracking, "training_run", refuse)
    with pytest.raises(DurationError, match="the store is away"):
        home.train()
    assert stopped == [True]
    assert not has_model(home)
    assert home.half_written() == []


def test_no_environment_variable_is_added_or_removed_while_trees_are_fitted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    seen = []

    @contextmanager
    def watched(work: Any, report: Report) -> Iterator[Any]:
        names = set(os.environ)
        with begun(work, report) as coming:

            def result() -> Any:
                seen.append(set(os.environ) ^ names)
                return coming.result()

            yield SimpleNamespace(result=result)

    monkeypatch.setattr(duration_model, "begun", watched)
    home.train()
    assert seen == [set()]
    assert "MLFLOW_EXPERIMENT_ID" not in os.environ
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_fit_that_fails_leaves_no_model_and_no_mlflow_run_open(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(parts: Any, threads: int, parameters: Any, report: Report) -> NoReturn:
        raise MemoryError("trees need more")

    monkeypatch.setattr(training, "fit_parts", fit)
    with pytest.raises(MemoryError, match="trees need more"):
        home.train()
    assert not has_model(home)
    assert home.half_written() == []
    client = home.tracking._client()
    (experiment,) = client.search_experiments(filter_string="name = 'nyc-taxi-experiment'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
