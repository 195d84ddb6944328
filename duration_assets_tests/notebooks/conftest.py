from __future__ import annotations

import pytest

from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, simulated_folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two models of `metered` and one of `course`, for tests that only read."""
    home = Home(tmp_path_factory.mktemp("notebooks"))
    simulated_folder(home.source)
    home.train(JANUARY)
    home.train(FEBRUARY)
    Home(home.source.parent, feature_sets=["course"]).train(JANUARY, "course")
    return home
