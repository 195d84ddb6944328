from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duration_assets.errors import SettingsError
from duration_assets.lineage import model_nodes
from duration_assets.modelling.boosting import check_with_xgboost
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.parameters import (
    FIXED,
    as_text,
    found_beside,
    parameters_of,
    read_tuned,
    shipped,
    tuned_parameters,
    tuned_through,
)
from duration_assets.months import Month
from duration_assets_tests.months import settings_for


def write(file: Path, **changes: Any) -> Path:
    """Write a file of parameters for `metered`, in which something is other than is shipped."""
    content = {**shipped()["metered"].as_dict(), **changes}
    file.write_text(json.dumps({"metered": content}))
    return file


def model_versions(tmp_path: Path, file: Path | None = None) -> dict[str, str]:
    """Return the code version of the assets of a feature set."""
    settings = settings_for(tmp_path / "home", tmp_path, parameters=file)
    return {node.key: node.code_version for node in model_nodes("green", "metered", settings)}


def test_all_feature_sets_but_the_courses_come_with_parameters() -> None:
    assert set(shipped()) == set(FEATURE_SETS) - {"course"}
    assert tuned_parameters("course") is None
    assert parameters_of("course") == {}
    assert tuned_through("course") is None


@pytest.mark.parametrize("feature_set", sorted(shipped()))
def test_the_parameters_that_come_with_the_project_can_be_used(feature_set: str) -> None:
    check_with_xgboost(parameters_of(feature_set))
    assert tuned_through(feature_set) == "2023-06"
    assert shipped()[feature_set].trials > 1


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    file.write_text(as_text(shipped()))
    assert read_tuned(file) == shipped()


def test_what_a_search_did_not_search_for_stays_and_so_does_what_was_known() -> None:
    before = replace(
        shipped()["metered"],
        found={"learning_rate": 0.1, "max_depth": 9, "max_bin": 64, "reg_alpha": 0.5},
        tuned_through=Month(2023, 6),
    )
    found = found_beside(before, {"max_depth": 5}, Month(2023, 3), 30, "a search")
    assert found.found == {"learning_rate": 0.1, "max_depth": 5, "max_bin": 64, "reg_alpha": 0.5}
    assert (found.tuned_through, found.trials, found.source) == (Month(2023, 6), 30, "a search")
    assert found_beside(before, {}, Month(2023, 9), 1, "").tuned_through == Month(2023, 9)


def test_a_feature_set_that_has_no_parameters_is_refused_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"meterd": shipped()["metered"].as_dict()}))
    with pytest.raises(SettingsError, match=r"meterd: there is no such .* are metered, request"):
        read_tuned(file)


def test_a_file_wins_for_the_feature_sets_that_it_has(tmp_path: Path) -> None:
    found = {**shipped()["metered"].found, "max_depth": 3}
    file = write(tmp_path / "mine.json", parameters=found, tuned_through="2022-12")
    assert parameters_of("metered", file)["max_depth"] == 3
    assert tuned_through("metered", file) == "2022-12"
    assert parameters_of("request", file) == parameters_of("request")


def test_a_file_that_says_no_rounds_has_the_usual_ones(tmp_path: Path) -> None:
    found = {"learning_rate": 0.2, "max_depth": 3, "max_bin": 64}
    file = write(tmp_path / "mine.json", parameters=found)
    rounds = shipped()["metered"].found["rounds"]
    assert parameters_of("metered", file) == {**FIXED, **found, "rounds": rounds}


def test_other_parameters_make_the_model_stale_and_nothing_before_it(tmp_path: Path) -> None:
    before = model_versions(tmp_path)
    found = {**shipped()["metered"].found, "max_depth": 3}
    after = model_versions(tmp_path, write(tmp_path / "mine.json", parameters=found))
    assert {key for key in before if before[key] != after[key]} == {"green/metered/duration_model"}
    same = model_versions(tmp_path, write(tmp_path / "same.json", source="elsewhere"))
    assert same == before


def test_the_version_tells_apart_what_models_tell_apart() -> None:
    tuned = shipped()["metered"]
    assert replace(tuned, source="elsewhere", trials=7).version == tuned.version
    assert replace(tuned, tuned_through=Month(2022, 1)).version != tuned.version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it must hold a JSON object by feature set"),
        ("{", "it is no JSON"),
        ('{"metered": {}}', "metered must have parameters, tuned_through, trials and source"),
        ('{"metered": {"parameters": {"max_depth": NaN}}}', "NaN is no number"),
        ('{"metered": {"parameters": {"depth": 3}}}', "depth cannot be set here"),
        (
            '{"metered": {"parameters": {"max_depth": 3}}}',
            "metered lacks learning_rate, max_bin",
        ),
        ('{"metered": {"parameters": {"rounds": 0}}}', "rounds must be a whole number from 1 on"),
        ('{"metered": {"parameters": {"rounds": 9.5}}}', "rounds must be a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"mine\.json cannot be used: {message}"):
        tuned_parameters("metered", file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"mine\.json cannot be used: it cannot be read"):
        tuned_parameters("metered", tmp_path / "mine.json")
