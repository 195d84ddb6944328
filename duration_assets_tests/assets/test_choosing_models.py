"""Which model predicts a file of trips."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from duration_assets.errors import RegistryError
from duration_assets.predicting import choose_model
from duration_assets.resources.registry import Registry
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY
from duration_assets_tests.registered import NAME


def test_a_model_of_the_store_is_known_without_mlflow(
    trained: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained.store.require("green/course/duration_model", FEBRUARY, "the test")
    registered = Registry.of(trained.settings).version_of_run(NAME, model.summary["run_id"])
    monkeypatch.setattr(Registry, "version_of_run", _never)
    chosen = choose_model(trained.settings, "green", "course", training_month=FEBRUARY)
    assert chosen.registered == registered
    assert chosen.version == f"{NAME}/{registered.version}"


def test_another_mlflow_store_is_asked_what_it_knows_of_a_model(
    trained: Home, tmp_path: Path
) -> None:
    elsewhere = trained.settings.model_copy(
        update={"mlflow_tracking_uri": f"sqlite:///{tmp_path}/other.db"}
    )
    with pytest.raises(RegistryError, match="was the model trained with another"):
        choose_model(elsewhere, "green", "course", training_month=FEBRUARY)


def _never(*_: object) -> NoReturn:
    raise AssertionError("the registry was asked")
