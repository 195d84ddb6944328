"""Reading a report's web page as a browser would, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page(HTMLParser):
    """What a page holds.

    Attributes:
        elements: every element's name, in order.
        addresses: everything that the page asks for or leads to.
        attributes: the names of all attributes.
        texts: the texts between the tags, without the style sheet.
        style: the style sheet.
    """

    elements: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"src", "href", "action", "data", "srcset", "poster", "background"}:
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] == "style" and not self.style:
            self.style = data
        elif data.strip():
            self.texts.append(data)


def read_page(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def check_that_it_stands_alone(html: str) -> None:
    """Check that a page asks for nothing but what stands in it, and runs nothing."""
    page = read_page(html)
    assert page.addresses
    assert [each for each in page.addresses if not each.startswith(("data:image/png;", "#"))] == []
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.elements)
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert page.style
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert "default-src 'none'" in html
