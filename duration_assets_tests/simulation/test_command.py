from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from duration_assets.cli import main
from duration_assets.demonstration import HOME
from duration_assets.simulation.schemas import SIMULATED_SERVICES


def simulate(folder: Path, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["simulate", str(folder), *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("service", SIMULATED_SERVICES)
def test_months_of_every_service_are_written_and_listed(service: str, tmp_path: Path) -> None:
    code, output, errors = simulate(
        tmp_path, "--service", service, "--from", "2023-01", "--to", "2023-02", "--rows", "30"
    )
    paths = [tmp_path / f"{service}_tripdata_2023-{month}.parquet" for month in ("01", "02")]
    assert code == 0
    assert output.splitlines() == [f"{path} (simulated)" for path in paths]
    assert errors == ""
    assert [pq.read_metadata(path).num_rows for path in paths] == [30, 30]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "0"], "0 trips cannot be simulated: ask for 1 or more."),
        (["--seed", "-3"], "The seed -3 is negative: use 0 or more."),
        (["--from", "2023-05", "--to", "2023-02"], "--from is after --to"),
        (["--service", "ferry"], "There is no service 'ferry'"),
        (["--service", "fhvhv", "--from", "2019-01"], "2019-01 is before the first month"),
    ],
)
def test_nonsense_is_refused_with_one_message(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    code, output, errors = simulate(tmp_path / "months", *arguments)
    assert code == 1
    assert output == ""
    assert errors.startswith("Error: ")
    assert message in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "months").exists()


def test_a_month_that_cannot_be_read_is_named_with_its_option(tmp_path: Path) -> None:
    code, _, errors = simulate(tmp_path / "months", "--from", "May")
    assert code == 2
    assert "Invalid value for '--from': 'May' is no month" in errors


def test_a_demonstration_of_another_size_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, _ = simulate(HOME / "simulated-months", "--to", "2023-01", "--rows", "1500")
    assert code == 0
    result = CliRunner().invoke(main, ["demo", "--rows", "2000"])
    assert result.exit_code == 1
    assert "has 1,500 trips a month: ask for --rows 1500, or remove the folder" in result.stderr
    assert "range x>=1000" in CliRunner().invoke(main, ["demo", "--rows", "50"]).stderr
    assert {path.name for path in HOME.iterdir()} == {"simulated-months"}


def test_a_real_file_in_the_way_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "green_tripdata_2023-01.parquet"
    path.write_bytes(b"real trips")
    code, _, errors = simulate(tmp_path, "--to", "2023-01", "--rows", "30")
    assert code == 1
    assert f"{path} is there and is not marked as simulated" in errors
    assert path.read_bytes() == b"real trips"


def test_progress_shows_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "duration_assets", "simulate", str(tmp_path)]
    done = subprocess.run(
        [*command, "--to", "2023-01", "--rows", "30"],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        text=True,
    )
    os.close(theirs)
    shown = _all_from(ours)
    os.close(ours)
    assert done.stdout == f"{tmp_path / 'green_tripdata_2023-01.parquet'} (simulated)\n"
    assert "green_tripdata_2023-01.parquet" in shown
    assert "30/30" in shown


def _all_from(terminal: int) -> str:
    """Read what was written to a terminal whose other end is closed: it comes in pieces."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    return b"".join(pieces).decode()
