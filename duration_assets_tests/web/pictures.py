"""Pictures of the web UI for the documentation, made only when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FloatRect, Locator, Page

# Whatever moves has come to rest, but for what turns for ever.
_AT_REST = """() => Promise.allSettled(document.getAnimations()
  .filter(each => each.effect.getComputedTiming().endTime !== Infinity)
  .map(each => each.finished))"""


@dataclass(frozen=True)
class Pictures:
    """Saves pictures of what a test looks at.

    Attributes:
        folder: where they go; with None, none is made.
    """

    folder: Path | None

    def save(self, page: Page, name: str, *shown: Locator, margin: int = 16) -> None:
        """Save the part of the page that holds everything `shown`, or all that is visible.

        Args:
            page: the page.
            name: the file's name, without its ending.
            shown: elements that the picture has to hold.
            margin: pixels around them.
        """
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        page.evaluate(_AT_REST)
        clip = _around(page, shown, margin)
        page.screenshot(path=self.folder / f"{name}.png", clip=clip, animations="disabled")


def _around(page: Page, shown: tuple[Locator, ...], margin: int) -> FloatRect | None:
    if not shown:
        return None
    boxes = [box for each in shown if (box := each.bounding_box()) is not None]
    size = page.viewport_size
    assert boxes
    assert size is not None
    left = max(min(box["x"] for box in boxes) - margin, 0)
    top = max(min(box["y"] for box in boxes) - margin, 0)
    right = min(max(box["x"] + box["width"] for box in boxes) + margin, size["width"])
    bottom = min(max(box["y"] + box["height"] for box in boxes) + margin, size["height"])
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
