"""The servers, a browser, and a page in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from duration_assets_tests.web.pictures import Pictures
from duration_assets_tests.web.servers import Servers, filled_home, running_servers

CHROMIUM = "/usr/bin/chromium"
# Without the sandbox it runs as root, and without the rest it asks nothing of the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE = 60_000.0


@pytest.fixture(scope="session")
def servers(
    tmp_path_factory: pytest.TempPathFactory, clean_session_environment: None
) -> Iterator[Servers]:
    """Servers that make nothing by themselves: the tests make what they want."""
    folder = tmp_path_factory.mktemp("web")
    with running_servers(filled_home(folder), folder, DURATION_SENSORS="off") as servers:
        yield servers


# Not for the session: while it is open, nothing else can run an event loop of its own: neither
# another test nor what fills a home for the servers.
@pytest.fixture(scope="module")
def browser(servers: Servers) -> Iterator[Browser]:
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of somebody who has not been here before."""
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    context.set_default_timeout(_PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    folder = os.environ.get("DURATION_TEST_SCREENSHOTS")
    return Pictures(Path(folder) if folder else None)
