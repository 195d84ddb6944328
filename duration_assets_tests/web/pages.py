"""Finding one's way in Dagster's web UI: pages, and what stands on them.

Only this module and `launching.py` know how the pages are built. Every function waits for what it
looks for.
"""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from duration_assets.months import Month
from duration_assets_tests.web.servers import Servers

GROUPS = ("data", "models", "evaluations", "champions", "monitoring")
LOCATION = "duration_assets.definitions"

CURRENT = "[style*=green]"
"""Inside an asset in the graph: it is green, all its months are made. Inside a month: it is."""

# A chart is only pixels in a canvas. What it draws is read from the component that draws it, once
# there are pixels of its line's colour.
_DRAWN = """name => {
  for (const canvas of document.querySelectorAll('canvas')) {
    let fiber = canvas[Object.keys(canvas).find(key => key.startsWith('__reactFiber'))];
    while (fiber && !(fiber.memoizedProps && fiber.memoizedProps.data)) fiber = fiber.return;
    const data = fiber && fiber.memoizedProps.data;
    if (!data || !data.datasets || !data.datasets.length) continue;
    const line = data.datasets[0];
    if (line.label !== name) continue;
    const [red, green, blue] = line.borderColor.match(/\\d+/g).map(Number);
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i] === red && pixels[i + 1] === green && pixels[i + 2] === blue) {
        const points = line.data.filter(point => Number.isFinite(point.y));
        return Object.fromEntries(points.map(point => [data.labels[point.x], point.y]));
      }
    }
  }
  return null;
}"""


def open_graph(page: Page, servers: Servers) -> None:
    """Open the graph of all assets, with every group unfolded."""
    groups = ",".join(f"global@global:{group}" for group in (*GROUPS, "tuning"))
    page.goto(f"{servers.dagster}/asset-groups?expanded={quote(groups, safe='')}")


def graph_group(page: Page, group: str) -> Locator:
    """Return the box of a group in the graph."""
    heading = page.get_by_text(group, exact=True)
    return page.locator("foreignObject.group").filter(has=heading)


def graph_asset(page: Page, name: str) -> Locator:
    """Return an asset in the graph, by the last part of its key."""
    return page.locator("foreignObject:not(.group)").filter(
        has=page.get_by_text(name, exact=True).first
    )


def hide_side_panels(page: Page) -> None:
    """Give the graph the whole width."""
    page.get_by_text("Hide navigation", exact=True).click()
    page.get_by_label("panel_show_right").last.click()


def open_asset(page: Page, servers: Servers, asset: str, view: str = "overview") -> None:
    """Open the page of an asset.

    Args:
        page: the browser's page.
        servers: the servers.
        asset: its key, `green/cleaned_trips`.
        view: the tab: overview, partitions, events, checks or lineage.
    """
    page.goto(f"{servers.dagster}/assets/{asset}?view={view}")


def open_month(page: Page, servers: Servers, asset: str, month: Month) -> None:
    """Open a month of an asset: what its latest materialization says."""
    page.goto(f"{servers.dagster}/assets/{asset}?view=partitions&partition={month}")


def month_row(page: Page, month: Month) -> Locator:
    """Return a month in the list of an asset's partitions."""
    return page.locator("[class*=assetListRow]").filter(has=page.get_by_title(str(month)))


def open_check(page: Page, servers: Servers, asset: str, check: str) -> None:
    """Open what a check of an asset said last."""
    page.goto(f"{servers.dagster}/assets/{asset}?view=checks&checkDetail={check}")


def open_group(page: Page, servers: Servers, group: str) -> None:
    """Open the page of a group, on which all its assets can be materialized at once."""
    page.goto(f"{servers.dagster}/locations/{LOCATION}/asset-groups/{group}/lineage")


def entry(page: Page, heading: str) -> Locator:
    """Return what stands under a heading of an asset's page, such as Owners or Row count."""
    return page.get_by_text(heading, exact=True).locator("xpath=..")


def section(page: Page, heading: str) -> Locator:
    """Return a part of an asset's page that can be folded, such as Columns or Metadata."""
    return page.get_by_text(heading, exact=True).locator("xpath=ancestor::button/..")


def table_row(page: Page, first_cell: str) -> Locator:
    """Return the row of a column or of a metadata value, by what stands in its first cell."""
    return page.locator(f'xpath=//tr[td[1][normalize-space()="{first_cell}"]]')


def show_picture(page: Page, key: str) -> Locator:
    """Open a picture among the metadata, and return it."""
    return show_report(page, key).locator("img")


def show_report(page: Page, key: str) -> Locator:
    """Open what is longer than a line among the metadata, and return the dialog that shows it."""
    table_row(page, key).get_by_text("[Show Markdown]").click()
    return page.get_by_role("dialog")


def show_plots(page: Page) -> None:
    """Turn an asset's metadata from a table into plots over its months."""
    page.get_by_role("button", name="Plots").click()


def plotted(page: Page, key: str) -> dict[str, float]:
    """Return the points that the plot of a metadata value has, by month."""
    points: dict[str, float] = page.wait_for_function(_DRAWN, arg=key).json_value()
    return points


def check_row(page: Page, check: str) -> Locator:
    """Return a check in the list of an asset's checks."""
    return page.locator("[class*=checkRow]").filter(has=page.get_by_title(check, exact=True))


def open_sensor(page: Page, servers: Servers, sensor: str, asking_only: bool = False) -> None:
    """Open the page of a sensor: when it looked, and what came of it.

    Args:
        page: the browser's page.
        servers: the servers.
        sensor: its name.
        asking_only: show only the looks that asked for something.
    """
    shown = "?status=success" if asking_only else ""
    page.goto(f"{servers.dagster}/locations/{LOCATION}/sensors/{sensor}{shown}")


def requesting_tick(page: Page) -> Locator:
    """Return the latest look of the sensor, among those that are shown, that asked for a run."""
    return page.get_by_role("row").filter(has_text="1 run requested").first


def open_dialog_of(page: Page, row: Locator, button: str) -> Locator:
    """Open what a row shows in a dialog, and return that; `close_dialog` closes it again."""
    row.get_by_role("button", name=button).click()
    return page.get_by_role("dialog")


def close_dialog(page: Page, button: str) -> None:
    """Close the dialog that is open, with the button that it has for it."""
    page.get_by_role("dialog").get_by_role("button", name=button).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
