"""The command `report`, on homes with little in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from duration_assets.cli import main
from duration_assets.modelling.cleaning import REASONS
from duration_assets.months import Month
from duration_assets.resources.store import Store
from duration_assets_tests.modelling.reports.pages import check_that_it_stands_alone, read_page
from duration_assets_tests.months import JANUARY


def put(home: Path, asset: str, month: Month, *, simulated: bool = False) -> None:
    """Put a partition into a home of which nothing but its counts matters."""
    counts = {"rows": 10, "kept": 10, "missing_zones": 0, "missing_distance": 0}
    with Store(home / "store").writing(asset, month) as draft:
        draft.commit(
            data_version="1",
            code_version="1",
            inputs={},
            summary={**counts, "rejected": dict.fromkeys(REASONS, 0)},
            simulated=simulated,
        )


def report(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["report", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DURATION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_page_is_written_into_the_home_and_says_what_is_missing(home: Path) -> None:
    put(home, "green/cleaned_trips", JANUARY)
    code, output, errors = report()
    path = home / "reports" / "green-metered.html"
    assert (code, output, errors) == (0, f"Report: {path}\n", "")
    check_that_it_stands_alone(path.read_text())
    said = " ".join(read_page(path.read_text()).texts)
    assert "No model is in use yet" in said
    assert "2023-01 10 10" in said


def test_the_page_can_go_elsewhere_and_simulated_trips_are_named(
    home: Path, tmp_path: Path
) -> None:
    put(home, "green/cleaned_trips", JANUARY, simulated=True)
    path = tmp_path / "sub" / "page.html"
    code, output, _ = report("--feature-set", "request", "--output", str(path))
    assert code == 0
    assert "SIMULATED" in output
    assert "Green taxi, request" in path.read_text()
    assert not (home / "reports").exists()


def test_a_page_that_cannot_be_written_is_an_error_with_a_way_out(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, output, errors = report("--output", str(tmp_path / "file" / "page.html"))
    assert (code, output) == (1, "")
    assert "choose another file with --output" in errors


def test_a_feature_set_that_does_not_go_with_the_service_is_refused(home: Path) -> None:
    code, _, errors = report("--service", "fhv")
    assert code == 1
    assert "publishes no distance" in errors
