"""Backtests that cannot be, and are refused before anything is made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from duration_assets_tests.backtests.conftest import ALL, WHOLE, Backtested
from duration_assets_tests.months import MARCH


def test_a_month_that_is_missing_is_named_before_anything_is_made(workplace: Backtested) -> None:
    shutil.rmtree(workplace.home / "store" / "green" / "cleaned_trips" / str(MARCH))
    done = workplace.backtest(*WHOLE)
    assert "lacks cleaned_trips of 2023-03, zone_statistics of 2023-03" in done.message
    assert done.message.endswith(
        "duration-prediction backfill --only data --from 2023-03 --to 2023-03"
    )
    assert not (workplace.home / "backtests").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--feature-set", "metered,magic"), "There is no feature set 'magic': choose one of"),
        (("--service", "fhv"), "The fhv service publishes no distance"),
        (("--from", "2023-01"), "There is no month before 2023-01 to train on, the first there"),
        (("--to", "2023-06"), "green has months up to 2023-05, and 2023-06 is after that"),
        (("--to", "2023-01"), "from 2023-02 to 2023-01: --from is after --to"),
        (("--parameters", "no.json"), "in no.json cannot be used: it cannot be read (No such"),
        (("--parameters", "bad.json"), "in bad.json cannot be used: it is no JSON"),
        (("--parameters", "odd.json"), "in odd.json cannot be used: max_deth cannot be set here"),
    ],
)
def test_a_backtest_that_cannot_be_is_refused_before_a_home_is_made(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    workplace = Backtested(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "odd.json").write_text('{"max_deth": 9}')
    assert message in workplace.backtest(*ALL, *options).message
    assert not workplace.home.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--window", "0"), "Invalid value for '--window': 0 is not in the range 1<=x<=24."),
        (("--window", "3,25"), "Invalid value for '--window': 25 is not in the range 1<=x<=24."),
        (("--window", "x"), "Invalid value for '--window': 'x' is not a valid integer range."),
        (("--feature-set", ","), "Invalid value for '--feature-set': it names nothing."),
        (("--tuned-to", "May"), "Invalid value for '--tuned-to': 'May' is no month"),
        (("--jobs", "0"), "Invalid value for '--jobs': 0 is not in the range x>=1."),
    ],
)
def test_an_option_that_cannot_be_read_is_named(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = Backtested(tmp_path).backtest(*ALL, *options)
    assert done.code == 2
    assert message in done.errors
