"""Making months from the web UI, and what it shows when a month is bad."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Page, expect

from duration_assets_tests.months import JANUARY, published
from duration_assets_tests.web.launching import choose_months, expect_run_to_end, launch
from duration_assets_tests.web.pages import (
    CURRENT,
    check_row,
    month_row,
    open_asset,
    open_check,
    open_group,
)
from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import LAST, MADE, Servers

pytestmark = [pytest.mark.browser, pytest.mark.daemon]


def test_a_month_is_made_group_by_group_from_the_web_ui(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    store = servers.home.store
    # What watches a champion needs one of the month before.
    for group, assets in list(MADE.items())[:-1]:
        assert [store.find(asset, LAST) for asset in assets] == [None] * len(assets)
        open_group(page, servers, group)
        dialog = choose_months(page, LAST)
        if group == "models":
            pictures.save(page, "materialize", dialog)
        launch(page, dialog)
        expect_run_to_end(page, "Success")
        assert None not in [store.find(asset, LAST) for asset in assets]
        open_asset(page, servers, assets[-1], "partitions")
        expect(month_row(page, LAST).locator(CURRENT)).to_be_visible()


def test_one_asset_is_made_again_from_its_page(page: Page, servers: Servers) -> None:
    before = servers.home.store.require("green/zone_statistics", JANUARY, "the test")
    open_asset(page, servers, "green/zone_statistics")
    launch(page, choose_months(page, JANUARY))
    expect_run_to_end(page, "Success")
    after = servers.home.store.require("green/zone_statistics", JANUARY, "the test")
    assert after.written > before.written
    assert after.data_version == before.data_version


def test_another_month_s_file_fails_the_run_and_its_check_shows_why(
    page: Page, servers: Servers, pictures: Pictures
) -> None:
    source = servers.home.source
    shutil.copy(published(source, JANUARY), published(source, LAST))
    open_group(page, servers, "data")
    launch(page, choose_months(page, LAST))
    expect_run_to_end(page, "Failure")
    open_check(page, servers, "green/cleaned_trips", "trips_in_month")
    expect(check_row(page, "trips_in_month").get_by_label("cancel")).to_be_visible()
    expect(check_row(page, "zones_known").get_by_label("check_circle")).to_be_visible()
    message = page.get_by_text("it looks like another month's file")
    expect(message).to_be_visible()
    expect(page.get_by_text(str(LAST), exact=True).first).to_be_visible()
    shown = page.get_by_text("Evaluation result", exact=True).locator("xpath=..")
    heading = page.get_by_text("Assets", exact=True).first
    pictures.save(page, "failed-check", heading, message, shown)
