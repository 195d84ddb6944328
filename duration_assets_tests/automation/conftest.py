"""Dagster's own records, which take seconds to make, and the sensor on a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets_tests.automation.sensing import Sensing


@pytest.fixture(scope="module")
def instance(
    tmp_path_factory: pytest.TempPathFactory, clean_session_environment: None
) -> Iterator[dg.DagsterInstance]:
    """Records that the tests of a module share, who make no runs with keys in them."""
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def own_instance(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dg.DagsterInstance]:
    """Records of one test alone."""
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source folder without months."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def sensing(tmp_path: Path, folder: Path, instance: dg.DagsterInstance) -> Sensing:
    """The sensor on that folder, and a home with nothing landed."""
    return Sensing(tmp_path / "home", folder, instance)
