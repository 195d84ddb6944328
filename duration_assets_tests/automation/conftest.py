"""Dagster's own records, which take seconds to make."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest


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
