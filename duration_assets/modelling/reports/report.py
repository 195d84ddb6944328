"""What a report is made of: titled sections of paragraphs, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "-"
"""Stands for a figure that there is not."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: of the column.
        write: turns a value, which is never None, into text.
        is_figure: whether it holds figures, which are aligned by their last digit.
        wraps: whether a text may go over several lines; figures never do.
    """

    title: str
    write: Callable[[Any], str] = str
    is_figure: bool = True
    wraps: bool = True


def texts(title: str) -> Column:
    """Return a column of texts."""
    return Column(title, is_figure=False)


def months(title: str) -> Column:
    """Return a column of months."""
    return Column(title, is_figure=False, wraps=False)


def counts(title: str) -> Column:
    """Return a column of whole numbers."""
    return Column(title, lambda value: f"{value:,d}")


def minutes(title: str) -> Column:
    """Return a column of minutes."""
    return Column(title, lambda value: f"{value:.3f}")


def signed_minutes(title: str) -> Column:
    """Return a column of minutes too many or too few."""
    return Column(title, lambda value: f"{value:+.3f}")


def figures(title: str) -> Column:
    """Return a column of figures without a unit."""
    return Column(title, lambda value: f"{value:.3f}")


def shares(title: str) -> Column:
    """Return a column of shares of 1, which are shown in percent."""
    return Column(title, lambda value: f"{value:.1%}")


@dataclass(frozen=True)
class Table:
    """A table of n rows and k columns.

    Attributes:
        columns: the k columns.
        rows: n rows of k values; None where there is none.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]

    def written(self) -> Iterator[tuple[str, ...]]:
        """Yield each row as texts."""
        for row in self.rows:
            yield tuple(
                NOTHING if value is None else column.write(value)
                for column, value in zip(self.columns, row, strict=True)
            )


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        name: of its file, without an ending.
        content: a PNG file.
        caption: what it shows, for those too who cannot see it.
    """

    name: str
    content: bytes
    caption: str


Block = str | Table | Picture
"""A paragraph, a table or a picture."""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: of the section.
        blocks: what it holds, in order.
    """

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: of the report.
        sections: its parts, in order.
        warning: what a reader must know before all else, if there is something.
    """

    title: str
    sections: Sequence[Section]
    warning: str = ""

    def pictures(self) -> dict[str, bytes]:
        """Return every picture by its name."""
        return {
            block.name: block.content
            for section in self.sections
            for block in section.blocks
            if isinstance(block, Picture)
        }

    def to_markdown(self, *, pictures_beside: bool = False) -> str:
        """Write the report as Markdown.

        Args:
            pictures_beside: whether its pictures are files beside it, and not in it.
        """
        from duration_assets.modelling.reports.markdown import write_markdown

        return write_markdown(self, pictures_beside=pictures_beside)

    def to_html(self) -> str:
        """Write the report as a web page that needs nothing else."""
        from duration_assets.modelling.reports.web_page import write_web_page

        return write_web_page(self)
