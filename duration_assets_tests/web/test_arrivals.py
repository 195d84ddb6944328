"""A file is dropped into the source folder, and the web UI shows what becomes of it by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from duration_assets_tests.months import MARCH, published, simulated_folder
from duration_assets_tests.records import Made, Records, publish
from duration_assets_tests.web.pages import (
    CURRENT,
    GROUPS,
    close_dialog,
    graph_asset,
    graph_group,
    hide_side_panels,
    open_dialog_of,
    open_graph,
    open_sensor,
    requesting_tick,
    show_requesting_ticks,
)
from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import MADE, Servers

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

_CARRIED_ON_WITHIN = 300_000


def test_a_dropped_file_shows_as_a_tick_and_goes_on_to_a_model_and_an_evaluation(
    page: Page, watching: Servers, pictures: Pictures, tmp_path: Path
) -> None:
    records = Records(watching.home.settings)
    before = records.runs()
    open_graph(page, watching)
    for asset in MADE["data"]:
        name = asset.rpartition("/")[2]
        expect(graph_asset(page, name)).to_be_visible()
        expect(graph_asset(page, name).locator(CURRENT)).to_have_count(0)
    publish(published(simulated_folder(tmp_path, MARCH), MARCH), watching.home.source)

    open_sensor(page, watching, "green_source")
    tick = requesting_tick(page)
    expect(tick).to_be_visible(timeout=_CARRIED_ON_WITHIN)
    log = open_dialog_of(page, tick, "View logs")
    expect(log).to_contain_text(f"{MARCH} is asked for, new at the source.")
    close_dialog(page, "Done")
    requested = open_dialog_of(page, tick, "1 run requested")
    expect(requested).to_contain_text(f"partition: {MARCH}")
    expect(requested).to_contain_text("green_data")
    expect(requested.get_by_text("Success", exact=True)).to_be_visible()
    close_dialog(page, "Close")

    open_graph(page, watching)
    hide_side_panels(page)
    # Opened again, it makes use of the room.
    open_graph(page, watching)
    for assets in MADE.values():
        for asset in assets:
            green = graph_asset(page, asset.rpartition("/")[2]).locator(CURRENT)
            expect(green).to_be_visible(timeout=_CARRIED_ON_WITHIN)
    pictures.save(page, "graph", *(graph_group(page, group) for group in GROUPS))
    assert set(records.runs()[: -len(before)]) == {
        Made(group, str(MARCH), "SUCCESS") for group in GROUPS
    }

    open_sensor(page, watching, "green_source")
    show_requesting_ticks(page)
    expect(tick).to_be_visible()
    heading = page.get_by_text("green_source", exact=True).first
    pictures.save(page, "sensor-ticks", heading, tick)
