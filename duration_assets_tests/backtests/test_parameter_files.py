from __future__ import annotations

import json
from pathlib import Path

import pytest

from duration_assets.backtests.parameter_files import read_parameter_sets, read_parameters
from duration_assets.errors import SettingsError
from duration_assets.modelling.backtesting import ParameterSet


def write(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def test_a_file_is_called_by_its_name_and_overrides_what_it_says(tmp_path: Path) -> None:
    parameters = {"max_depth": 9, "learning_rate": 0.05, "grow_policy": "lossguide"}
    path = write(tmp_path, "deep.json", json.dumps(parameters))
    assert read_parameters(Path(path)) == ParameterSet("deep", parameters)


def test_no_file_stands_for_the_usual_parameters_and_so_does_their_name(tmp_path: Path) -> None:
    deep = write(tmp_path, "deep.json", '{"max_depth": 9}')
    assert read_parameter_sets([]) == [ParameterSet()]
    assert [each.name for each in read_parameter_sets([deep])] == ["deep"]
    assert [each.name for each in read_parameter_sets(["default", deep])] == ["default", "deep"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{max_depth: 9}", "it is no JSON (Expecting property name"),
        ("", "it is no JSON (Expecting value"),
        ("[1]", "it must hold one JSON object"),
        ('{"max_deth": 9, "depth": 1}', "depth, max_deth cannot be set here. What can be: col"),
        ('{"eta": 0.1}', "eta cannot be set here"),
        ('{"nthread": 4}', "nthread cannot be set here"),
        ('{"max_depth": null}', "max_depth must be a number or a word, and it is None"),
        ('{"max_depth": true}', "max_depth must be a number or a word, and it is True"),
        ('{"max_depth": [7]}', "max_depth must be a number or a word, and it is [7]"),
        ('{"learning_rate": NaN}', "NaN is no number"),
        ('{"max_depth": "deep"}', "Invalid Parameter format for max_depth expect int but value"),
        ('{"subsample": 3}', "value 3 for Parameter subsample exceed bound [0,1]"),
        ('{"max_bin": 1}', "must be equal to or greater than 2"),
        ('{"objective": "reg:magic"}', "Unknown objective function: `reg:magic`"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_file_and_the_reason(
    content: str, said: str, tmp_path: Path
) -> None:
    path = write(tmp_path, "tried.json", content)
    with pytest.raises(SettingsError) as refused:
        read_parameters(Path(path))
    assert str(refused.value).startswith(f"The parameters in {path} cannot be used: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a|b.json", ".json", "_x.json", "two words.json", "default.json"])
def test_a_name_that_would_spoil_the_report_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name"):
        read_parameters(Path(write(tmp_path, name, "{}")))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.json cannot be used: it cannot be read"):
        read_parameters(tmp_path / "nowhere.json")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder, "deep.json", "{}") for folder in ("one", "two")]
    with pytest.raises(SettingsError, match="two sets of parameters called 'deep'"):
        read_parameter_sets(paths)
