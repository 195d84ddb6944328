from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from duration_assets.data_versions import model_content
from duration_assets.deciding import decide_by_hand
from duration_assets.definitions import build_definitions
from duration_assets.errors import (
    ChampionError,
    MissingPartitionError,
    RefusedPartitionError,
    RegistryError,
)
from duration_assets.home import open_home
from duration_assets.modelling.model import DurationModel
from duration_assets.months import Month
from duration_assets.resources.champion_history import (
    ChampionHistory,
    Decision,
    Outcome,
    aliases_of,
    by_hand,
    decided_on,
    last_decided,
)
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    RegisteredModel,
    Registry,
)
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder
from duration_assets_tests.registered import NAME

KEY = "green/course/champion"
APRIL = Month(2023, 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, clean_session_environment: None) -> Home:
    """A home with three models, each judged on the month after: training takes seconds."""
    home = Home(tmp_path_factory.mktemp("home"), feature_sets=["course"], last_month="2023-04")
    simulated_folder(home.source, JANUARY, FEBRUARY, MARCH, APRIL, rows=600)
    for month in (JANUARY, FEBRUARY, MARCH):
        home.train(month, "course")
    return home


@pytest.fixture
def deciding(trained: Home) -> Iterator[Deciding]:
    """The same home, in which nothing was decided yet."""
    client = trained.tracking._client()
    model = client.get_registered_model(NAME)
    for tag in model.tags:
        client.delete_registered_model_tag(NAME, tag)
    for alias in model.aliases:
        client.delete_registered_model_alias(NAME, alias)
    shutil.rmtree(trained.store.root / KEY, ignore_errors=True)
    with open_home(trained.settings) as instance:
        yield Deciding(trained, instance)
    assert trained.half_written() == []


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


EASY = {"champion_margin": 0.0, "champion_confidence": 0.5, "champion_slice_limit": 10.0}
HARD = {"champion_margin": 0.9}


def test_the_first_model_that_was_judged_is_the_champion(deciding: Deciding) -> None:
    made = deciding.make(FEBRUARY)
    assert made.summary["outcome"] == "first"
    assert made.summary["champion_version"] == 1
    assert made.summary["champion_training_month"] == "2023-01"
    model = deciding.home.store.require("green/course/duration_model", JANUARY, "the test")
    assert made.summary["champion_run_id"] == model.summary["run_id"]
    assert deciding.aliases() == {CHAMPION: 1, CHALLENGER: 1}
    loaded = DurationModel.load(made.file("model"))
    assert loaded.booster.save_raw() == DurationModel.load(model.folder).booster.save_raw()
    said = json.loads(made.file("decision.json").read_text())
    assert (said["month"], said["outcome"]) == ("2023-02", "first")
    assert sorted(path.name for path in made.folder.iterdir()) == ["decision.json", "model"]


def test_a_challenger_that_does_not_pass_leaves_the_champion_with_both_sets_of_figures(
    deciding: Deciding,
) -> None:
    deciding.make(FEBRUARY)
    made = deciding.make(MARCH, **HARD)
    assert made.summary["outcome"] == "kept"
    assert made.summary["champion_version"] == 1
    assert (
        "90.00% are asked for" in made.summary["reason"]
        or "is not smaller" in (made.summary["reason"])
    )
    assert deciding.aliases() == {CHAMPION: 1, CHALLENGER: 2}
    judged = deciding.home.store.require("green/course/evaluation", MARCH, "the test")
    figures = made.summary["figures"]
    assert figures["challenger_rmse"] == pytest.approx(judged.summary["metrics"]["rmse"])
    assert figures["champion_rmse"] != figures["challenger_rmse"]
    version = deciding.home.tracking._client().get_model_version(NAME, "2")
    assert version.tags["champion_decision"].startswith("kept (2023-03): Its RMSE")


def test_months_in_any_order_are_decided_in_order_of_time(deciding: Deciding) -> None:
    last = deciding.make(APRIL, **HARD)
    decided = [("2023-02", "first"), ("2023-03", "kept"), ("2023-04", "kept")]
    assert deciding.decided() == decided
    assert last.summary["champion_version"] == 1
    assert deciding.make(FEBRUARY, **HARD).summary["outcome"] == "first"
    assert deciding.make(MARCH, **EASY).summary["outcome"] == "kept"
    assert deciding.decided() == decided


def test_a_decision_stands_when_its_month_is_made_again(deciding: Deciding) -> None:
    deciding.make(FEBRUARY)
    first = deciding.make(MARCH, **HARD)
    again = deciding.make(MARCH, **EASY)
    assert again.summary == first.summary
    assert again.data_version == first.data_version
    assert len(deciding.decided()) == 2


