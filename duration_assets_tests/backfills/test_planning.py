from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from duration_assets.backfills.planning import (
    ALL_GROUPS,
    GROUPS,
    BackfillPlan,
    Request,
    States,
    nodes_by_group,
    plan_backfill,
)
from duration_assets.commands.backfill import FURTHER_GROUP_NAMES, GROUP_NAMES
from duration_assets.errors import SettingsError
from duration_assets.lineage import CHAMPIONS, DATA, EVALUATIONS, MODELS, MONITORING
from duration_assets.months import Month, spans
from duration_assets.partition_states import State
from duration_assets.resources.store import Store
from duration_assets_tests.months import GOOD_MONTH, settings_for

ASSETS = {
    DATA: ("raw_trips", "cleaned_trips", "zone_statistics"),
    MODELS: ("preprocessor", "training_matrix", "duration_model"),
    EVALUATIONS: ("validation_matrix", "evaluation"),
    CHAMPIONS: ("champion",),
    MONITORING: ("predictions", "drift"),
}


class Shelf:
    """A store in which partitions are put without any files, with windows of three months."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_for(folder, folder, last_month="2023-12", window=3)
        self.store = Store(folder / "store")
        self.groups = nodes_by_group("green", "metered", self.settings)

    def put(self, group: str, *months: str, summary: dict[str, object] | None = None) -> None:
        """Put what a group makes of months into the store, as it is made from what is there."""
        first = self.settings.first_month_of("green")
        for month in map(Month.parse, months):
            for node in self.groups[group]:
                made_from = {
                    f"{key}@{each}": self.store.require(key, each, "a test").data_version
                    for key, each in node.inputs(month, first)
                }
                with self.store.writing(node.key, month) as draft:
                    draft.commit(
                        data_version=f"{node.key} {month}",
                        code_version=node.code_version,
                        inputs=made_from,
                        summary={**GOOD_MONTH, **(summary or {})},
                        simulated=False,
                    )

    def plan(
        self,
        first: str,
        last: str,
        *groups: str,
        failed: bool = False,
        force: bool = False,
        states: States | None = None,
    ) -> BackfillPlan:
        """Plan a backfill of all groups, or of those named."""
        request = Request(
            "green",
            "metered",
            Month.parse(first),
            Month.parse(last),
            groups or GROUPS,
            failed,
            force,
        )
        return plan_backfill(request, self.settings, self.store, states or {})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def asked(plan: BackfillPlan, group: str) -> list[str]:
    """Return the months of a group that are asked for whole."""
    found = {unit.month: keys for unit, keys in plan.asked.items() if unit.group == group}
    for keys in found.values():
        assert tuple(key.rpartition("/")[2] for key in keys) == ASSETS[group]
    return [str(month) for month in found]


def left_out(plan: BackfillPlan) -> dict[tuple[str, str], str]:
    return {(unit.group, str(unit.month)): why for unit, why in plan.left_out.items()}


def months(first: int, last: int) -> list[str]:
    return [f"2023-{number:02d}" for number in range(first, last + 1)]


def test_an_empty_home_is_asked_for_every_month_and_every_evaluation_but_the_first(
    shelf: Shelf,
) -> None:
    plan = shelf.plan("2023-01", "2023-06")

    assert asked(plan, DATA) == months(1, 6)
    assert asked(plan, MODELS) == months(1, 6)
    assert asked(plan, EVALUATIONS) == months(2, 6)
    assert left_out(plan) == {
        (EVALUATIONS, "2023-01"): "there is no month before it to train on",
    }
    assert plan.advice is None


def test_three_years_are_thirty_six_models_and_thirty_five_evaluations(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.settings = settings_for(
        tmp_path, tmp_path, first_month="2021-01", last_month="2023-12", window=12
    )
    plan = shelf.plan("2021-01", "2023-12")

    assert [len(asked(plan, group)) for group in GROUPS] == [36, 36, 35]
    assert len(plan.partitions) == 36 * 3 + 36 * 3 + 35 * 2


def test_what_is_current_is_not_asked_for_again(shelf: Shelf) -> None:
    shelf.put(DATA, *months(1, 3))
    shelf.put(MODELS, "2023-01", "2023-02")
    plan = shelf.plan("2023-01", "2023-04")

    assert asked(plan, DATA) == ["2023-04"]
    assert asked(plan, MODELS) == ["2023-03", "2023-04"]
    assert asked(plan, EVALUATIONS) == months(2, 4)
    assert [(unit.group, str(unit.month)) for unit in plan.current] == [
        (DATA, "2023-01"),
        (DATA, "2023-02"),
        (DATA, "2023-03"),
        (MODELS, "2023-01"),
        (MODELS, "2023-02"),
    ]


def test_a_backfill_that_is_done_asks_for_nothing_more(shelf: Shelf) -> None:
    shelf.put(DATA, *months(1, 3))
    shelf.put(MODELS, *months(1, 3))
    shelf.put(EVALUATIONS, *months(2, 3))

    assert shelf.plan("2023-01", "2023-03").asked == {}


def test_what_is_current_is_asked_for_where_that_is_wanted_but_files_are_not_landed_again(
    shelf: Shelf,
) -> None:
    shelf.put(DATA, *months(1, 2))
    shelf.put(MODELS, *months(1, 2))
    plan = shelf.plan("2023-01", "2023-02", force=True)

    assert asked(plan, MODELS) == months(1, 2)
    assert {key for key, _ in plan.partitions} == {
        f"green/{name}" for name in ASSETS[DATA] if name != "raw_trips"
    } | {f"green/metered/{name}" for name in (*ASSETS[MODELS], *ASSETS[EVALUATIONS])}


def test_every_window_that_holds_a_month_which_is_made_again_is_made_again_too(
    shelf: Shelf,
) -> None:
    shelf.put(DATA, *months(1, 6))
    shelf.put(MODELS, *months(1, 6))
    shelf.put(EVALUATIONS, *months(2, 6))
    found = shelf.store.require("green/zone_statistics", Month(2023, 2), "the test")
    (found.folder.parent / "manifest.json").unlink()
    plan = shelf.plan("2023-01", "2023-06")

    assert plan.partitions >= {("green/zone_statistics", Month(2023, 2))}
    assert ("green/cleaned_trips", Month(2023, 2)) not in plan.partitions
    assert asked(plan, MODELS) == months(2, 4)
    assert asked(plan, EVALUATIONS) == months(3, 5)


def test_a_window_that_reaches_before_the_first_month_asked_for_waits_and_says_for_what(
    shelf: Shelf,
) -> None:
    plan = shelf.plan("2023-04", "2023-07")

    assert asked(plan, DATA) == months(4, 7)
    assert asked(plan, MODELS) == months(6, 7)
    assert asked(plan, EVALUATIONS) == ["2023-07"]
    why = left_out(plan)
    assert why[MODELS, "2023-04"] == (
        "waits for zone_statistics of 2023-02 to 2023-03, cleaned_trips of 2023-02 to 2023-03"
    )
    assert why[EVALUATIONS, "2023-05"] == "waits for duration_model of 2023-04"
    assert plan.advice == "To make what is left out too, begin with --from 2023-02."


def test_months_in_the_store_complete_a_window_that_reaches_before_the_first(
    shelf: Shelf,
) -> None:
    shelf.put(DATA, "2023-02", "2023-03")
    plan = shelf.plan("2023-04", "2023-05")

    assert asked(plan, MODELS) == months(4, 5)
    assert left_out(plan) == {
        (EVALUATIONS, "2023-04"): "waits for duration_model of 2023-03",
    }


def test_a_model_in_the_store_is_judged_on_the_first_month(shelf: Shelf) -> None:
    shelf.put(DATA, *months(1, 3))
    shelf.put(MODELS, "2023-03")

    assert asked(shelf.plan("2023-04", "2023-04"), EVALUATIONS) == ["2023-04"]


@pytest.mark.parametrize("group", [*GROUPS, CHAMPIONS])
def test_one_group_alone_is_asked_for_exactly_the_months(shelf: Shelf, group: str) -> None:
    shelf.put(DATA, *months(1, 6))
    shelf.put(MODELS, *months(1, 6))
    shelf.put(EVALUATIONS, *months(2, 6))
    plan = shelf.plan("2023-03", "2023-04", group, force=group != DATA)
    if group == DATA:
        assert plan.asked == {}
        plan = shelf.plan("2023-07", "2023-08", group)
        assert asked(plan, DATA) == months(7, 8)
    else:
        assert asked(plan, group) == months(3, 4)
    assert {unit.group for unit in plan.asked} == {group}


def test_models_alone_wait_for_data_that_was_not_landed(shelf: Shelf) -> None:
    plan = shelf.plan("2023-01", "2023-02", MODELS)

    assert plan.asked == {}
    assert plan.advice == "To make what is left out too, leave --only away."


def test_champions_alone_are_asked_for_again_when_their_data_was_made(shelf: Shelf) -> None:
    plan = shelf.plan("2023-02", "2023-03", CHAMPIONS)

    assert plan.asked == {}
    assert plan.advice == (
        "To make what is left out too, leave --only away, and then ask for the same again."
    )


def test_a_month_that_a_check_refuses_is_landed_again_and_nothing_else_is_built_on_it(
    shelf: Shelf,
) -> None:
    shelf.put(DATA, "2023-01", summary={"unknown_zones": 10})
    again = shelf.plan("2023-01", "2023-01")
    models = shelf.plan("2023-01", "2023-01", MODELS)

    assert asked(again, DATA) == ["2023-01"]
    assert models.asked == {}
    assert "a blocking check refuses green/" in left_out(models)[MODELS, "2023-01"]


def states_of(shelf: Shelf, failed: Iterable[tuple[str, str]]) -> States:
    """Return states in which everything is missing but for what failed."""
    states = {
        (node.key, month): State.MISSING
        for group in shelf.groups.values()
        for node in group
        for month in Month(2023, 1).through(Month(2023, 6))
        if node.first_month <= month
    }
    return states | {(key, Month.parse(month)): State.FAILED for key, month in failed}


def test_only_what_failed_is_asked_for_and_what_waits_for_it(shelf: Shelf) -> None:
    shelf.put(DATA, *months(1, 2), *months(4, 6))
    states = states_of(shelf, [("green/raw_trips", "2023-03")])
    plan = shelf.plan("2023-01", "2023-06", failed=True, states=states)

    assert asked(plan, DATA) == ["2023-03"]
    assert asked(plan, MODELS) == months(3, 5)
    # The evaluations of March to June wait for the month itself, or for a model that holds it.
    assert asked(plan, EVALUATIONS) == months(4, 6)
    assert left_out(plan) == {(EVALUATIONS, "2023-03"): "waits for duration_model of 2023-02"}


def test_what_failed_after_its_partition_was_written_is_asked_for(shelf: Shelf) -> None:
    for group in GROUPS:
        shelf.put(group, *months(2 if group == EVALUATIONS else 1, 3))
    model = ("green/metered/duration_model", Month(2023, 2))
    states = {**dict.fromkeys(states_of(shelf, []), State.CURRENT), model: State.FAILED}
    plan = shelf.plan("2023-01", "2023-03", failed=True, states=states)

    # And nothing else: what was made from it is up to date if it comes out the same.
    made = {(unit.group, str(unit.month)): keys for unit, keys in plan.asked.items()}
    assert made == {(MODELS, "2023-02"): ("green/metered/duration_model",)}


def test_where_nothing_failed_nothing_is_asked_for(shelf: Shelf) -> None:
    plan = shelf.plan("2023-01", "2023-06", failed=True, states=states_of(shelf, []))

    assert (plan.asked, plan.current, plan.left_out) == ({}, [], {})


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2023-05", "2023-04", "no months from 2023-05 to 2023-04: --from is after --to"),
        ("2022-11", "2023-04", "from 2023-01 to 2023-12, and 2022-11 to 2022-12 is not among"),
        ("2023-11", "2024-01", "from 2023-01 to 2023-12, and 2024-01 is not among"),
    ],
)
def test_months_that_there_are_not_are_refused_and_named(
    shelf: Shelf, first: str, last: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        shelf.plan(first, last)


def test_months_are_written_as_stretches() -> None:
    found = [Month(2022, 12), Month(2023, 1), Month(2023, 5), Month(2022, 11)]

    assert spans(found) == "2022-11 to 2023-01, 2023-05"


def test_the_command_names_the_groups_that_there_are() -> None:
    assert GROUP_NAMES == GROUPS
    assert (*GROUP_NAMES, *FURTHER_GROUP_NAMES) == ALL_GROUPS
