"""The page of `report` in a browser, as people see it: wide, on a phone, and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from duration_assets.modelling.reports.overall_report import overall_report
from duration_assets_tests.overviews import FLAGGED, invented_overview
from duration_assets_tests.web.conftest import ARGUMENTS, CHROMIUM
from duration_assets_tests.web.pictures import Pictures

pytestmark = pytest.mark.browser

_WIDER_THAN_THE_PAGE = "() => document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that needs no servers: the page is a file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def address(tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text(overall_report(invented_overview()).to_html())
    return path.as_uri()


def test_the_page_shows_every_part_with_its_pictures_and_asks_for_nothing(
    page: Page, address: str, pictures: Pictures
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 960, "height": 1400})
    page.goto(address)
    for title in ("champion", "Errors by month", "Intervals", "Drift", "Data quality"):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    shown = page.locator("img")
    expect(shown).to_have_count(4)
    widths = [each.evaluate("image => image.naturalWidth") for each in shown.all()]
    assert all(width > 400 for width in widths)
    expect(page.get_by_role("row", name=f"{FLAGGED} ").filter(has_text="bias")).to_be_visible()
    assert [url for url in asked if not url.startswith("data:")] == [address]
    pictures.save(page, "overall-report")
    page.get_by_role("link", name="Data quality by month").click()
    expect(page.get_by_role("heading", name="Data quality by month")).to_be_in_viewport()


def test_the_page_fits_a_phone_and_the_dark(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    assert not page.evaluate(_WIDER_THAN_THE_PAGE)
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background != "rgb(255, 255, 255)"
