"""Backfills that are launched from the web UI: of one group after the other, and of everything."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from duration_assets.months import Month
from duration_assets_tests.records import Made, Records
from duration_assets_tests.web.launching import (
    backfill_row,
    choose_months,
    expect_all_made,
    expect_backfill_to_succeed,
    launch_backfill,
    previewed,
)
from duration_assets_tests.web.pages import (
    CURRENT,
    month_row,
    open_asset,
    open_graph,
    open_group,
)
from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import FIRST, MADE, Servers

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

SECOND, THIRD = FIRST.shift(1), FIRST.shift(2)
# The first month has no model before it that could be judged on it.
PICKED = {"data": (FIRST, THIRD), "models": (FIRST, THIRD), "evaluations": (SECOND, THIRD)}


def test_a_backfill_of_each_group_makes_the_months_picked_and_no_others(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    records = Records(servers.home.settings)
    for group, (first, last) in PICKED.items():
        months = list(first.through(last))
        versions, runs = records.versions(), records.runs()
        open_group(page, servers, group)
        dialog = choose_months(page, first, last)
        if group == "data":
            pictures.save(page, "backfill-months", dialog)
        launch_backfill(page, dialog)
        expect_backfill_to_succeed(page)
        for asset in MADE[group]:
            expect_all_made(backfill_row(page, asset), len(months))
        if group == "data":
            save_picture(page, pictures, MADE[group])

        made = records.versions().items() - versions.items()
        assert {partition for partition, _ in made} == {
            (asset, str(month)) for asset in MADE[group] for month in months
        }
        # Dagster lists the newest first.
        assert sorted(_new(records.runs(), runs)) == [
            (group, str(month), "SUCCESS") for month in months
        ]
        expect_months_to_be_green(page, servers, MADE[group][-1], months)


def save_picture(page: Page, pictures: Pictures, assets: tuple[str, ...]) -> None:
    """Save a picture of the open page of a backfill, without what was said as it was launched."""
    page.reload()
    page.set_viewport_size({"width": 1200, "height": 480})
    for asset in assets:
        expect(backfill_row(page, asset)).to_be_visible()
    pictures.save(page, "backfill")
    page.set_viewport_size({"width": 1600, "height": 900})


def expect_months_to_be_green(
    page: Page, servers: Servers, asset: str, months: list[Month]
) -> None:
    """Open the list of an asset's partitions, and expect these months in it to be made."""
    open_asset(page, servers, asset, "partitions")
    for month in months:
        expect(month_row(page, month).locator(CURRENT)).to_be_visible()


def _new(runs: list[Made], before: list[Made]) -> list[tuple[str, str, str]]:
    return [(run.group, run.month, run.status) for run in runs[: len(runs) - len(before)]]


def test_the_preview_of_a_backfill_of_everything_shows_months_that_were_not_picked(
    page: Page, servers: Servers
) -> None:
    open_graph(page, servers)
    months = previewed(page, choose_months(page, FIRST, THIRD))
    picked, reached = f"{FIRST}...{THIRD}", f"{FIRST}...{THIRD.shift(1)}"
    evaluation = months.pop("green/metered/evaluation")
    followers = [months.pop(key) for key in (*MADE["champions"], *MADE["monitoring"])]
    # It is shown, but no search begins: its runs refuse to be part of a backfill.
    followers.append(months.pop("green/metered/tuned_parameters"))
    assert months == {
        **dict.fromkeys(MADE["data"], picked),
        **dict.fromkeys(MADE["models"], reached),
        "green/metered/validation_matrix": f"{SECOND}...{THIRD}",
    }
    # Dagster's answer for these depends on the order in which it happens to walk the graph.
    assert evaluation in (f"{SECOND}...{THIRD}", f"{SECOND}...{THIRD.shift(2)}")
    assert all(each.startswith((f"{SECOND}...", f"{THIRD}...")) for each in followers), followers
