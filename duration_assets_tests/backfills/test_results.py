from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.backfills.planning import BackfillPlan, Request, Unit
from duration_assets.backfills.results import Ledger, Outcome, Result, _first_line, any_failed
from duration_assets.months import Month
from duration_assets_tests.months import FEBRUARY, JANUARY

DATA = ("green/raw_trips", "green/cleaned_trips", "green/zone_statistics")
MODELS = ("green/course/preprocessor", "green/course/duration_model")
DATA_UNIT, MODELS_UNIT = Unit("data", JANUARY), Unit("models", JANUARY)
WAITS = Outcome(Result.NOT_STARTED, "what it is made from was not made")
MADE = Outcome(Result.MADE)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Of a backfill of the data and the model of a month."""
    request = Request("green", "course", JANUARY, FEBRUARY)
    plan = BackfillPlan(
        request,
        {DATA_UNIT: DATA, MODELS_UNIT: MODELS},
        [Unit("data", FEBRUARY)],
        {Unit("models", FEBRUARY): "waits"},
    )
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield Ledger(plan, instance)


def run(
    *keys: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS, month: Month = JANUARY
) -> dg.DagsterRun:
    return dg.DagsterRun(
        job_name="__ASSET_JOB",
        status=status,
        tags={"dagster/partition": str(month)},
        asset_selection=frozenset(dg.AssetKey(key.split("/")) for key in keys),
    )


def test_what_was_current_or_left_out_is_said_to_be(ledger: Ledger) -> None:
    assert ledger.outcomes() == {
        DATA_UNIT: WAITS,
        MODELS_UNIT: WAITS,
        Unit("data", FEBRUARY): Outcome(Result.CURRENT),
        Unit("models", FEBRUARY): Outcome(Result.LEFT_OUT, "waits"),
    }
    assert ledger.counts == (0, 0, 5)
    assert any_failed(ledger.outcomes())


def test_a_month_that_took_two_runs_is_made_when_the_second_has_ended(ledger: Ledger) -> None:
    first, second = run(*DATA[:1]), run(*DATA[1:])

    assert ledger.update([first]) == {}
    assert ledger.counts == (1, 0, 5)
    assert ledger.update([first, second]) == {DATA_UNIT: MADE}
    assert ledger.update([first, second]) == {}
    assert ledger.counts == (3, 0, 5)


def test_one_run_may_make_the_data_and_the_model(ledger: Ledger) -> None:
    assert ledger.update([run(*DATA, *MODELS)]) == {DATA_UNIT: MADE, MODELS_UNIT: MADE}
    assert not any_failed(ledger.outcomes())


def test_a_run_that_goes_on_decides_nothing(ledger: Ledger) -> None:
    assert ledger.update([run(*DATA, status=dg.DagsterRunStatus.STARTED)]) == {}


def test_a_run_that_failed_counts_until_it_went_well(ledger: Ledger) -> None:
    failed = run(*DATA, status=dg.DagsterRunStatus.FAILURE)

    assert ledger.update([failed]) == {
        DATA_UNIT: Outcome(Result.FAILED, f"see run {failed.run_id}")
    }
    assert ledger.counts == (0, 3, 5)
    assert ledger.update([failed, run(*DATA)]) == {DATA_UNIT: MADE}
    assert ledger.counts == (3, 0, 5)
    assert ledger.outcomes()[DATA_UNIT] == MADE


def test_a_run_that_was_canceled_did_not_fail_and_made_nothing(ledger: Ledger) -> None:
    ledger.update([run(*MODELS, status=dg.DagsterRunStatus.CANCELED)])

    assert ledger.outcomes()[MODELS_UNIT] == Outcome(Result.NOT_STARTED, "it was canceled")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "duration_assets.errors.BadFileError: a.parquet is empty: fetch it\nmore",
            "a.parquet is ",
        ),
        ("ValueError: 3 of 4\n", "ValueError: 3 of 4"),
    ],
)
def test_a_reason_is_told_without_the_name_of_our_own_class(message: str, line: str) -> None:
    assert _first_line(message).startswith(line)
