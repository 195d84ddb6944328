from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.progress import BarProgress
from duration_assets.reproduction.reproducing import Reproduction, reproduce
from duration_assets.settings import Settings
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, simulated_folder

SAMPLE = 1_500


@dataclass(frozen=True)
class TrainedHome:
    """A home with a model of each feature set, and one of a sample; tests leave it as it is."""

    home: Home
    runs: dict[str, str]

    @property
    def settings(self) -> Settings:
        return self.home.settings


def again(settings: Settings, run_id: str) -> Reproduction:
    return reproduce(settings, run_id, BarProgress(), lambda _record: None)


def files(folder: Path) -> dict[str, str]:
    """Return what every file in a folder holds, by its path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> TrainedHome:
    folder = tmp_path_factory.mktemp("reproduced")
    home = Home(folder, feature_sets=list(FEATURE_SETS), threads=1)
    simulated_folder(home.source)
    runs = {name: home.train(FEBRUARY, name).run_id for name in FEATURE_SETS}
    whole = home.settings
    home.settings = whole.model_copy(update={"max_training_rows": SAMPLE})
    runs["sample"] = home.train(FEBRUARY, "request").run_id
    home.settings = whole
    return TrainedHome(home, runs)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for everything temporary, in which nothing may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def unchanged(trained_home: TrainedHome) -> Iterator[None]:
    """Check at the end of a test that nothing in the home changed."""
    before = files(trained_home.settings.home)
    yield
    assert files(trained_home.settings.home) == before
