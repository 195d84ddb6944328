"""What Dagster is told to make: pinned here, because it rests on Dagster's own parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill

from duration_assets.backfills.launching import (
    REQUEST_TAG,
    cancel,
    launch,
    mark_canceled,
    open_backfills,
    runs_of,
    targets,
)
from duration_assets.backfills.planning import (
    GROUPS,
    BackfillPlan,
    Request,
    Unit,
    nodes_by_group,
    plan_backfill,
)
from duration_assets.definitions import build_definitions
from duration_assets.months import Month
from duration_assets.resources.store import Store
from duration_assets.settings import Settings
from duration_assets_tests.months import settings_for


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "home", tmp_path / "source", last_month="2023-12", window=3)


@pytest.fixture
def plan(settings: Settings) -> BackfillPlan:
    """Everything of January to June."""
    request = Request("green", "metered", Month(2023, 1), Month(2023, 6))
    return plan_backfill(request, settings, Store(settings.home / "store"), {})


def test_a_backfill_makes_exactly_what_was_planned(
    instance: dg.DagsterInstance, settings: Settings, plan: BackfillPlan
) -> None:
    backfill_id = launch(instance, settings, plan)

    (backfill,) = open_backfills(instance)
    assert backfill.backfill_id == backfill_id
    assert targets(backfill) == plan.partitions
    assert backfill.tags[REQUEST_TAG] == str(plan.request)


def test_months_with_gaps_between_them_stay_apart(
    instance: dg.DagsterInstance, settings: Settings, plan: BackfillPlan
) -> None:
    model: tuple[str, ...] = ("green/metered/duration_model",)
    gaps = {Unit("models", Month(2023, month)): model for month in (1, 4)}
    launch(instance, settings, BackfillPlan(plan.request, gaps))

    (backfill,) = open_backfills(instance)
    assert {str(month) for _, month in targets(backfill)} == {"2023-01", "2023-04"}


def test_a_canceled_backfill_is_not_open_any_more(
    instance: dg.DagsterInstance, settings: Settings, plan: BackfillPlan
) -> None:
    backfill_id = launch(instance, settings, plan)

    assert cancel(instance, backfill_id)
    mark_canceled(instance, backfill_id)
    assert open_backfills(instance) == []
    assert runs_of(instance, backfill_id) == []


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")
@pytest.mark.parametrize("group", GROUPS)
def test_one_group_picked_in_the_web_ui_makes_exactly_the_months_picked(
    instance: dg.DagsterInstance, settings: Settings, group: str
) -> None:
    nodes = nodes_by_group("green", "metered", settings)[group]
    backfill: PartitionBackfill = PartitionBackfill.from_asset_partitions(
        backfill_id="picked",
        asset_graph=build_definitions(settings).resolve_asset_graph(),
        partition_names=["2023-03", "2023-04", "2023-07"],
        asset_selection=[dg.AssetKey(node.key.split("/")) for node in nodes],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )

    assert targets(backfill) == {
        (node.key, Month(2023, month)) for node in nodes for month in (3, 4, 7)
    }
