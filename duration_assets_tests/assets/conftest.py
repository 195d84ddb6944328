from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
