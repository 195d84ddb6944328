"""The graph of all assets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from duration_assets_tests.web.pages import graph_asset, graph_group, open_graph
from duration_assets_tests.web.servers import Servers

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

MEMBERS = {
    "data": ("raw_trips", "cleaned_trips", "zone_statistics"),
    "models": ("preprocessor", "training_matrix", "duration_model"),
    "evaluations": ("validation_matrix", "evaluation"),
    "champions": ("champion",),
}


def test_the_graph_shows_every_asset_in_its_group_and_no_dialog_over_it(
    page: Page, servers: Servers
) -> None:
    open_graph(page, servers)
    for group, assets in MEMBERS.items():
        outer = graph_group(page, group)
        expect(outer).to_have_count(1)
        for name in assets:
            expect(graph_asset(page, name)).to_have_count(1)
            around, inside = outer.bounding_box(), graph_asset(page, name).bounding_box()
            assert around is not None
            assert inside is not None
            assert around["x"] < inside["x"]
            assert inside["x"] + inside["width"] < around["x"] + around["width"]
    expect(page.get_by_role("dialog")).to_have_count(0)
