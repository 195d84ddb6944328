from __future__ import annotations

import base64
import subprocess
import sys
from importlib.resources import files

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from duration_assets.modelling.reports.report import (
    NOTHING,
    Block,
    Picture,
    Report,
    Section,
    Table,
    counts,
    minutes,
    shares,
    signed_minutes,
    texts,
)
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page

EVIL = "<script>alert(1)</script>|*x*[a](javascript:b)`c`&amp;_d_ https://evil.example"
PNG = b"\x89PNG and more"


def report(text: str = "Said.", title: str = "Report", warning: str = "") -> Report:
    table = Table(
        (
            texts("which"),
            counts("trips"),
            shares("share"),
            minutes("RMSE"),
            signed_minutes("bias"),
        ),
        [[text, 1_234_567, 0.1234, 4.3416, -0.5], ["none", None, None, None, None]],
    )
    blocks: list[Block] = [text, table, Picture("a_picture", PNG, text)]
    return Report(title, [Section(title, blocks)], warning)


def rendered(markdown: str) -> str:
    """Render Markdown as Dagster's web UI does, with tables and without what is HTML in it."""
    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return html


def test_figures_are_written_the_same_way_on_the_page_and_in_markdown() -> None:
    expected = ["Said.", "1,234,567", "12.3%", "4.342", "-0.500", "none", *[NOTHING] * 4]
    shown = read_page(report().to_html()).texts
    in_markdown = read_page(rendered(report().to_markdown())).texts
    start = shown.index("bias") + 1
    assert shown[start : start + len(expected)] == expected
    start = in_markdown.index("bias") + 1
    assert in_markdown[start : start + len(expected)] == expected


def test_a_page_stands_alone_whatever_data_says() -> None:
    html = report(EVIL, title=EVIL, warning=EVIL).to_html()
    check_that_it_stands_alone(html)
    assert read_page(html).texts.count(EVIL) == 8


def test_a_picture_stands_in_the_text_and_by_its_name() -> None:
    address = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert address in read_page(report().to_html()).addresses
    assert address in read_page(rendered(report().to_markdown())).addresses
    assert report().pictures() == {"a_picture": PNG}


def test_a_warning_is_the_first_thing_after_the_title() -> None:
    texts_of_page = read_page(report(warning="SIMULATED!").to_html()).texts
    assert texts_of_page[1:3] == ["Report", "SIMULATED!"]
    assert rendered(report(warning="SIMULATED!").to_markdown()).startswith(
        "<h1>Report</h1>\n<p><strong>SIMULATED!</strong></p>"
    )


words = st.text(
    st.one_of(
        st.sampled_from("\\`*_[]<>|~&-+#=.)(!: 1\n"),
        st.characters(codec="utf-8", exclude_categories=["Cc"]),
    ),
    max_size=12,
).map(lambda text: f"{text}x")


# A busy machine takes its time.
@settings(deadline=None)
@given(words)
def test_any_text_shows_as_it_is_in_markdown(text: str) -> None:
    line = " ".join(text.split())
    page = read_page(rendered(report(text, title=text, warning=text).to_markdown()))
    assert set(page.elements) == {
        *("h1", "h2", "p", "strong", "em", "img"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    whole = "".join(page.texts)
    assert whole.startswith(line + line + line + line)
    assert whole.endswith(line)


# A busy machine takes its time.
@settings(deadline=None)
@given(words)
def test_any_text_shows_as_it_is_on_the_page(text: str) -> None:
    page = read_page(report(text).to_html())
    assert page.texts.count(text) == 3


def test_importing_the_reports_loads_nothing_heavy() -> None:
    heavy = ("dagster", "jinja2", "matplotlib", "xgboost", "sklearn", "pandas", "markdown_it")
    code = (
        "import sys, duration_assets.modelling.reports.evaluation_report; "
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_template_is_part_of_the_package() -> None:
    import tomllib

    from duration_assets_tests.conftest import REPOSITORY

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    shipped = project["tool"]["setuptools"]["package-data"]
    patterns = shipped["duration_assets.modelling.reports"]
    found = [path.name for path in files("duration_assets.modelling.reports").iterdir()]
    assert patterns == ["*.jinja"]
    assert [name for name in found if name.endswith(".jinja")] == ["report.html.jinja"]
