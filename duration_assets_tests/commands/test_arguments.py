from __future__ import annotations

import os
from pathlib import Path

import pytest

from duration_assets_tests.command_line import COMMAND, Workplace


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--year", "2023", "--month", "13"], "There is no month 13: a month is a whole number"),
        (["--year", "2023", "--month", "0"], "There is no month 0: a month is a whole number"),
        (["--year", "3000", "--month", "1"], "on months from 2023-01 to 2023-02, and 3000-01 is"),
        (["--year", "1800", "--month", "1"], "The year 1800 is out of range: use one like 2023."),
        (["--year", "2022", "--month", "12"], "on months from 2023-01 to 2023-02, and 2022-12 is"),
        (["--year", "2023", "--month", "3"], "on months from 2023-01 to 2023-02, and 2023-03 is"),
        (
            ["--year", "2023", "--month", "1", "--service", "ferry"],
            "There is no service 'ferry': choose one of green, yellow, fhv, fhvhv.",
        ),
        (
            ["--year", "2023", "--month", "1", "--feature-set", "magic"],
            "There is no feature set 'magic': choose one of course, metered, request.",
        ),
        (
            ["--year", "2023", "--month", "1", "--service", "fhv"],
            "The fhv service publishes no distance, which the feature set 'metered' needs",
        ),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_a_home_is_made(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    workplace = Workplace(tmp_path)
    assert message in workplace.run(COMMAND, *arguments).message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window", "0"], "Invalid value for '--window': 0 is not in the range 1<=x<=24."),
        (["--window", "25"], "Invalid value for '--window': 25 is not in the range 1<=x<=24."),
        (["--month", "May"], "Invalid value for '--month': 'May' is not a valid integer."),
        (["--moth", "1"], "No such option '--moth'. Did you mean '--month'?"),
    ],
)
def test_an_option_that_cannot_be_read_is_named_with_a_way_to_help(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = Workplace(tmp_path).run(COMMAND, "--year", "2023", "--month", "1", *arguments)
    assert done.code == 2
    assert done.output == ""
    assert done.errors.splitlines() == [
        "Usage: duration-prediction train [OPTIONS]",
        "Try 'duration-prediction train --help' for help.",
        "",
        f"Error: {message}",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_cannot_be_used_is_named_with_its_value(tmp_path: Path) -> None:
    message = Workplace(tmp_path).train(1, DURATION_LOCK_TIMEOUT="soon").message
    assert message.startswith("Error: DURATION_LOCK_TIMEOUT: ")
    assert "(it is 'soon')" in message


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    workplace.home.write_text("in the way")
    message = workplace.train(1).message
    assert f"DURATION_HOME is {workplace.home}, which is a file: set it to a folder" in message
    assert workplace.home.read_text() == "in the way"


def test_a_home_that_is_read_only_is_named(tmp_path: Path) -> None:
    # Nobody can make files there, root neither.
    home = f"/proc/{os.getpid()}"
    message = Workplace(tmp_path).train(1, DURATION_HOME=home).message
    assert f"The home {home} cannot be written (" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2023-03", "--to", "2023-02"], "from 2023-03 to 2023-02: --from is after --to"),
        (["--from", "2022-11", "--to", "2023-02"], "and 2022-11 to 2022-12 is not among them"),
        (["--from", "2023-01", "--to", "2023-02", "--service", "fhv"], "publishes no distance"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused_before_a_home_is_made(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    assert message in Workplace(tmp_path).run(COMMAND, "backfill", *arguments).message
    assert list(tmp_path.iterdir()) == []


def test_a_month_that_cannot_be_read_is_named_with_its_option(tmp_path: Path) -> None:
    done = Workplace(tmp_path).run(COMMAND, "backfill", "--from", "May", "--to", "2023-02")
    assert done.code == 2
    assert "Invalid value for '--from': 'May' is no month: write it as YYYY-MM" in done.errors


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["stauts"], "status"),
        (["trian", "--year", "2023", "--month", "1"], "train"),
        (["zzz"], "backfill, backtest, demo"),
    ],
)
def test_a_command_that_there_is_not_is_named_with_those_that_there_are(
    arguments: list[str], near: str, tmp_path: Path
) -> None:
    done = Workplace(tmp_path).run(COMMAND, *arguments)
    assert done.code == 2
    assert f"There is no command '{arguments[0]}'. Choose one of: {near}" in done.errors


def test_months_that_there_are_not_have_no_status(tmp_path: Path) -> None:
    for months in (["--from", "2023-03", "--to", "2023-01"], ["--from", "2030-05"]):
        message = Workplace(tmp_path).run(COMMAND, "status", *months).message
        assert f"There are no months from {months[1]}" in message
        assert "green has months from 2023-01 to 2023-03" in message


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere/found.json", "found.json cannot be written (No such file"),
        ("rides.csv", "rides.csv cannot be used"),
    ],
)
def test_a_search_is_not_begun_if_what_it_finds_cannot_be_written(
    place: str, said: str, tmp_path: Path
) -> None:
    workplace = Workplace(tmp_path)
    (tmp_path / "rides.csv").write_text("one,two")
    search = ["tune", "--through", "2023-03", "--months", "1", "--write", str(tmp_path / place)]
    assert said in workplace.run(COMMAND, *search).message
    assert not workplace.home.exists()
