from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.lineage import Node
from duration_assets.months import Month
from duration_assets.partition_states import State, StoreView, partition_states
from duration_assets_tests.automation.world import World, world_of_three_months

MONTHS = list(Month(2022, 12).through(Month(2023, 4)))
CLEANED, MODEL = "green/cleaned_trips", "green/metered/duration_model"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of_three_months(tmp_path) as world:
        yield world


def states(world: World, *nodes: Node) -> dict[tuple[str, Month], State]:
    every = nodes or tuple(world.nodes.values())
    return partition_states(world.settings, world.instance, world.store, every, MONTHS)


def state(world: World, key: str, month: str) -> State:
    return states(world)[key, Month.parse(month)]


def test_what_was_made_from_what_there_is_now_is_current(world: World) -> None:
    assert set(states(world).values()) == {State.CURRENT}


def test_only_the_partitions_of_an_asset_are_looked_at(world: World) -> None:
    evaluation = world.nodes["green/metered/evaluation"]
    assert [str(month) for _, month in states(world, evaluation)] == ["2023-02", "2023-03"]


def test_what_no_run_was_ever_to_make_is_missing(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        assert set(states(World(tmp_path, instance)).values()) == {State.MISSING}


def test_a_changed_month_leaves_stale_what_was_made_from_it(world: World) -> None:
    world.publish("2023-03", "published again")
    stale = {key for key, value in states(world).items() if value is State.STALE}
    march = Month(2023, 3)
    assert stale == {
        ("green/metered/preprocessor", march),
        ("green/metered/training_matrix", march),
        ("green/metered/validation_matrix", march),
        ("green/metered/champion", march),
    }


def test_what_other_code_made_is_stale(world: World) -> None:
    changed = replace(world.nodes[CLEANED], code_version="another")
    assert set(states(world, changed).values()) == {State.STALE}


def test_a_partition_of_a_run_that_starts_or_works_is_in_progress(world: World) -> None:
    world.begin("2023-02", world.nodes[MODEL], status=dg.DagsterRunStatus.STARTING)
    world.begin("2023-03", world.nodes[MODEL])
    assert state(world, MODEL, "2023-01") is State.CURRENT
    assert state(world, MODEL, "2023-02") is State.IN_PROGRESS
    assert state(world, MODEL, "2023-03") is State.IN_PROGRESS


def test_a_partition_whose_last_run_failed_is_failed_until_it_is_made(world: World) -> None:
    run = world.begin("2023-02", world.nodes[MODEL])
    world.instance.report_run_failed(run)
    assert state(world, MODEL, "2023-02") is State.FAILED
    world.make(world.nodes[MODEL], "2023-02")
    assert state(world, MODEL, "2023-02") is State.CURRENT


def test_a_partition_whose_run_was_cancelled_is_what_it_was_before(world: World) -> None:
    run = world.begin("2023-02", world.nodes[MODEL])
    world.instance.report_run_canceled(run)
    assert state(world, MODEL, "2023-02") is State.CURRENT


def test_a_month_that_a_blocking_rule_refuses_is_failed(world: World) -> None:
    world.make(world.nodes[CLEANED], "2023-02", kept=0)
    assert state(world, CLEANED, "2023-02") is State.FAILED


def test_a_damaged_partition_is_failed_and_the_others_are_still_looked_at(world: World) -> None:
    (world.store.root / CLEANED / "2023-02" / "manifest.json").write_text("{")
    found = states(world)
    assert found[CLEANED, Month(2023, 2)] is State.FAILED
    assert found[CLEANED, Month(2023, 3)] is State.CURRENT


def test_a_view_of_the_store_stays_what_it_was(world: World) -> None:
    month = Month(2023, 2)
    view = StoreView(world.store)
    before = view.find(CLEANED, month)
    world.make(world.nodes[CLEANED], "2023-02", rows=10)
    assert view.find(CLEANED, month) == before
    assert world.store.find(CLEANED, month) != before
