from __future__ import annotations

from collections.abc import Iterator

import pytest

from duration_assets.modelling.drift import KINDS
from duration_assets.modelling.reports.overall_report import Overview, overall_report
from duration_assets.modelling.reports.report import NOTHING, Report, Table
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page
from duration_assets_tests.overviews import FLAGGED, LAST, invented_overview


def said(report: Report, title: str) -> str:
    """Return the paragraphs of a section."""
    return " ".join(block for block in _blocks(report, title) if isinstance(block, str))


def table(report: Report, title: str) -> list[tuple[str, ...]]:
    (found,) = (block for block in _blocks(report, title) if isinstance(block, Table))
    return list(found.written())


def titles(report: Report, title: str) -> list[str]:
    (found,) = (block for block in _blocks(report, title) if isinstance(block, Table))
    return [column.title for column in found.columns]


def _blocks(report: Report, title: str) -> Iterator[object]:
    (section,) = (section for section in report.sections if section.title == title)
    return iter(section.blocks)


@pytest.fixture(scope="module")
def whole() -> Report:
    return overall_report(invented_overview())


def test_a_page_of_all_months_stands_alone_and_warns_of_simulated_trips(whole: Report) -> None:
    page = whole.to_html()
    check_that_it_stands_alone(page)
    assert read_page(page).texts[1] == "Green taxi, metered: models in use, 2022-01 to 2023-06"
    assert "SIMULATED" in whole.warning
    assert set(whole.pictures()) == {
        "rmse_by_month",
        "coverage_by_month",
        "drift_by_month",
        "rejected_by_month",
    }


def test_the_history_of_the_champion_says_since_when_and_how_often_it_changed(
    whole: Report,
) -> None:
    assert "In use since the decision of 2023-03: version" in said(whole, "The champion")
    assert "changed at 4 of 16 decisions" in said(whole, "The champion")
    rows = table(whole, "The champion")
    assert len(rows) == 16
    assert rows[-1][0] == str(LAST)
    assert rows[-1][3] == "2023-01"


def test_every_predictor_has_a_line_and_tuned_months_are_named(whole: Report) -> None:
    assert titles(whole, "Errors by month") == [
        "month",
        "metered",
        "champion",
        "course",
        "mean of the window",
        "pair's median",
        "regression",
        "champion's bias",
    ]
    rows = table(whole, "Errors by month")
    assert rows[0][:2] == ("2022-02", "4.300")
    assert rows[0][2] == NOTHING
    assert rows[-1][2] != NOTHING
    assert "tuned on the shaded months, up to 2022-06" in said(whole, "Errors by month")


def test_flagged_months_are_named_with_the_measures(whole: Report) -> None:
    assert f"1 of 15 months are flagged: {FLAGGED}." in said(whole, "Drift by month")
    rows = {row[0]: row for row in table(whole, "Drift by month")}
    assert rows["limit"][1:-1] == tuple(
        f"{limit:.3f}" for limit in invented_overview().limits.values()
    )
    assert rows[str(FLAGGED)][-1] == "bias"
    assert rows[str(LAST)][-1] == NOTHING
    assert len(rows[str(LAST)]) == len(KINDS) + 2


def test_limits_of_today_decide_what_is_flagged() -> None:
    limits = dict.fromkeys(KINDS, 1000.0)
    report = overall_report(invented_overview(limits=limits))
    assert "None of 15 months is flagged." in said(report, "Drift by month")


def test_rejected_rows_are_shares_of_the_published_ones(whole: Report) -> None:
    first = table(whole, "Data quality by month")[0]
    assert first == (
        *("2022-01", "60,000", "56,400"),
        *("0.0%", "1.0%", "2.0%", "3.0%"),
        *("0.0%", "0.0%"),
    )


def test_what_is_missing_is_said_with_the_reason() -> None:
    empty = overall_report(Overview("Green taxi", "metered"))
    assert "No model is in use yet" in said(empty, "The champion")
    assert "No model was evaluated yet" in said(empty, "Errors by month")
    assert "no evaluated model gives intervals" in said(empty, "Intervals by month")
    assert "No drift was measured yet" in said(empty, "Drift by month")
    assert "No month is there yet" in said(empty, "Data quality by month")
    assert empty.pictures() == {}
    assert empty.warning == ""


def test_lines_that_are_left_out_are_named() -> None:
    report = overall_report(invented_overview(course={}, drifts={}, models={}))
    assert "The course's model is left out" in said(report, "Errors by month")
    assert "The champion's line is left out" in said(report, "Errors by month")
    assert "tuned" not in said(report, "Errors by month")
