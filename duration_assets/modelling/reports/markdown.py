"""A report as Markdown: for Dagster's web UI, with its pictures in the text, or as a file."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from duration_assets.modelling.reports.report import Picture, Table

if TYPE_CHECKING:
    from duration_assets.modelling.reports.report import Block, Report

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")
# What makes a list, a heading or a rule of a line that begins with it.
_AT_THE_START = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-+](?:[-+\s]|$))|(?=[#=]))(.)")


def write_markdown(report: Report, *, pictures_beside: bool = False) -> str:
    """Write a report as Markdown; see `Report.to_markdown`."""
    return "\n\n".join(_blocks(report, pictures_beside)) + "\n"


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it as it is, in one line."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _AT_THE_START.sub(r"\1\\\2", line)


def picture(name: str, content: bytes) -> str:
    """Return a PNG file as Markdown."""
    return f"![{escaped(name)}]({data_address(content)})"


def data_address(content: bytes) -> str:
    """Return a PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _blocks(report: Report, pictures_beside: bool) -> Iterator[str]:
    yield f"# {escaped(report.title)}"
    if report.warning:
        yield f"**{escaped(report.warning)}**"
    for section in report.sections:
        yield f"## {escaped(section.title)}"
        for block in section.blocks:
            yield _block(block, pictures_beside)


def _block(block: Block, pictures_beside: bool) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        address = f"{block.name}.png" if pictures_beside else data_address(block.content)
        return f"![{escaped(block.caption)}]({address})\n\n*{escaped(block.caption)}*"
    return escaped(block)


def _table(table: Table) -> str:
    titles = [column.title for column in table.columns]
    rules = ["---:" if column.is_figure else "---" for column in table.columns]
    rows = [_row(list(map(escaped, row))) for row in table.written()]
    return "\n".join([_row(list(map(escaped, titles))), _row(rules), *rows])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
