"""A home of its own for a test, with a source folder and what a training in it announced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from duration_assets.home import open_home
from duration_assets.months import Month
from duration_assets.resources.mlflow_access import import_mlflow
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.running import Trained, train
from duration_assets.settings import Settings
from duration_assets_tests.months import (
    FEBRUARY,
    settings_for,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


class ReadableTracking(Tracking):
    """Tracking whose store a test can look into."""

    def _client(self) -> MlflowClient:
        client: MlflowClient = import_mlflow().MlflowClient(self.tracking_uri)
        return client


class Home:
    """A home with a source folder, and what a training in it announced."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.source = folder / "source"
        self.settings: Settings = settings_for(folder / "home", self.source, **changes)
        self.made: list[tuple[str, str]] = []

    @property
    def store(self) -> Store:
        return Store(self.settings.home / "store")

    @property
    def tracking(self) -> ReadableTracking:
        return ReadableTracking(
            self.settings.tracking_uri, home=self.settings.home, ui_url="http://localhost:5000"
        )

    def train(
        self, month: Month = FEBRUARY, feature_set: str = "metered", force: bool = False
    ) -> Trained:
        self.made = []

        def announce(_group: str, month: Month, assets: tuple[str, ...]) -> None:
            self.made += [(asset.rpartition("/")[2], str(month)) for asset in assets]

        with open_home(self.settings) as instance:
            return train(
                self.settings, instance, "green", feature_set, month, announce, force=force
            )

    def running_mlflow_runs(self) -> list[str]:
        client = self.tracking._client()
        experiments = [each.experiment_id for each in client.search_experiments()]
        runs = client.search_runs(experiments)
        return [run.info.run_id for run in runs if run.info.status == "RUNNING"]

    def half_written(self) -> list[Path]:
        return [path for path in self.store.root.glob("*/**/.*") if "locks" not in str(path)]
