from __future__ import annotations

import pytest

from duration_assets.months import Month
from duration_assets_tests.backtests.conftest import make_data
from duration_assets_tests.homes import Home
from duration_assets_tests.months import simulated_folder

FIRST, THROUGH = Month(2022, 8), Month(2023, 3)
MONTHS = (FIRST, Month(2022, 9), Month(2023, 2), THROUGH)
"""Two validation months half a year apart, and the month before each."""


@pytest.fixture(scope="module")
def tuning_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the simulated months that a search on two months reads, all of them cleaned."""
    home = Home(tmp_path_factory.mktemp("tuning"), first_month=str(FIRST), window=1, threads=1)
    simulated_folder(home.source, *MONTHS, rows=800)
    make_data(home.settings, MONTHS)
    return home
