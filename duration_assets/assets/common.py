"""What the asset modules share: a lineage node in Dagster's terms, its inputs, its commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from duration_assets.assets.steps import Step, as_step
from duration_assets.automation.conditions import Condition
from duration_assets.errors import RefusedPartitionError
from duration_assets.lineage import Node
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.quality import blocking_problems
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month
from duration_assets.resources.partition import Draft, Partition
from duration_assets.resources.store import Store
from duration_assets.services import Service
from duration_assets.settings import Settings

OWNERS = ["team:duration_assets"]


@dataclass(frozen=True)
class Place:
    """Where in the graph an asset module builds its asset.

    Attributes:
        node: the asset.
        service: its service.
        settings: the settings.
        condition: when a partition is asked for by itself; None if a sensor asks for it.
    """

    node: Node
    service: Service
    settings: Settings
    condition: Condition | None = None

    @property
    def feature_set(self) -> str:
        """The name of the feature set, of an asset that has one."""
        _, name, _ = self.node.key.split("/")
        return name

    @property
    def first_month(self) -> Month:
        """The first month of the service's data."""
        return self.settings.first_month_of(self.service.name)

    @property
    def partitions(self) -> dg.MonthlyPartitionsDefinition:
        """The asset's partitions, by TLC's own month names."""
        return monthly(self.node.first_month, self.settings.last_month)

    @property
    def step(self) -> Callable[[Step], Step]:
        """The decorator of an asset's function, under Dagster's own."""
        return as_step(self.settings.home)

    def spec_options(self, description: str, kinds: set[str]) -> dict[str, Any]:
        """Return what every asset of the project says of itself."""
        note = f"\n\n{self.service.note}" if self.service.note else ""
        return {
            "key": dg.AssetKey.from_user_string(self.node.key),
            "group_name": self.node.group,
            "description": description + note,
            "kinds": kinds,
            "owners": OWNERS,
            "code_version": self.node.code_version,
            "automation_condition": self.condition,
            "deps": [
                dg.AssetDep(
                    dg.AssetKey.from_user_string(reads.asset),
                    partition_mapping=dg.TimeWindowPartitionMapping(
                        start_offset=reads.first,
                        end_offset=reads.last,
                        allow_nonexistent_upstream_partitions=True,
                    ),
                )
                for reads in self.node.reads
            ],
        }

    def inputs(self, month: Month, store: Store) -> dict[str, dict[Month, Partition]]:
        """Find everything that a partition is made from.

        Returns:
            By the last part of the asset's key, then by month, oldest first.

        Raises:
            MissingPartitionError: if a month is missing, naming it.
            RefusedPartitionError: if a month breaks a blocking rule, saying which.
        """
        found: dict[str, dict[Month, Partition]] = {}
        for asset, upstream in self.node.inputs(month, self.first_month):
            partition = store.require(asset, upstream, f"{self.node.key} for {month}")
            if problems := blocking_problems(asset, partition.summary):
                raise RefusedPartitionError(f"{asset} for {upstream}: {' '.join(problems)}")
            found.setdefault(asset.rpartition("/")[2], {})[upstream] = partition
        return found

    def beside(self, name: str) -> str:
        """Return the key of another asset of the same service and feature set."""
        return f"{self.node.key.rpartition('/')[0]}/{name}"

    def commit(
        self,
        draft: Draft,
        inputs: Mapping[str, Mapping[Month, Partition]],
        *,
        data_version: str,
        summary: Mapping[str, Any],
        simulated: bool = False,
    ) -> Partition:
        """Make a draft the partition."""
        read = [partition for months in inputs.values() for partition in months.values()]
        return draft.commit(
            data_version=data_version,
            code_version=self.node.code_version,
            inputs={partition.name: partition.data_version for partition in read},
            summary=summary,
            simulated=simulated or any(partition.simulated for partition in read),
        )


def monthly(first: Month, last: Month | None) -> dg.MonthlyPartitionsDefinition:
    """Return the partitions from one month to another, both included.

    Args:
        first: the first.
        last: the last; None for the last completed month, whenever Dagster looks: a daemon that
            runs for months gets its new months by itself.
    """
    end = None if last is None else str(last.shift(1))
    return dg.MonthlyPartitionsDefinition(start_date=str(first), end_date=end, fmt="%Y-%m")


def kept_trips(cleaned: Partition) -> MonthTrips:
    """Return the kept trips of a partition of `cleaned_trips`."""
    return MonthTrips(Month.parse(cleaned.month), cleaned.file(KEPT_FILE), cleaned.summary["kept"])


def month_of(context: dg.AssetExecutionContext) -> Month:
    """Return the month that a step is asked to make."""
    return Month.parse(context.partition_key)


def month_names(months: Sequence[Month]) -> list[str]:
    """Return the months as text."""
    return [str(month) for month in months]
