from __future__ import annotations

import json

import pytest

from duration_assets.errors import (
    RegistryError,
)
from duration_assets.modelling.model import DurationModel
from duration_assets.resources.champion_history import (
    ChampionHistory,
)
from duration_assets.resources.registry import (
    CHALLENGER,
    CHAMPION,
)
from duration_assets_tests.assets.deciding import APRIL, Deciding
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH
from duration_assets_tests.registered import NAME

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
