"""`duration-prediction dev` over a home, as a user starts it: started, asked, killed, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from duration_assets.servers import _answers
from duration_assets.settings import Settings
from duration_assets_tests.mlflow_server import free_port

_ANSWER_WITHIN = 240.0
_END_WITHIN = 30.0
_LOOK_EVERY = 0.2


@dataclass
class Development:
    """The servers over a home.

    Attributes:
        environment: the settings, as a user would set them.
        log: what the servers say.
        dagster: address of Dagster's UI.
        mlflow: address of MLflow's UI.
    """

    environment: dict[str, str]
    log: Path
    dagster_port: int = field(default_factory=free_port)
    mlflow_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def dagster(self) -> str:
        """The address of Dagster's UI."""
        return f"http://127.0.0.1:{self.dagster_port}"

    @property
    def mlflow(self) -> str:
        """The address of MLflow's UI."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    def start(self) -> None:
        """Start the servers, and wait until they answer.

        Raises:
            RuntimeError: if they do not, with the end of their log.
        """
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "duration_assets", "dev"],
                env=self.variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for address in (f"{self.dagster}/server_info", f"{self.mlflow}/health"):
            self._wait_for(address)

    @property
    def variables(self) -> dict[str, str]:
        """This process's environment with the home's settings."""
        ours = ("DURATION_", "MLFLOW_", "DAGSTER_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            **self.environment,
            "DURATION_DAGSTER_PORT": str(self.dagster_port),
            "DURATION_MLFLOW_PORT": str(self.mlflow_port),
        }

    @property
    def is_running(self) -> bool:
        """Whether `dev` itself is."""
        return self._process is not None and self._process.poll() is None

    def processes(self, part: str = "") -> list[psutil.Process]:
        """Return the processes of this home whose command line holds a text."""
        return processes_of(self.environment["DURATION_HOME"], part)

    def kill_everything(self) -> None:
        """Kill all processes of this home at once, so that none can say or write a last word."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.processes():
                with suppress(psutil.Error):
                    process.send_signal(number)
        if self._process is not None:
            self._process.wait()
        psutil.wait_procs(self.processes(), timeout=10)

    def end(self) -> None:
        """Ask `dev` to end, and make sure that nothing of what it has started is left."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_WITHIN)
        self.kill_everything()

    def _wait_for(self, address: str) -> None:
        give_up = time.monotonic() + _ANSWER_WITHIN
        while self.is_running and time.monotonic() < give_up:
            if _answers(address):
                return
            time.sleep(_LOOK_EVERY)
        raise RuntimeError(f"{address} does not answer:\n{self.log.read_text()[-3000:]}")


def processes_of(home: Path | str, part: str = "") -> list[psutil.Process]:
    """Return the processes that work on a home, and whose command line holds a text.

    They are known by the home in their environment: whatever was killed, the others are found.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            same = process.environ().get("DURATION_HOME") == str(home)
            if same and part in " ".join(process.cmdline()) and process.is_running():
                found.append(process)
    return found


@contextmanager
def development(settings: Settings, folder: Path, **variables: str) -> Iterator[Development]:
    """Run `dev` on a home, and end every process afterwards.

    Args:
        settings: the home, the source, the months, the window, the threads.
        folder: where the log goes.
        variables: further environment variables.
    """
    servers = Development({**environment_of(settings), **variables}, folder / "dev.log")
    try:
        servers.start()
        yield servers
    finally:
        servers.end()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return what a user would set to get these settings."""
    rows = settings.max_training_rows
    return {
        **({} if rows is None else {"DURATION_MAX_TRAINING_ROWS": str(rows)}),
        "DURATION_HOME": str(settings.home),
        "DURATION_SOURCE": settings.source,
        "DURATION_FIRST_MONTH": str(settings.first_month_of("green")),
        "DURATION_LAST_MONTH": str(settings.last_partition),
        "DURATION_WINDOW": str(settings.window),
    }
