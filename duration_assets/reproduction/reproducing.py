"""The reproduction of a model: read, train again, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from duration_assets.data_versions import model_content
from duration_assets.disk_space import full_disk_error, is_full_disk
from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.training_record import TrainingRecord
from duration_assets.progress import Progress
from duration_assets.reproduction.comparing import Difference, differences, first_different_tree
from duration_assets.reproduction.kept_files import kept_files
from duration_assets.reproduction.training_again import train_again
from duration_assets.resources.logged_training import fetch_model, read_record
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

Announce = Callable[[TrainingRecord], None]
"""Told of the training before it is repeated."""

SCRATCH_PREFIX = "duration-reproduce-"


@dataclass(frozen=True)
class Reproduction:
    """What became of training a model again.

    Attributes:
        logged: the training that was repeated.
        made: the one that repeated it.
        same: whether the models are the same.
        first_difference: the first tree that differs, counted from 1; None if none does.
        differences: what differs between the two trainings; with the same model too.
    """

    logged: TrainingRecord
    made: TrainingRecord
    same: bool
    first_difference: int | None
    differences: list[Difference]


def reproduce(
    settings: Settings, run_id: str, progress: Progress, announce: Announce
) -> Reproduction:
    """Train the model of an MLflow run again, and compare the two.

    Args:
        settings: say where the home and MLflow's store are. Service, months and what shapes a
            model come from the run.
        run_id: the run of the training.
        progress: shows how far it is.
        announce: told what is trained again.

    Raises:
        DurationError: if it cannot be tried, saying what is missing.
    """
    logged = read_record(settings.tracking_uri, run_id)
    published = kept_files(settings.home, Store(settings.home / "store"), logged)
    announce(logged)
    with _scratch_folder() as folder:
        made = train_again(logged, published, folder, progress, settings)
        found = differences(logged, made)
        if made.content == logged.content:
            return Reproduction(logged, made, True, None, found)
        before, rewritten = folder / "before", folder / "rewritten"
        before.mkdir()
        rewritten.mkdir()
        fetch_model(settings.tracking_uri, run_id, before)
        # Another version of a library may write the same model in other bytes.
        DurationModel.load(before).save(rewritten)
        same = model_content(rewritten) == made.content
        first = None if same else first_different_tree(before, folder)
        return Reproduction(logged, made, same, first, found)


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards, however that comes.

    Raises:
        StoreError: if its disk is full.
    """
    with TemporaryDirectory(prefix=SCRATCH_PREFIX) as folder:
        try:
            yield Path(folder)
        except (OSError, pl.exceptions.PolarsError) as error:
            if not is_full_disk(error):
                raise
            place = f"{folder} (TMPDIR can be set to a folder on another disk)"
            raise full_disk_error(place) from error
