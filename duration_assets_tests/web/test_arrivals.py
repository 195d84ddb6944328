"""A file is dropped into the source folder, and the web UI shows what becomes of it by itself."""

from __future__ import annotations

from collections.abc import Iterator
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
)
from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import MADE, Servers, running_servers, waiting_home

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

_CARRIED_ON_WITHIN = 300_000


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, clean_session_environment: None
) -> Iterator[Servers]:
    """Servers with all their sensors, which look at the source folder every few seconds."""
    folder = tmp_path_factory.mktemp("arrivals")
    with running_servers(waiting_home(folder), folder, DURATION_LOOK_EVERY="5") as servers:
        yield servers


def test_a_dropped_file_shows_as_a_tick_and_goes_on_to_a_model_and_an_evaluation(
    page: Page, servers: Servers, pictures: Pictures, tmp_path: Path
) -> None:
    records = Records(servers.home.settings)
    before = records.runs()
    open_graph(page, servers)
    for asset in MADE["data"]:
        name = asset.rpartition("/")[2]
        expect(graph_asset(page, name)).to_be_visible()
        expect(graph_asset(page, name).locator(CURRENT)).to_have_count(0)
    publish(published(simulated_folder(tmp_path, MARCH), MARCH), servers.home.source)

    open_sensor(page, servers, "green_source")
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

    open_graph(page, servers)
    hide_side_panels(page)
    # Opened again, it makes use of the room.
    open_graph(page, servers)
    for assets in MADE.values():
        for asset in assets:
            green = graph_asset(page, asset.rpartition("/")[2]).locator(CURRENT)
            expect(green).to_be_visible(timeout=_CARRIED_ON_WITHIN)
    pictures.save(page, "graph", *(graph_group(page, group) for group in GROUPS))
    assert set(records.runs()[: -len(before)]) == {
        Made(group, str(MARCH), "SUCCESS") for group in GROUPS
    }

    open_sensor(page, servers, "green_source", asking_only=True)
    expect(tick).to_be_visible()
    page.set_viewport_size({"width": 1600, "height": 760})
    pictures.save(page, "sensor-ticks")
