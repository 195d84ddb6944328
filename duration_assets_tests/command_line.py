"""The command as users meet it: a process of its own, in a folder with a source and a home."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from duration_assets.errors import RESUME

COMMAND = str(Path(sys.executable).with_name("duration-prediction"))
TIME_LIMIT = 300
"""Seconds for one command on a busy machine."""
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
)
"""Where MLflow's database keeps the absolute addresses of artifacts."""
_PROGRESS = re.compile(r"\d{4}-\d{2} (data|models|evaluations): .*")


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, and what it wrote to its two outputs."""

    code: int
    output: str
    errors: str

    @property
    def message(self) -> str:
        """The one message that it stopped with, after lines of progress and before nothing."""
        lines = self.errors.splitlines()
        while lines and _PROGRESS.fullmatch(lines[0]):
            lines.pop(0)
        if lines and lines[-1] == RESUME:
            lines.pop()
        (message,) = lines
        assert message.startswith("Error: ")
        assert self.output == ""
        assert self.code == 1
        return message


@dataclass(frozen=True)
class Workplace:
    """A folder to run commands in: `source` holds the months, `home` what is made of them."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> Path:
        return self.home / "mlflow.db"

    def start(
        self, *command: str, folder: Path | None = None, **settings: str
    ) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "DURATION_HOME": str(self.home),
            "DURATION_SOURCE": str(self.source),
            "DURATION_FIRST_MONTH": "2023-01",
            "DURATION_LAST_MONTH": "2023-03",
            "DURATION_WINDOW": "2",
            "DURATION_SOURCE_ATTEMPTS": "1",
            **settings,
        }
        return subprocess.Popen(
            command,
            cwd=folder or self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, folder: Path | None = None, **settings: str) -> Done:
        with self.start(*command, folder=folder, **settings) as process:
            output, errors = process.communicate(timeout=TIME_LIMIT)
        return Done(process.returncode, output, errors)

    def train(self, month: int, *options: str, folder: Path | None = None, **settings: str) -> Done:
        command = [COMMAND, "--year", "2023", "--month", str(month), *options]
        return self.run(*command, folder=folder, **settings)

    def copy(self, folder: Path) -> Workplace:
        """Copy everything; the home then believes that it always was where it is now."""
        shutil.copytree(self.folder, folder)
        copied = Workplace(folder)
        copied.believe_in(str(copied.source))
        with closing(sqlite3.connect(copied.database)) as database, database:
            for table, column in _ADDRESSES:
                database.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (str(self.home), str(copied.home)),
                )
        return copied

    def believe_in(self, source: str) -> None:
        """Let the home remember that this source filled it."""
        (self.home / "home.json").write_text(json.dumps({"source": source}))

    def manifests(self) -> dict[str, str]:
        """Return the content of every manifest, by asset and month."""
        store = self.home / "store"
        found = store.rglob("manifest.json")
        return {str(path.parent.relative_to(store)): path.read_text() for path in found}

    def mlflow_runs(self) -> dict[str, str]:
        """Return the status of every MLflow run, by its id."""
        with closing(sqlite3.connect(self.database)) as database:
            return dict(database.execute("SELECT run_uuid, status FROM runs").fetchall())

    def left_behind(self) -> list[Path]:
        """Return what is half-written or still held in the store."""
        store = self.home / "store"
        hidden = [path for path in store.rglob(".*") if path.name != ".locks"]
        return [*hidden, *store.rglob("*.holder")]

    def run_ids(self) -> set[bytes]:
        """Return what the `run_id.txt` of the working folder and of the home hold."""
        return {(folder / "run_id.txt").read_bytes() for folder in (self.folder, self.home)}


@dataclass(frozen=True)
class State:
    """What a refused command must leave as it was."""

    manifests: dict[str, str]
    runs: dict[str, str]
    run_ids: set[bytes]

    @classmethod
    def of(cls, workplace: Workplace) -> State:
        return cls(workplace.manifests(), workplace.mlflow_runs(), workplace.run_ids())

    def check_kept(
        self, workplace: Workplace, *, made: Set[str] = frozenset(), failed_runs: int = 0
    ) -> None:
        """Check that nothing changed but for the partitions and the failed runs named."""
        now = State.of(workplace)
        assert now.manifests.keys() - self.manifests.keys() == made
        assert {name: now.manifests[name] for name in self.manifests} == self.manifests
        new = [status for run, status in now.runs.items() if run not in self.runs]
        assert new == ["FAILED"] * failed_runs
        assert now.run_ids == self.run_ids
        assert workplace.left_behind() == []
