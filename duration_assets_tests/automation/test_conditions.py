from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from duration_assets_tests.automation.world import Asked, World

MODEL_GROUP = ("preprocessor", "training_matrix", "duration_model")
JUDGING_GROUP = ("validation_matrix", "evaluation")


@pytest.fixture
def world(tmp_path: Path, own_instance: dg.DagsterInstance) -> World:
    """Half a year of months, with windows of three."""
    return World(tmp_path, own_instance, last_month="2023-07", window=3)


def models(*months: str) -> Asked:
    return {(name, month) for name in MODEL_GROUP for month in months}


def evaluations(*months: str) -> Asked:
    return {(name, month) for name in JUDGING_GROUP for month in months}


def judged(*months: str) -> Asked:
    """What follows from an evaluation too: it is asked for when that is made."""
    return evaluations(*months) | {("champion", month) for month in months}


def land(world: World, *months: str) -> Asked:
    for month in months:
        world.publish(month)
    return world.settle()


FIRST_HALF = tuple(f"2023-{number:02d}" for number in range(1, 7))


def test_a_landed_month_is_carried_on_to_its_model_in_one_tick(world: World) -> None:
    world.publish("2023-01")

    assert world.look_and_make() == models("2023-01")


def test_a_model_is_judged_when_the_next_month_is_there(world: World) -> None:
    land(world, "2023-01")

    assert land(world, "2023-02") == models("2023-02") | judged("2023-02")


def test_six_months_at_once_make_every_model_and_every_evaluation_once(world: World) -> None:
    assert land(world, *FIRST_HALF) == models(*FIRST_HALF) | judged(*FIRST_HALF[1:])


def test_a_window_waits_for_a_month_that_is_missing_in_it(world: World) -> None:
    asked = land(world, "2023-01", "2023-03")

    assert asked == models("2023-01")
    assert land(world, "2023-02") == models("2023-02", "2023-03") | judged("2023-02", "2023-03")


def test_a_month_that_arrives_years_late_is_carried_on_too(
    tmp_path: Path, own_instance: dg.DagsterInstance
) -> None:
    world = World(tmp_path, own_instance, first_month="2021-01", last_month="2023-03", window=1)
    land(world, "2023-01", "2023-02")

    assert land(world, "2021-01") == models("2021-01")


def test_the_same_bytes_again_ask_for_nothing(world: World) -> None:
    land(world, *FIRST_HALF)

    assert land(world, *FIRST_HALF) == set()


def test_a_changed_month_redoes_every_window_that_holds_it_and_what_judges_on_it(
    world: World,
) -> None:
    land(world, *FIRST_HALF)

    world.publish("2023-02", "published again")

    assert world.settle() == models("2023-02", "2023-03", "2023-04") | judged(
        "2023-02", "2023-03", "2023-04", "2023-05"
    )


def test_a_failed_model_is_not_asked_for_again_until_something_it_reads_changes(
    world: World,
) -> None:
    world.publish("2023-01")
    assert world.look() == models("2023-01")
    world.fail("green/metered/preprocessor", "2023-01")

    assert [world.look() for _ in range(3)] == [set(), set(), set()]
    world.publish("2023-01", "published again")
    assert world.settle() == models("2023-01")


def test_a_failed_model_is_judged_once_a_person_has_made_it(world: World) -> None:
    land(world, "2023-01")
    world.publish("2023-02")
    assert world.look() == models("2023-02") | evaluations("2023-02")
    world.fail("green/metered/validation_matrix", "2023-02")
    assert world.look() == set()

    for name in MODEL_GROUP:
        world.make(world.nodes[f"green/metered/{name}"], "2023-02")
    world.publish("2023-03")

    assert world.settle() == models("2023-03") | judged("2023-03")


def test_months_out_of_order_end_with_everything_made(world: World) -> None:
    everything: Asked = set()
    for month in reversed(FIRST_HALF):
        everything |= land(world, month)

    assert everything == models(*FIRST_HALF) | judged(*FIRST_HALF[1:])


def test_three_years_at_once_are_each_asked_for_once(
    tmp_path: Path, own_instance: dg.DagsterInstance
) -> None:
    months = [f"{year}-{number:02d}" for year in (2021, 2022, 2023) for number in range(1, 13)]
    world = World(tmp_path, own_instance, first_month="2021-01", last_month="2023-12", window=12)

    assert land(world, *months) == models(*months) | judged(*months[1:])


def test_what_a_run_makes_while_the_automation_looks_is_not_asked_for_again(world: World) -> None:
    raw, *others = (node for node in world.nodes.values() if node.group == "data")
    world.published["2023-01"] = "as first published"
    world.begin("2023-01", raw, *others)
    world.make(raw, "2023-01")

    def go_on() -> None:
        for node in others:
            world.make(node, "2023-01")

    assert world.look(go_on) == set()
    assert world.look() == models("2023-01")


def test_what_a_run_ends_with_while_the_automation_looks_is_not_asked_for_again(
    world: World,
) -> None:
    land(world, "2023-01")
    first, *others = (world.nodes[f"green/metered/{name}"] for name in MODEL_GROUP)
    world.publish("2023-01", "published again")
    world.begin("2023-01", first, *others)
    assert world.look() == set()
    world.make(first, "2023-01")
    assert world.look() == set()

    def go_on() -> None:
        for node in others:
            world.make(node, "2023-01")

    assert world.look(go_on) == set()
    assert world.look() == set()


def test_what_was_made_without_what_follows_is_carried_on_a_tick_later(world: World) -> None:
    land(world, "2023-01")
    world.published["2023-01"] = "published again"
    world.make(world.nodes["green/raw_trips"], "2023-01")

    assert world.look() == set()
    assert world.look() == {("cleaned_trips", "2023-01"), ("zone_statistics", "2023-01")}
