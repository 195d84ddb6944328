"""A real MLflow server for tests, started as `dev` starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from duration_assets.servers import _answers, _environment, _servers
from duration_assets_tests.months import settings_for


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class MlflowServer:
    """A running server."""

    def __init__(self, home: Path, address: str, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.address = address
        self.process = process

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def mlflow_server(home: Path) -> Iterator[MlflowServer]:
    """Serve the store in a home for as long as the block takes."""
    home.mkdir()
    settings = settings_for(home, home, mlflow_port=free_port())
    (command,) = [each.command for each in _servers(settings) if each.name == "MLflow"]
    with started(home, command, _environment(settings, threads=1), settings.mlflow_ui) as server:
        yield server


@contextmanager
def started(
    home: Path,
    command: list[str],
    environment: dict[str, str],
    address: str,
    output: IO[bytes] | None = None,
) -> Iterator[MlflowServer]:
    """Serve with a command line of one's own for as long as the block takes."""
    process = subprocess.Popen(
        command, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    server = MlflowServer(home, address, process)
    try:
        while not _answers(f"{server.address}/health"):
            assert process.poll() is None
            time.sleep(0.2)
        yield server
    finally:
        if process.poll() is None:
            server.kill()
