"""A home with three models that are judged, for tests of decisions about them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from duration_assets.deciding import decide_by_hand
from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.months import Month
from duration_assets.resources.champion_history import (
    ChampionHistory,
    Decision,
)
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import REGISTERED_FOLDER, Registry
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder
from duration_assets_tests.registered import NAME

KEY = "green/course/champion"
APRIL = Month(2023, 4)


class Deciding:
    """Makes champions, and says what was decided."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.history = ChampionHistory(Registry.of(home.settings), NAME)

    def make(self, month: Month, **settings: object) -> Partition:
        changed = self.home.settings.model_copy(update=settings)
        job = build_definitions(changed).resolve_job_def("green_course_champions")
        job.execute_in_process(partition_key=str(month), instance=self.instance)
        return self.home.store.require(KEY, month, "the test")

    def by_hand(self, what: str, **config: object) -> Decision:
        return decide_by_hand(self.home.settings, self.instance, "green", "course", what, config)

    def decided(self) -> list[tuple[str, str]]:
        return [(each.month, str(each.outcome)) for each in self.history.read()]

    def version_in_dagster(self, month: Month) -> str | None:
        asked = dg.AssetRecordsFilter(dg.AssetKey(KEY.split("/")), asset_partitions=[str(month)])
        (record,) = self.instance.fetch_materializations(asked, limit=1).records
        made = record.asset_materialization
        return None if made is None or made.tags is None else made.tags[DATA_VERSION_TAG]

    def manifest(self, name: str, month: Month) -> Path:
        return self.home.store.root / "green/course" / name / str(month) / "manifest.json"

    @contextmanager
    def changed(self, name: str, month: Month, change: Callable[[str], str]) -> Iterator[None]:
        """Change what is known of a partition for a while."""
        manifest = self.manifest(name, month)
        text = manifest.read_text()
        assert change(text) != text
        manifest.write_text(change(text))
        try:
            yield
        finally:
            manifest.write_text(text)

    def aliases(self) -> dict[str, int]:
        client = self.home.tracking._client()
        return {
            alias: int(version)
            for alias, version in client.get_registered_model(NAME).aliases.items()
        }


def trained_home(folder: Path) -> Home:
    """A home with three models, each judged on the month after: training takes seconds."""
    home = Home(folder, feature_sets=["course"], last_month="2023-04")
    simulated_folder(home.source, JANUARY, FEBRUARY, MARCH, APRIL, rows=600)
    for month in (JANUARY, FEBRUARY, MARCH):
        home.train(month, "course")
    return home


@contextmanager
def undecided(trained: Home) -> Iterator[Deciding]:
    """The same home, in which nothing was decided yet."""
    client = trained.tracking._client()
    model = client.get_registered_model(NAME)
    for tag in model.tags:
        client.delete_registered_model_tag(NAME, tag)
    for alias in model.aliases:
        client.delete_registered_model_alias(NAME, alias)
    shutil.rmtree(trained.store.root / KEY, ignore_errors=True)
    shutil.rmtree(trained.settings.home / REGISTERED_FOLDER, ignore_errors=True)
    with open_home(trained.settings) as instance:
        yield Deciding(trained, instance)
    assert trained.half_written() == []