def test_the_same_champion_a_month_later_has_the_same_version_of_its_data(
    deciding: Deciding,
) -> None:
    first = deciding.make(FEBRUARY)
    assert deciding.make(MARCH, **HARD).data_version == first.data_version


def test_a_process_that_was_killed_before_it_set_the_aliases_is_made_up_for(
    deciding: Deciding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_history: ChampionHistory) -> dict[str, int]:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ChampionHistory, "settle", killed)
        with pytest.raises(RuntimeError, match="killed"):
            deciding.make(FEBRUARY)
    assert deciding.aliases() == {}
    made = deciding.make(FEBRUARY)
    assert made.summary["outcome"] == "first"
    assert deciding.decided() == [("2023-02", "first")]
    assert deciding.aliases() == {CHAMPION: 1, CHALLENGER: 1}


def test_a_month_that_comes_after_a_later_one_was_decided_on_changes_nothing(
    deciding: Deciding,
) -> None:
    deciding.make(APRIL, **HARD)
    client = deciding.home.tracking._client()
    # As if March had not been judged yet when April was decided on.
    (second,) = (tag for tag in client.get_registered_model(NAME).tags if ".decision.000002" in tag)
    client.delete_registered_model_tag(NAME, second)
    before, aliases = deciding.decided(), deciding.aliases()
    made = deciding.make(MARCH, **EASY)
    assert made.summary["outcome"] == "too late"
    assert made.summary["champion_version"] == 1
    assert (deciding.decided(), deciding.aliases()) == (before, aliases)


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


def test_earlier_months_are_decided_on_by_evaluations_of_older_code(deciding: Deciding) -> None:
    with deciding.changed(
        "evaluation",
        MARCH,
        lambda text: text.replace('"code_version": "', '"code_version": "older '),
    ):
        deciding.make(APRIL, **HARD)
    assert deciding.decided() == [("2023-02", "first"), ("2023-03", "kept"), ("2023-04", "kept")]


def test_a_month_that_was_not_evaluated_yet_is_passed_by_and_named(deciding: Deciding) -> None:
    manifest = deciding.manifest("evaluation", MARCH)
    aside = manifest.rename(manifest.with_name("aside"))
    try:
        made = deciding.make(APRIL, **HARD)
    finally:
        aside.rename(manifest)
    assert deciding.decided() == [("2023-02", "first"), ("2023-04", "kept")]
    assert made.summary["reason"].startswith("Passed by, and not decided on any more: 2023-03. ")
    assert deciding.make(MARCH).summary["outcome"] == "too late"


def test_an_earlier_month_whose_version_is_gone_does_not_stop_later_ones(
    deciding: Deciding,
) -> None:
    def of_no_version(text: str) -> str:
        content = json.loads(text)
        content["summary"]["run_id"] = "gone"
        return json.dumps(content)

    with deciding.changed("duration_model", FEBRUARY, of_no_version):
        made = deciding.make(APRIL, **HARD)
        assert deciding.decided() == [("2023-02", "first"), ("2023-04", "kept")]
        assert made.summary["reason"].startswith("Passed by")
        with pytest.raises(RegistryError, match="has no version of the MLflow run gone"):
            deciding.make(MARCH)


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


def decision(outcome: Outcome, champion: int, challenger: int, month: str = "2023-02") -> Decision:
    return Decision(month, outcome, champion, "run", "2023-01", challenger, "because")


def test_the_aliases_follow_from_the_history_alone() -> None:
    first = decision(Outcome.FIRST, 1, 1)
    kept = decision(Outcome.KEPT, 1, 2, "2023-03")
    promoted = decision(Outcome.PROMOTED, 3, 3, "2023-04")
    back = decision(Outcome.ROLLED_BACK, 1, 1, "2023-04")
    assert aliases_of([]) == {}
    assert aliases_of([first, kept]) == {CHAMPION: 1, CHALLENGER: 2}
    assert aliases_of([first, kept, promoted]) == {CHAMPION: 3, CHALLENGER: 3, PREVIOUS: 1}
    assert aliases_of([first, promoted, back]) == {CHAMPION: 1, CHALLENGER: 3, PREVIOUS: 3}


def test_by_hand_what_the_model_has_seen_counts_as_decided_on() -> None:
    first = decision(Outcome.FIRST, 1, 1)
    newer = RegisteredModel(NAME, 4, "run", "green", "course", Month(2023, 5), simulated=True)
    promoted = by_hand([first], newer, Outcome.BY_HAND, "because")
    assert promoted.month == "2023-05"
    assert last_decided([first, promoted]) == Month(2023, 5)
    assert decided_on([first, promoted], FEBRUARY) == first
    older = replace(newer, version=1, training_month=JANUARY)
    assert by_hand([first], older, Outcome.ROLLED_BACK, "because").month == "2023-02"
    assert by_hand([], older, Outcome.BY_HAND, "because").month == "2023-01"
