from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from duration_assets_tests.assets.deciding import Deciding, trained_home, undecided
from duration_assets_tests.homes import Home
from duration_assets_tests.months import (
    simulated_folder,
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    simulated_folder(home.source)
    yield home
    assert home.half_written() == []
    assert home.running_mlflow_runs() == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, clean_session_environment: None) -> Home:
    """A home with three models, each judged on the month after: training takes seconds."""
    return trained_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def deciding(trained: Home) -> Iterator[Deciding]:
    """The same home, in which nothing was decided yet."""
    with undecided(trained) as deciding:
        yield deciding
