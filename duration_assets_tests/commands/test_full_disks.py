"""A disk that is really full: a small file system of its own under one folder of the home."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from duration_assets_tests.command_line import State, Workplace

SIZE = 16 << 20
ALMOST_NOTHING = 100 << 10


@contextmanager
def full_disk(folder: Path, left: int = 0) -> Iterator[None]:
    """Put what is in a folder on a disk of its own, with so many bytes left."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = TemporaryDirectory()
    shutil.copytree(folder, kept.name, dirs_exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(kept.name, folder, dirs_exist_ok=True)
        with (folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(folder).free - left)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        kept.cleanup()


@pytest.fixture(autouse=True)
def root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")


@pytest.mark.parametrize(
    ("place", "left", "made", "failed_runs"),
    [
        ("home/store/green/raw_trips", 0, "", 0),
        ("home/store/green/metered/training_matrix", 0, "data and preprocessor", 0),
        ("home/store/green/metered/duration_model", 0, "data and matrix", 1),
        ("home/mlartifacts", 0, "data and matrix", 1),
        ("home/dagster", ALMOST_NOTHING, "", 0),
        ("home", 0, "", 0),
    ],
)
def test_a_full_disk_is_named_and_leaves_everything_as_it_was(
    place: str, left: int, made: str, failed_runs: int, workplace: Workplace
) -> None:
    data = {f"green/{name}/2023-03" for name in ("raw_trips", "cleaned_trips", "zone_statistics")}
    preprocessor = {*data, "green/metered/preprocessor/2023-02"}
    partitions = {
        "": set(),
        "data and preprocessor": preprocessor,
        "data and matrix": {*preprocessor, "green/metered/training_matrix/2023-02"},
    }[made]
    before = State.of(workplace)
    with full_disk(workplace.folder / place, left):
        done = workplace.train(2)
        before.check_kept(workplace, made=partitions, failed_runs=failed_runs)
    assert "The disk is full: " in done.message
    assert f"{workplace.folder / place}" in done.message
    assert "could not be written" in done.message


def test_a_full_disk_under_mlflows_database_is_named(workplace: Workplace) -> None:
    elsewhere = workplace.folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(workplace.database, elsewhere / "mlflow.db")
    before = State.of(workplace)
    with full_disk(elsewhere):
        done = workplace.train(2, MLFLOW_TRACKING_URI=f"sqlite:///{elsewhere / 'mlflow.db'}")
    assert f"The disk is full: {elsewhere} could not be written" in done.message
    assert workplace.run_ids() == before.run_ids
    assert "green/metered/duration_model/2023-02" not in workplace.manifests()


def test_a_full_disk_under_the_working_folder_says_that_the_model_is_trained(
    workplace: Workplace,
) -> None:
    here = workplace.folder / "here"
    with full_disk(here):
        said = workplace.train(1, folder=here).message
        assert [path.name for path in here.rglob("*") if path.is_file()] == ["filler"]
    assert "The model is trained, but run_id.txt and models/preprocessor.b cannot be" in said
    assert f"the working folder {here} (No space left on device)" in said
