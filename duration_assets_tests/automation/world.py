"""Months as automation sees them: data versions that change, with no trips behind them.

A partition's version is made from the versions of what it reads, as the real ones are, so that the
conditions can be watched over years of months in a moment. The store holds each partition's
manifest, and no files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.declarative_automation.automation_condition_evaluator import (
    AutomationConditionEvaluator,
)

from duration_assets.definitions import build_definitions, job_name
from duration_assets.errors import MissingPartitionError
from duration_assets.lineage import Node, all_nodes
from duration_assets.months import Month
from duration_assets.resources.partition import partition_name
from duration_assets.resources.store import Store
from duration_assets.settings import Settings
from duration_assets_tests.months import GOOD_MONTH, settings_for

Asked = set[tuple[str, str]]
"""Assets and months, by the last part of the asset's key: `("cleaned_trips", "2023-01")`."""


@contextmanager
def world_of_three_months(folder: Path) -> Iterator[World]:
    """Make a world in which three months are made to the last evaluation, with windows of two."""
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        world = World(folder, instance, last_month="2023-03", window=2)
        world.make_everything("2023-01", "2023-02", "2023-03")
        yield world


class World:
    """Published months, what was made from them, and an automation that looks now and then."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, **changes: object) -> None:
        """Begin with nothing published and nothing made."""
        self.settings: Settings = settings_for(folder / "home", folder / "source", **changes)
        self.instance = instance
        self.definitions = build_definitions(self.settings)
        self.nodes = {node.key: node for node in all_nodes(self.settings)}
        self.published: dict[str, str] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.store = Store(self.settings.home / "store")
        self.cursor: Any = None
        self.look()

    def publish(self, month: str, content: str = "as first published") -> None:
        """Publish a month, and let the sensor's run make the data of it."""
        self.published[month] = content
        for node in self.nodes.values():
            if node.group == "data":
                self.make(node, month)

    def make_everything(self, *months: str) -> None:
        """Publish months, and make what can be made of them, with no automation."""
        for month in months:
            self.publish(month)
            for node in self.nodes.values():
                if node.group != "data" and node.first_month <= Month.parse(month):
                    self.make(node, month)

    def make(self, node: Node, month: str, **summary: object) -> None:
        """Make a partition, with the version that follows from what it reads."""
        self.finish(node, month, self.inputs(node, month), **summary)

    def inputs(self, node: Node, month: str) -> dict[str, str]:
        """Return the version of each partition that one would be made from now."""
        inputs = node.inputs(Month.parse(month), self.settings.first_month_of("green"))
        return {
            partition_name(key, upstream): self.versions[key, str(upstream)]
            for key, upstream in inputs
        }

    def finish(self, node: Node, month: str, inputs: dict[str, str], **summary: object) -> None:
        """Report a partition as made from what its inputs were when its run began."""
        text = " ".join(inputs.values()) or self.published[month]
        version = hashlib.sha256(f"{node.key} {month} {text}".encode()).hexdigest()
        self.versions[node.key, month] = version
        with self.store.writing(node.key, Month.parse(month)) as draft:
            draft.commit(
                data_version=version,
                code_version=node.code_version,
                inputs=inputs,
                summary={**GOOD_MONTH, **summary},
                simulated=True,
            )
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(node.key.split("/")),
                partition=month,
                tags={DATA_VERSION_TAG: self.versions[node.key, month]},
            )
        )

    def begin(
        self, month: str, *nodes: Node, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
    ) -> dg.DagsterRun:
        """Let a run of assets of one group begin."""
        return self.instance.create_run_for_job(
            self.definitions.resolve_job_def(job_name(nodes[0])),
            status=status,
            tags={"dagster/partition": month},
            asset_selection=frozenset(dg.AssetKey(node.key.split("/")) for node in nodes),
        )

    def fail(self, key: str, month: str) -> None:
        """Let a run of one asset fail: nothing is in its store."""
        job = self.definitions.resolve_job_def(job_name(self.nodes[key]))
        try:
            job.execute_in_process(
                partition_key=month,
                instance=self.instance,
                asset_selection=[dg.AssetKey(key.split("/"))],
            )
        except MissingPartitionError:
            return
        raise AssertionError(f"{key} for {month} was made from nothing")

    def look(self, meanwhile: Callable[[], None] = lambda: None) -> Asked:
        """Return what is asked for at one tick of the automation.

        Args:
            meanwhile: what happens after the tick has read which assets were updated, and before
                it asks which are being made.
        """
        read = AutomationConditionEvaluator.prefetch

        def read_before(evaluator: AutomationConditionEvaluator) -> None:
            read(evaluator)
            meanwhile()

        with patch.object(AutomationConditionEvaluator, "prefetch", read_before):
            result = dg.evaluate_automation_conditions(
                self.definitions,
                self.instance,
                asset_selection=dg.AssetSelection.all(),
                cursor=self.cursor,
            )
        self.cursor = result.cursor
        return {
            (key.rpartition("/")[2], month)
            for key in self.nodes
            for month in result.get_requested_partitions(dg.AssetKey(key.split("/")))
            if month is not None
        }

    def look_and_make(self) -> Asked:
        """Look, and make what was asked for; two looks later nothing is left to ask for."""
        asked = self.look()
        for node in self.nodes.values():
            for name, month in sorted(asked):
                if node.key.rpartition("/")[2] == name:
                    self.make(node, month)
        return asked

    def settle(self) -> Asked:
        """Look and make until nothing more is asked for.

        Raises:
            AssertionError: if something is asked for twice.
        """
        everything: Asked = set()
        while asked := self.look_and_make():
            assert not asked & everything, f"asked for twice: {asked & everything}"
            everything |= asked
        assert not self.look(), "asked for after nothing was"
        return everything
