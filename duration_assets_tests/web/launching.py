"""Making months from the web UI: the dialog that asks which, its runs and its backfills.

Only this module and `pages.py` know how the pages are built. Every function waits for what it looks
for.
"""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from duration_assets.months import Month

_RUN_WITHIN = 120_000
_BACKFILL_WITHIN = 240_000


def choose_months(page: Page, first: Month, last: Month | None = None) -> Locator:
    """Ask to materialize what the open page shows, one asset or many, for a month or a range.

    Returns:
        The dialog, which waits for `launch` or `launch_backfill`.
    """
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    months = dialog.get_by_placeholder("ex:")
    months.fill(str(first) if last is None else f"[{first}...{last}]")
    months.press("Enter")
    button = "Launch 1 run" if last is None else "Launch backfill"
    expect(dialog.get_by_role("button", name=button)).to_be_enabled()
    return dialog


def launch(page: Page, dialog: Locator) -> None:
    """Launch the run that the dialog asks for, and open its page."""
    dialog.get_by_role("button", name="Launch 1 run").click()
    expect(page.get_by_text("Launched run")).to_be_visible()
    page.get_by_text("View", exact=True).last.click()
    page.wait_for_url("**/runs/*")


def launch_backfill(page: Page, dialog: Locator) -> None:
    """Launch the backfill that the dialog asks for, and open its page."""
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_text("Created backfill")).to_be_visible()
    page.get_by_text("View", exact=True).last.click()
    page.wait_for_url("**/runs/b/*")


def expect_run_to_end(page: Page, status: str) -> None:
    """Wait until the run whose page is open has ended, as `Success` or `Failure`."""
    ended = page.get_by_text(re.compile("^(Success|Failure|Canceled)$")).first
    expect(ended).to_have_text(status, timeout=_RUN_WITHIN)


def expect_backfill_to_succeed(page: Page) -> None:
    """Wait until the backfill whose page is open has ended well."""
    label = page.get_by_text("Status", exact=True).locator("xpath=../..")
    ended = label.get_by_text(re.compile("^(Succeeded|Failed|Canceled)$"))
    expect(ended).to_have_text("Succeeded", timeout=_BACKFILL_WITHIN)


def backfill_row(page: Page, asset: str) -> Locator:
    """Return what the open page of a backfill says of an asset, by its key."""
    link = page.locator(f'a[href="/assets/{asset}"]')
    return page.locator("[class*=BackfillAssetPartitionsTable_row]").filter(has=link)


def expect_all_made(row: Locator, months: int) -> None:
    """Expect that a backfill was to make so many months of an asset, and made them all.

    Its bar is green from end to end.
    """
    counts = row.locator("xpath=./*").filter(has_text=re.compile(r"^\d+$"))
    expect(counts).to_have_text([str(months), "0", str(months), "0"])
    expect(row.locator("[style*='columns: 100% 0% 0%'] > :first-child")).to_have_attribute(
        "style", re.compile("green")
    )


def previewed(page: Page, dialog: Locator) -> dict[str, str]:
    """Open the preview of what a backfill across groups would make.

    Returns:
        The months of each asset, by its key: `2023-01...2023-03`.
    """
    dialog.get_by_text("Preview", exact=True).click()
    preview = page.get_by_role("dialog").filter(has_text="Backfill preview")
    rows = preview.locator("[class*=BackfillPreviewDialog_row]")
    expect(rows.first).to_be_visible()
    found = {}
    for row in rows.all():
        address = row.get_by_role("link").get_attribute("href")
        assert address is not None
        found[address.removeprefix("/assets/")] = row.locator("xpath=./*").last.inner_text()
    return found
