"""Which model predicts a file of trips."""

from __future__ import annotations

from duration_assets.predicting import choose_model
from duration_assets.resources.registry import Registry
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY
from duration_assets_tests.registered import NAME


def test_a_model_of_the_store_is_known_without_the_registry(trained: Home) -> None:
    model = trained.store.require("green/course/duration_model", FEBRUARY, "the test")
    registered = Registry.of(trained.settings).version_of_run(NAME, model.summary["run_id"])
    unreachable = trained.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:1"})
    chosen = choose_model(unreachable, "green", "course", training_month=FEBRUARY)
    assert chosen.registered == registered
    assert chosen.version == f"{NAME}/{registered.version}"
