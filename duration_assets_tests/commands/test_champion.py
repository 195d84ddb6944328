"""`promote` and `rollback` as users meet them."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from dagster._core.errors import DagsterExecutionInterruptedError

from duration_assets.cli import main
from duration_assets.resources.registry import CHAMPION, PREVIOUS
from duration_assets_tests.registered import NAME, register, registry_in, tiny_model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two registered models and no month of data."""
    home = tmp_path_factory.mktemp("home")
    for month in ("2023-01", "2023-02"):
        register(home, month, tiny_model(), tmp_path_factory.mktemp("scratch"))
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main,
        [*arguments, "--feature-set", "course"],
        env={"DURATION_HOME": str(home), "DURATION_SOURCE": str(home)},
    )


def test_two_versions_are_promoted_one_after_the_other_and_the_first_comes_back(
    home: Path,
) -> None:
    assert run(home, "promote", "--version", "1", "--reason", "the first one").exit_code == 0
    promoted = run(home, "promote", "--version", "2", "--reason", "newer", "--json")
    assert promoted.exit_code == 0, promoted.output
    for_people, last = promoted.stdout.splitlines()
    assert for_people == f"{NAME}: version 2, trained up to 2023-02, is the champion now."
    said = json.loads(last)
    assert (said["name"], said["outcome"], said["champion_version"], said["reason"]) == (
        NAME,
        "promoted by hand",
        2,
        "newer",
    )
    back = run(home, "rollback", "--reason", "worse at night")
    assert back.stdout == f"{NAME}: version 1, trained up to 2023-01, is the champion now.\n"
    registry = registry_in(home)
    held = {alias: registry.holder_of(NAME, alias) for alias in (CHAMPION, PREVIOUS)}
    assert {alias: found and found.version for alias, found in held.items()} == {
        CHAMPION: 1,
        PREVIOUS: 2,
    }


def test_what_is_wrong_is_said_in_one_message(home: Path) -> None:
    unknown = run(home, "promote", "--version", "7", "--reason", "why not")
    assert unknown.exit_code == 1
    assert unknown.stderr == f"Error: {NAME} has no version 7: it has 2, up to 2.\n"
    month = run(home, "promote", "--training-month", "2023-05", "--reason", "why not")
    assert "green/course/duration_model for 2023-05 is missing, which its promotion needs" in (
        month.stderr
    )


def test_a_decision_that_is_interrupted_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(dg.JobDefinition, "execute_in_process", interrupted)
    done = run(home, "promote", "--version", "2", "--reason", "newer")
    assert done.exit_code == 130
    assert done.stderr.startswith("Interrupted: promote of green/course was not finished.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", "--version", "1", "--reason", " "), "--reason is empty: say why, it is kept"),
        (("promote", "--reason", "a"), "Give either --training-month or --version."),
        (
            ("promote", "--reason", "a", "--version", "1", "--training-month", "2023-01"),
            "Give either --training-month or --version.",
        ),
        (("promote", "--version", "1"), "Missing option '--reason'"),
        (("rollback", "--reason", ""), "--reason is empty: say why, it is kept"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_there_is_a_home(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = run(tmp_path / "home", *arguments)
    assert done.exit_code != 0
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
