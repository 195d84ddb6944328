from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from duration_assets.automation.standing_check import look, review
from duration_assets.lineage import all_nodes
from duration_assets.months import Month
from duration_assets.partition_states import StoreView, partition_states
from duration_assets.settings import Settings
from duration_assets_tests.automation.world import World, world_of_three_months

PREPROCESSOR, MATRIX, MODEL = (
    f"green/metered/{name}" for name in ("preprocessor", "training_matrix", "duration_model")
)
MODEL_GROUP = {PREPROCESSOR, MATRIX, MODEL}
JUDGING_GROUP = {"green/metered/validation_matrix", "green/metered/evaluation"}


class Checked:
    """A world with a standing check that looks now and then."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.check_cursor: str | None = None
        self.reason = ""
        self.keys: list[str] = []

    def look(self) -> dict[str, set[str]]:
        """Return the assets that are asked for by job and month."""
        world = self.world
        found: Any = look(world.settings, world.instance, world.store, self.check_cursor)
        self.check_cursor = found.cursor
        self.reason = found.skip_reason.skip_message if found.skip_reason else ""
        self.keys += [request.run_key for request in found.run_requests]
        return {
            f"{request.job_name} {request.partition_key}": {
                key.to_user_string() for key in request.asset_selection
            }
            for request in found.run_requests
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of_three_months(tmp_path) as world:
        yield world


@pytest.fixture
def checked(world: World) -> Checked:
    return Checked(world)


def change_while_a_model_is_made(world: World, month: str) -> None:
    """Let a run of a month's model begin, that month change, and the run then end well."""
    nodes = [world.nodes[key] for key in (PREPROCESSOR, MATRIX, MODEL)]
    run = world.begin(month, *nodes)
    read = [world.inputs(node, month) for node in nodes[:2]]
    world.publish(month, "published again")
    assert world.look_and_make() == {("validation_matrix", month), ("evaluation", month)}
    for node, inputs in zip(nodes[:2], read, strict=True):
        world.finish(node, month, inputs)
    world.make(nodes[2], month)
    world.instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name), run.run_id
    )


def test_a_change_while_a_partition_is_made_is_asked_for_by_the_standing_check_alone(
    checked: Checked,
) -> None:
    world = checked.world
    world.settle()
    change_while_a_model_is_made(world, "2023-03")

    # What follows from the evaluation alone; of the model, the change counts as answered.
    assert world.settle() == {("champion", "2023-03")}
    assert checked.look() == {}
    assert checked.look() == {"green_metered_models 2023-03": MODEL_GROUP}


def test_nothing_is_asked_for_where_everything_is_current(checked: Checked) -> None:
    assert [checked.look() for _ in range(3)] == [{}, {}, {}]
    assert checked.reason == "Nothing was left failed or stale."


def test_what_was_left_stale_is_asked_for_at_the_second_look_and_once(checked: Checked) -> None:
    checked.world.publish("2023-03", "published again")

    assert checked.look() == {}
    assert "green/metered/preprocessor: 2023-03 is stale" in checked.reason
    expected = {
        "green_metered_models 2023-03": MODEL_GROUP,
        "green_metered_evaluations 2023-03": JUDGING_GROUP,
    }
    assert checked.look() == expected
    # Dagster makes no second run for a key that it has seen.
    assert checked.look() == expected
    assert len(set(checked.keys)) == 2


def test_a_month_that_goes_back_to_its_first_bytes_is_asked_for_again(checked: Checked) -> None:
    world = checked.world
    world.publish("2023-03", "published again")
    checked.look()
    checked.look()
    for key in (PREPROCESSOR, MATRIX, MODEL):
        world.make(world.nodes[key], "2023-03")
    world.publish("2023-03")
    before = set(checked.keys)
    checked.look()
    assert "green_metered_models 2023-03" in checked.look()
    assert len(set(checked.keys) - before) == 1


def test_what_is_being_made_or_waits_for_it_is_not_asked_for(checked: Checked) -> None:
    world = checked.world
    world.publish("2023-02", "published again")
    world.begin("2023-02", world.nodes[PREPROCESSOR], status=dg.DagsterRunStatus.STARTING)

    checked.look()
    # The evaluation of March judges the model of February.
    assert checked.look() == {
        "green_metered_models 2023-03": MODEL_GROUP,
        "green_metered_evaluations 2023-02": JUDGING_GROUP,
    }


def test_what_failed_is_named_with_its_run_and_not_asked_for(checked: Checked) -> None:
    world = checked.world
    world.publish("2023-03", "published again")
    run = world.begin("2023-03", *(world.nodes[key] for key in MODEL_GROUP))
    world.instance.report_run_failed(run)

    checked.look()
    assert set(checked.look()) == {"green_metered_evaluations 2023-03"}
    checked.world.make(world.nodes["green/metered/validation_matrix"], "2023-03")
    checked.world.make(world.nodes["green/metered/evaluation"], "2023-03")
    checked.look()
    assert f"green/metered/duration_model: 2023-03 failed (run {run.run_id[:8]})" in checked.reason


def test_a_refused_month_is_named_with_what_is_wrong(checked: Checked) -> None:
    checked.world.make(checked.world.nodes["green/cleaned_trips"], "2023-02", kept=0)

    checked.look()
    assert checked.look() == {}
    assert "green/cleaned_trips: 2023-02 was refused: None of its 9 rows is a trip" in (
        checked.reason
    )


def test_a_missing_month_in_a_window_is_waited_for(checked: Checked) -> None:
    world = checked.world
    world.publish("2023-03", "published again")
    (world.store.root / "green/zone_statistics" / "2023-02" / "manifest.json").unlink()

    checked.look()
    assert "green_metered_models 2023-03" not in checked.look()


def test_another_window_or_other_code_alone_asks_for_nothing(checked: Checked) -> None:
    world = checked.world
    other: Settings = world.settings.model_copy(update={"window": 3})
    nodes = [replace(node, code_version="another") for node in all_nodes(other)]
    months = [Month(2023, 1), Month(2023, 2), Month(2023, 3)]
    view = StoreView(world.store)
    states = partition_states(other, world.instance, view, nodes, months)
    assert {state.name for state in states.values()} == {"STALE"}
    assert review(other, nodes, states, view).stale == []


def test_of_three_years_only_what_a_changed_month_went_into_is_asked_for(tmp_path: Path) -> None:
    months = [f"{year}-{number:02d}" for year in (2021, 2022, 2023) for number in range(1, 13)]
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        world = World(tmp_path, instance, first_month="2021-01", last_month="2023-12", window=12)
        world.make_everything(*months)
        world.publish("2021-12", "published again")
        checked = Checked(world)
        assert checked.look() == {}
        assert len(checked.look()) == 12 + 1
