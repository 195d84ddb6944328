from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from duration_assets.data_versions import model_content
from duration_assets.errors import RegistryError
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.model_logging import example_trips
from duration_assets.months import Month
from duration_assets.resources.registry import (
    CHAMPION,
    PREVIOUS,
    RegisteredModel,
    Registry,
    registered_name,
)
from duration_assets_tests.months import GREEN
from duration_assets_tests.registered import NAME, register, registry_in, tiny_model, tracking_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store with two versions for all: making one takes seconds."""
    home = tmp_path_factory.mktemp("home")
    for number, month in enumerate(("2023-01", "2023-02")):
        register(home, month, tiny_model(5.0 + number), tmp_path_factory.mktemp("scratch"))
    tracking_in(home)._client().set_registered_model_alias(NAME, CHAMPION, "1")
    return home


def champion_of(registry: Registry) -> RegisteredModel:
    found = registry.holder_of(NAME, CHAMPION)
    assert found is not None
    return found


def test_importing_the_registry_imports_neither_mlflow_nor_dagster() -> None:
    code = (
        "import sys, duration_assets.resources.registry; "
        "print('mlflow' in sys.modules, 'dagster' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_the_holder_of_an_alias_says_what_it_was_trained_on(home: Path) -> None:
    found = champion_of(registry_in(home))
    run = tracking_in(home)._client().get_run(found.run_id)
    assert run.info.run_name == "green/course/2023-01"
    assert found == RegisteredModel(
        NAME, 1, found.run_id, "green", "course", Month(2023, 1), simulated=True
    )


def test_an_alias_that_moves_is_seen_at_the_next_look(home: Path) -> None:
    registry, client = registry_in(home), tracking_in(home)._client()
    assert champion_of(registry).version == 1
    client.set_registered_model_alias(NAME, CHAMPION, "2")
    assert champion_of(registry).training_month == Month(2023, 2)
    client.set_registered_model_alias(NAME, CHAMPION, "1")
    assert champion_of(registry).training_month == Month(2023, 1)


def test_nobody_holds_an_alias_that_was_never_given(home: Path) -> None:
    assert registry_in(home).holder_of(NAME, PREVIOUS) is None
    assert registry_in(home).holder_of(registered_name("green", "request"), CHAMPION) is None


def test_looking_into_a_home_without_a_store_makes_none(tmp_path: Path) -> None:
    registry = registry_in(tmp_path)
    assert registry.holder_of(NAME, CHAMPION) is None
    with pytest.raises(RegistryError, match="has no version of the MLflow run abc at"):
        registry.version_of_run(NAME, "abc")
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_found_by_the_run_of_its_training(home: Path) -> None:
    registry = registry_in(home)
    champion = champion_of(registry)
    assert registry.version_of_run(NAME, champion.run_id) == champion
    with pytest.raises(RegistryError, match="has no version of the MLflow run 0000 at"):
        registry.version_of_run(NAME, "0000")


def test_the_files_of_a_version_are_the_model_that_was_logged(home: Path, tmp_path: Path) -> None:
    registry = registry_in(home)
    folder = registry.folder_of(champion_of(registry))
    tiny_model(5.0).save(tmp_path)
    assert model_content(folder) == model_content(tmp_path)
    example = example_trips(GREEN, uses_distance=True)
    np.testing.assert_array_equal(
        DurationModel.load(folder).predict_published(example),
        tiny_model(5.0).predict_published(example),
    )


def test_the_files_of_a_version_are_fetched_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = Registry(registry_in(home).tracking_uri, home=tmp_path)
    champion = champion_of(fetching)
    name = f"1-{champion.run_id}"
    left_by_a_kill = tmp_path / "registered" / NAME / f".{name}.fetched"
    left_by_a_kill.mkdir(parents=True)
    (left_by_a_kill / "booster.ubj").write_bytes(b"half of it")
    folder = fetching.folder_of(champion)
    assert not left_by_a_kill.exists()
    monkeypatch.setattr(Registry, "_fetch", None)
    assert fetching.folder_of(champion) == folder == tmp_path / "registered" / NAME / name
    assert DurationModel.load(folder).service == GREEN


def test_a_version_whose_files_are_gone_is_named_and_leaves_no_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    register(tmp_path, "2023-01", tiny_model(), tmp_path_factory.mktemp("scratch"))
    client = tracking_in(tmp_path)._client()
    client.set_registered_model_alias(NAME, CHAMPION, "1")
    registry = registry_in(tmp_path)
    champion = champion_of(registry)
    for folder in tmp_path.glob("mlartifacts/*/models/*/artifacts/artifacts"):
        shutil.rmtree(folder)
    with pytest.raises(RegistryError, match=f"The files of {NAME}, version 1, are no longer"):
        registry.folder_of(champion)
    assert not list((tmp_path / "registered" / NAME).glob("1*"))


def test_a_registered_model_that_was_made_again_has_its_own_files(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    register(tmp_path, "2023-01", tiny_model(5.0), tmp_path_factory.mktemp("scratch"))
    registry, client = registry_in(tmp_path), tracking_in(tmp_path)._client()
    before = registry.version(NAME, 1)
    first = registry.folder_of(before)
    client.delete_registered_model(NAME)
    run_id = register(tmp_path, "2023-02", tiny_model(9.0), tmp_path_factory.mktemp("scratch"))
    after = registry.version(NAME, 1)
    assert (after.run_id, after.training_month) == (run_id, Month(2023, 2))
    assert model_content(registry.folder_of(after)) != model_content(first)


def test_a_version_that_no_training_of_the_project_registered_is_refused(
    tmp_path: Path,
) -> None:
    tracking = tracking_in(tmp_path)
    tracking.prepare()
    client = tracking._client()
    (experiment,) = client.search_experiments(filter_string="name = 'nyc-taxi-experiment'")
    run_id = client.create_run(experiment.experiment_id).info.run_id
    client.create_registered_model(NAME)
    client.create_model_version(NAME, str(tmp_path), run_id)
    client.set_registered_model_alias(NAME, CHAMPION, "1")
    with pytest.raises(RegistryError, match="was not registered by a training of this project"):
        registry_in(tmp_path).holder_of(NAME, CHAMPION)
