from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duration_assets_tests.command_line import Done, Workplace
from duration_assets_tests.months import simulated_folder


@pytest.fixture(scope="session")
def first_training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, Done]:
    """A workplace where 2023-01 was trained and judged on 2023-02, and what that printed."""
    workplace = Workplace(tmp_path_factory.mktemp("trained"))
    simulated_folder(workplace.source)
    done = workplace.train(1, "--json")
    assert done.code == 0, done.errors
    return workplace, done


@pytest.fixture
def workplace(first_training: tuple[Workplace, Done], tmp_path: Path) -> Workplace:
    """A copy of the workplace where 2023-01 was trained: 2023-03 is not landed yet."""
    return first_training[0].copy(tmp_path / "copy")


@pytest.fixture(scope="session")
def new_workplace(
    first_training: tuple[Workplace, Done], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Workplace]:
    """Makes further copies of it."""
    return lambda: first_training[0].copy(tmp_path_factory.mktemp("copies") / "copy")
