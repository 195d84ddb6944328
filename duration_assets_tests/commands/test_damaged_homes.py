"""Homes and MLflow stores that cannot be used as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from duration_assets_tests.command_line import State, Workplace
from duration_assets_tests.mlflow_server import free_port


def test_a_home_that_was_filled_from_another_source_is_kept_to_it(workplace: Workplace) -> None:
    before = State.of(workplace)
    other = str(workplace.folder / "other")
    said = workplace.train(1, DURATION_SOURCE=other).message
    assert f"The home {workplace.home} was filled from {workplace.source}" in said
    assert f"DURATION_SOURCE is now {other}. Set DURATION_SOURCE back" in said
    before.check_kept(workplace)


def test_an_mlflow_server_that_is_not_there_is_named_before_anything_is_made(
    tmp_path: Path,
) -> None:
    workplace = Workplace(tmp_path)
    address = f"http://127.0.0.1:{free_port()}"
    said = workplace.train(1, MLFLOW_TRACKING_URI=address).message
    assert f"MLflow cannot be reached at {address} (" in said
    assert "start its server, or unset MLFLOW_TRACKING_URI" in said
    assert workplace.manifests() == {}
    assert not (tmp_path / "run_id.txt").exists()


@pytest.mark.parametrize("content", ['{"asset": "gre', "{}"])
def test_a_damaged_manifest_is_named_with_what_to_remove(
    content: str, workplace: Workplace
) -> None:
    place = workplace.home / "store" / "green" / "raw_trips" / "2023-01"
    (place / "manifest.json").write_text(content)
    before = State.of(workplace)
    said = workplace.train(1).message
    assert f"{place / 'manifest.json'} is damaged (" in said
    assert f"remove the folder {place}, and green/raw_trips for 2023-01 is made again" in said
    before.check_kept(workplace)


def test_a_damaged_memory_of_the_source_is_named_with_what_to_do(workplace: Workplace) -> None:
    memory = workplace.home / "home.json"
    memory.write_text('{"source"')
    before = State.of(workplace)
    said = workplace.train(1).message
    assert f"{memory}, which says what source filled this home, is damaged (" in said
    assert f"If that was {workplace.source}, remove the file" in said
    before.check_kept(workplace)
