from __future__ import annotations

import csv
from typing import Any

import pytest

from duration_assets.backtests.report import Results, figures, report_of
from duration_assets.backtests.report_files import as_csv, draw_chart
from duration_assets.backtests.running import Failure, Tried
from duration_assets.modelling.backtesting import Candidate, Fold, ParameterSet, Score
from duration_assets.months import Month
from duration_assets_tests.backtests.conftest import trial_of

COURSE = Candidate("course", 1)
DEEP = Candidate("metered", 2, ParameterSet("deep", {"max_depth": 9}))
PNG = b"\x89PNG"


def score(candidate: str, month: int, rmse: float, months: int = 2) -> Score:
    at = Month(2023, month)
    window = tuple(at.shift(-months).through(at.shift(-1)))
    metrics = {"rmse": rmse, "mae": rmse / 2}
    return Score(candidate, Fold(at, window), metrics, 40, 1_000, 500, 1.25)


SCORES = [
    score("course", 2, 5.0, months=1),
    score("metered-2-deep", 2, 4.5, months=1),
    score("course", 3, 6.0, months=1),
    score("metered-2-deep", 3, 4.2),
]


def results(*scores: Score, **changes: Any) -> Results:
    given: dict[str, Any] = {
        "service": "green",
        "first": Month(2023, 2),
        "last": Month(2023, 3),
        "earliest": Month(2023, 1),
        "candidates": [COURSE, DEEP],
        "tried": Tried(list(scores), [], 0),
        "simulated": False,
        **changes,
    }
    return Results(**given)


def render(of: Results) -> str:
    return report_of(of, PNG).to_markdown(pictures_beside=True)


def failed(why: str) -> Tried:
    return Tried(SCORES[:3], [Failure(trial_of(), why)], 3)


def test_the_report_has_the_candidates_the_months_and_the_short_windows() -> None:
    lines = render(results(*SCORES)).splitlines()
    assert lines[0] == "# Backtest of green, 2023-02 to 2023-03"
    assert "![RMSE by month, green](rmse.png)" in lines
    assert (
        "| metered-2-deep | 2 | 4.3500 | 0.2121 | 4.5000 (2023-02) | 2.1750 | 0.1061 "
        "| 2.2500 (2023-02) | 0.8000 | 40 |"
    ) in lines
    assert "| month | course | metered-2-deep |" in lines
    assert "| 2023-02 | 5.00000 | 4.50000\\* |" in lines
    assert "| 2023-03 | 6.00000 | 4.20000 |" in lines
    assert (
        "\\* metered-2-deep had fewer than its 2 months to train on for 2023-02: the first month "
        "is 2023-01."
    ) in lines
    assert '| deep | {"max\\_depth": 9} |' in lines
    assert "## What failed" not in lines
    assert not any("SIMULATED" in line for line in lines)


def test_simulated_trips_are_said_to_be_so_everywhere() -> None:
    simulated = results(*SCORES, simulated=True)
    assert "**SIMULATED trips: these figures say nothing about New York.**" in render(simulated)
    assert figures(simulated)["simulated"] is True
    assert {row["simulated"] for row in csv.DictReader(as_csv(simulated).splitlines())} == {"true"}
    assert draw_chart(simulated) != draw_chart(results(*SCORES))


def test_without_the_course_nothing_is_compared_with_it() -> None:
    alone = results(*SCORES[1::2], candidates=[DEEP])
    assert "course" not in render(alone)
    (found,) = figures(alone)["candidates"]
    assert found["ratio_to_course"] is None


def test_months_after_those_that_parameters_were_tuned_on_have_a_table_of_their_own() -> None:
    text = render(results(*SCORES, tuned_to=Month(2023, 2)))
    _, after = text.split("## After 2023-02")
    assert "| metered-2-deep | 1 | 4.2000 | \\- | 4.2000 (2023-03) |" in after
    for month in (Month(2023, 1), Month(2023, 3)):
        assert "## After" not in render(results(*SCORES, tuned_to=month))


def test_what_failed_is_named_and_missing_months_are_said_to_be_missing() -> None:
    text = render(results(tried=failed("A <b>bad</b> month.")))
    assert "| metered-1 on 2023-03 | A \\<b\\>bad\\</b\\> month. |" in text
    assert "| 2023-03 | 6.00000 | \\- |" in text
    assert "Some candidates lack months" in text
    assert "Some candidates lack months" not in render(results(*SCORES))
    (found,) = figures(results(tried=failed("Bad.")))["failed"]
    assert found == {"candidate": "metered-1", "month": "2023-03", "why": "Bad."}


def test_the_page_holds_its_picture_and_shows_messages_as_text() -> None:
    page = report_of(results(tried=failed("A <b>bad</b> month.")), PNG).to_html()
    assert "data:image/png;base64,iVBORw==" in page
    assert "rmse.png" not in page
    assert "A &lt;b&gt;bad&lt;/b&gt; month." in page
    assert "<title>Backtest of green, 2023-02 to 2023-03</title>" in page


def test_the_table_of_scores_has_a_row_for_each_candidate_and_month() -> None:
    rows = list(csv.DictReader(as_csv(results(*SCORES)).splitlines()))
    assert len(rows) == 4
    assert rows[1] == {
        "candidate": "metered-2-deep",
        "feature_set": "metered",
        "window": "2",
        "parameters": "deep",
        "validation_month": "2023-02",
        "first_training_month": "2023-01",
        "last_training_month": "2023-01",
        "training_months": "1",
        "training_trips": "1000",
        "trips": "500",
        "rounds": "40",
        "seconds": "1.25",
        "simulated": "false",
        "rmse": "4.5",
        "mae": "2.25",
    }


def test_the_chart_is_a_picture_that_shades_the_months_tuned_on() -> None:
    plain = draw_chart(results(*SCORES))
    assert plain.startswith(PNG)
    assert draw_chart(results(*SCORES, tuned_to=Month(2022, 1))) == plain
    shaded = draw_chart(results(*SCORES, tuned_to=Month(2023, 2)))
    assert shaded != plain
    assert draw_chart(results(*SCORES[:3])) != plain


@pytest.mark.parametrize("scores", [[], SCORES[:1]])
def test_a_backtest_with_few_scores_or_none_has_a_report_too(scores: list[Score]) -> None:
    few = results(*scores)
    assert report_of(few, draw_chart(few)).to_html()
    assert len(as_csv(few).splitlines()) == (2 if scores else 0)
