from __future__ import annotations

import json
from pathlib import Path

import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from duration_assets.data_versions import model_content
from duration_assets.definitions import build_definitions
from duration_assets.errors import (
    ChampionError,
    MissingPartitionError,
    RefusedPartitionError,
    RegistryError,
)
from duration_assets.modelling.reports.overall_report import overall_report
from duration_assets.months import Month
from duration_assets.overview import overview_of
from duration_assets.resources.champion_history import Outcome, by_hand
from duration_assets.resources.registry import CHALLENGER, CHAMPION, PREVIOUS
from duration_assets.resources.store import Store
from duration_assets_tests.assets.deciding import APRIL, KEY, Deciding
from duration_assets_tests.months import FEBRUARY, MARCH
from duration_assets_tests.registered import NAME

EASY = {"champion_margin": 0.0, "champion_confidence": 0.5, "champion_slice_limit": 10.0}
HARD = {"champion_margin": 0.9}


def test_promotion_by_hand_is_kept_with_its_reason_and_rolled_back(deciding: Deciding) -> None:
    deciding.make(FEBRUARY)
    promoted = deciding.by_hand("promote", training_month="2023-03", reason="it knows March")
    assert (promoted.outcome, promoted.champion_version) == (Outcome.BY_HAND, 3)
    assert deciding.aliases() == {CHAMPION: 3, PREVIOUS: 1, CHALLENGER: 1}
    tags = deciding.home.tracking._client().get_model_version(NAME, "3").tags
    assert tags["champion_decision"] == "promoted by hand (2023-03): it knows March"
    back = deciding.by_hand("rollback", reason="it is slow")
    assert (back.outcome, back.champion_version) == (Outcome.ROLLED_BACK, 1)
    assert deciding.aliases() == {CHAMPION: 1, PREVIOUS: 3, CHALLENGER: 1}
    # Of March, the model that was promoted had seen the trips: nothing is judged on them.
    march = deciding.make(MARCH, **EASY)
    assert (march.summary["outcome"], march.summary["champion_version"]) == ("rolled back", 1)
    # What a person decided is what the next month is judged against.
    april = deciding.make(APRIL, **HARD)
    assert (april.summary["outcome"], april.summary["champion_version"]) == ("kept", 1)


def test_a_decision_by_hand_is_in_the_partition_of_the_last_month_decided_on(
    deciding: Deciding,
) -> None:
    by_gate = deciding.make(MARCH, **HARD)
    assert by_gate.summary["champion_version"] == 1
    deciding.by_hand("promote", training_month="2023-02", reason="I know better")
    by_hand = deciding.home.store.require(KEY, MARCH, "the test")
    assert by_hand.data_version != by_gate.data_version
    assert (by_hand.inputs, by_hand.code_version) == (by_gate.inputs, by_gate.code_version)
    shown = {name: by_hand.summary[name] for name in ("outcome", "champion_version", "reason")}
    assert shown == {
        "outcome": "promoted by hand",
        "champion_version": 2,
        "reason": "I know better",
    }
    said = json.loads(by_hand.file("decision.json").read_text())
    assert [each["outcome"] for each in said["before"]] == ["kept"]
    promoted = deciding.home.store.require("green/course/duration_model", FEBRUARY, "the test")
    assert model_content(by_hand.file("model")) == model_content(promoted.folder)
    assert deciding.version_in_dagster(MARCH) == by_hand.data_version
    assert deciding.make(MARCH).data_version == by_hand.data_version
    # A later decision does not change what was in use before it.
    deciding.make(APRIL, **HARD)
    assert deciding.make(MARCH).data_version == by_hand.data_version


