"""A report as a web page: one file, without scripts, that asks for nothing else.

What comes from data is escaped by Jinja2, and the page forbids the browser to load anything but
what stands in it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from duration_assets.modelling.reports.markdown import data_address
from duration_assets.modelling.reports.report import Picture, Table

if TYPE_CHECKING:
    from jinja2 import Template

    from duration_assets.modelling.reports.report import Block, Report

TEMPLATE = "report.html.jinja"


def write_web_page(report: Report) -> str:
    """Write a report as a web page."""
    sections = [
        {"title": section.title, "blocks": [_block(block) for block in section.blocks]}
        for section in report.sections
    ]
    return _template().render(title=report.title, warning=report.warning, sections=sections)


@cache
def _template() -> Template:
    # Only reports need it.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files(__package__).joinpath(TEMPLATE).read_text("utf-8"))


def _block(block: Block) -> dict[str, Any]:
    """Return a block as the template takes it."""
    if isinstance(block, Table):
        return {"kind": "table", "columns": block.columns, "rows": list(block.written())}
    if isinstance(block, Picture):
        return {
            "kind": "picture",
            "address": data_address(block.content),
            "caption": block.caption,
        }
    return {"kind": "text", "text": block}
