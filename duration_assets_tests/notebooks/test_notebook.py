from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from duration_assets_tests.conftest import REPOSITORY
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY

NOTEBOOK = REPOSITORY / "notebooks" / "duration-prediction.ipynb"


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def own_jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep away what is set up for Jupyter on this machine, also another kernel `python3`."""
    monkeypatch.delenv("MPLBACKEND", raising=False)
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def execute(notebook: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run all cells in a kernel of their own, and return what they put out."""
    monkeypatch.setenv("DURATION_HOME", str(home))
    # Sockets in a folder need no ports that others may take; the path of a socket must be short.
    with tempfile.TemporaryDirectory() as sockets:
        NotebookClient(
            notebook,
            kernel_name="python3",
            startup_timeout=300,
            timeout=300,
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
        ).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def printed(outputs: list[Any], stream: str = "stdout") -> str:
    return "".join(each.text for each in outputs if each.get("name") == stream)


def pictures(outputs: list[Any]) -> int:
    return sum("image/png" in each.get("data", {}) for each in outputs)


def drawn_in(notebook: Any) -> int:
    return sum("plt.show()" in cell.source for cell in notebook.cells)


def test_it_is_committed_without_what_a_run_leaves_in_it(notebook: Any) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)
    assert NOTEBOOK.stat().st_size < 50_000


def test_it_runs_on_a_simulated_home_and_says_so(
    notebook: Any, filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = execute(notebook, filled.settings.home, monkeypatch)
    assert printed(outputs, "stderr") == ""
    assert pictures(outputs) == drawn_in(notebook) >= 8
    assert "SIMULATED" in printed(outputs)


def test_it_stops_at_its_first_cell_where_the_home_is_empty(
    notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CellExecutionError, match=r"(?s)HomeError.*holds no green month.*make demo"):
        execute(notebook, tmp_path, monkeypatch)
    executed = [cell.id for cell in notebook.cells if cell.get("execution_count")]
    assert executed == ["open"]


@pytest.mark.real_data
def test_it_runs_on_real_months(
    notebook: Any, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, window=1)
    home.source.symlink_to(real_data / "trip-data")
    for month in (JANUARY, FEBRUARY):
        home.train(month)
    outputs = execute(notebook, home.settings.home, monkeypatch)
    assert printed(outputs, "stderr") == ""
    assert pictures(outputs) == drawn_in(notebook) >= 8
    assert "2023-02: 62,574 trips kept, 2,235 rows rejected" in printed(outputs)
    assert "SIMULATED" not in printed(outputs)