def test_of_two_decisions_at_once_the_later_one_stands(
    deciding: Deciding, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding.make(MARCH, **HARD)
    history, writing = deciding.history, Store.writing

    def after_another_decision(store: Store, asset: str, month: Month) -> object:
        past = history.read()
        if past[-1].dagster_run != "another":
            model = history.registry.version(NAME, 3)
            history.record(by_hand(past, model, Outcome.BY_HAND, "I know even better", "another"))
        return writing(store, asset, month)

    monkeypatch.setattr(Store, "writing", after_another_decision)
    mine = deciding.by_hand("promote", training_month="2023-02", reason="I know better")
    assert (mine.reason, mine.champion_version) == ("I know better", 2)
    partition = deciding.home.store.require(KEY, MARCH, "the test")
    assert (partition.summary["reason"], partition.summary["champion_version"]) == (
        "I know even better",
        3,
    )
    assert deciding.version_in_dagster(MARCH) == partition.data_version


def test_the_overall_report_shows_every_decision_also_of_a_month_that_nothing_was_judged_on(
    deciding: Deciding,
) -> None:
    deciding.by_hand("promote", version=1, reason="there is no other")
    assert deciding.home.store.months(KEY) == []
    deciding.by_hand("promote", version=2, reason="it knows February")
    deciding.by_hand("rollback", reason="it is slow")
    report = overall_report(overview_of("green", "course", deciding.home.settings))
    (champion, *_) = report.sections
    assert "version 1, trained on months up to 2023-01" in str(champion.blocks[0])
    assert "changed at 3 of 3 decisions" in str(champion.blocks[0])
    assert [each.reason for each in deciding.history.read()] == [
        "there is no other",
        "it knows February",
        "it is slow",
    ]
    assert all(each.reason in report.to_html() for each in deciding.history.read())


def test_a_run_by_hand_that_is_run_again_decides_once(deciding: Deciding) -> None:
    deciding.make(FEBRUARY)
    deciding.by_hand("promote", version=2, reason="it knows February")
    job = build_definitions(deciding.home.settings).resolve_job_def("green_course_rollback")
    assert job.tags["dagster/max_retries"] == "0"
    config = {"ops": {"rollback": {"config": {"reason": "it is slow"}}}}
    first = job.execute_in_process(config, deciding.instance)
    again = deciding.instance.create_run_for_job(
        job, run_config=config, parent_run_id=first.run_id, root_run_id=first.run_id
    )
    assert execute_run(InMemoryJob(job), again, deciding.instance).success
    assert [outcome for _, outcome in deciding.decided()] == [
        "first",
        "promoted by hand",
        "rolled back",
    ]
    assert deciding.aliases()[CHAMPION] == 1


def test_what_cannot_be_decided_by_hand_is_explained(deciding: Deciding) -> None:
    deciding.make(FEBRUARY)
    with pytest.raises(RegistryError, match=f"{NAME} has no version 9: it has 3, up to 3"):
        deciding.by_hand("promote", version=9, reason="why not")
    with pytest.raises(MissingPartitionError, match="duration_model for 2023-04 is missing"):
        deciding.by_hand("promote", training_month="2023-04", reason="why not")
    with pytest.raises(ChampionError, match="has no previous champion"):
        deciding.by_hand("rollback", reason="why not")
    with pytest.raises(ChampionError, match=r"Version 1 of .* is the champion already"):
        deciding.by_hand("promote", version=1, reason="why not")
    with pytest.raises(ChampionError, match="A reason is needed"):
        deciding.by_hand("promote", version=2, reason="  ")
    assert deciding.decided() == [("2023-02", "first")]


def test_a_model_that_a_blocking_check_refuses_is_not_promoted(deciding: Deciding) -> None:
    deciding.make(FEBRUARY)
    matrix = deciding.home.store.require("green/course/training_matrix", MARCH, "the test")
    manifest: Path = matrix.folder.parent / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"not_finite": 0', '"not_finite": 3'))
    try:
        with pytest.raises(
            RefusedPartitionError, match=r"not promoted: .*3 of its features are null"
        ):
            deciding.by_hand("promote", version=3, reason="why not")
    finally:
        manifest.write_text(text)
