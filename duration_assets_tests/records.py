"""What a home's Dagster and store say of what was made, for tests that look at whole homes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from duration_assets.lineage import Node, all_nodes
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.store import Store
from duration_assets.settings import Settings

_LOOK_EVERY = 2.0


@dataclass(frozen=True)
class Made:
    """A run that has made a group of assets for a month, or tried to.

    Attributes:
        group: `data`, `models` or `evaluations`.
        month: its partition.
        status: how it ended.
    """

    group: str
    month: str
    status: str

    @property
    def has_ended(self) -> bool:
        """Whether it neither waits nor works."""
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


class Records:
    """Reads a home while others write it."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self.settings = settings
        self.store = Store(settings.home / "store")
        self.nodes = {node.key: node for node in all_nodes(settings)}

    def runs(self) -> list[Made]:
        """Return every run there was, by what it was asked to make."""
        assert self.settings.dagster_home is not None
        with dg.DagsterInstance.from_config(str(self.settings.dagster_home)) as instance:
            runs = instance.get_runs()
        return [
            Made(self._group_of(run), run.tags["dagster/partition"], run.status.value)
            for run in runs
        ]

    def busy(self) -> bool:
        """Say whether any run waits or works."""
        return any(not run.has_ended for run in self.runs())

    def current(self, name: str) -> list[str]:
        """Return the months for which an asset is current, by the last part of its key."""
        (node,) = (node for key, node in self.nodes.items() if key.rpartition("/")[2] == name)
        first = self.settings.first_month_of("green")
        return [
            str(month)
            for month in self.store.months(node.key)
            if is_current(node, month, first, self.store)
        ]

    def wait_until(self, name: str, months: Iterable[Month], seconds: float) -> None:
        """Wait until an asset is current for months.

        Raises:
            AssertionError: if that takes longer.
        """
        wanted = {str(month) for month in months}
        give_up = time.monotonic() + seconds
        while left := wanted - set(self.current(name)):
            assert time.monotonic() < give_up, f"{name} is not made for {sorted(left)}"
            time.sleep(_LOOK_EVERY)

    def wait_until_quiet(self, quiet: float, seconds: float) -> None:
        """Wait until no run has waited or worked for some time.

        Raises:
            AssertionError: if that takes longer.
        """
        give_up, since, count = time.monotonic() + seconds, time.monotonic(), -1
        while time.monotonic() < since + quiet:
            assert time.monotonic() < give_up, "it does not come to rest"
            runs = self.runs()
            if len(runs) != count or any(not run.has_ended for run in runs):
                since, count = time.monotonic(), len(runs)
            time.sleep(_LOOK_EVERY)

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many runs of each group ended in each way."""
        return Counter((run.group, run.status) for run in self.runs())

    def versions(self) -> dict[tuple[str, str], str]:
        """Return what stands for the content of every partition, whoever made it and when."""
        return {
            (key, str(month)): _content(self.store, node, month)
            for key, node in self.nodes.items()
            for month in self.store.months(key)
        }

    def _group_of(self, run: dg.DagsterRun) -> str:
        for key in run.asset_selection or ():
            return self.nodes[key.to_user_string()].group
        return run.job_name.rpartition("_")[2]


def _content(store: Store, node: Node, month: Month) -> str:
    found = store.require(node.key, month, "the test")
    # Each training has an MLflow run of its own, which is part of the model's version.
    return str(found.summary.get("content", found.data_version))


def publish(file: Path, folder: Path) -> None:
    """Publish a file as a careful publisher does: under another name first."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{file.name}.part"
    unfinished.write_bytes(file.read_bytes())
    unfinished.rename(folder / file.name)
