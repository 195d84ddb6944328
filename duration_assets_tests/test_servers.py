from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from duration_assets.errors import ServerError
from duration_assets.servers import serve
from duration_assets_tests.mlflow_server import free_port
from duration_assets_tests.months import settings_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Like a server that starts others: one of them ignores all requests to end.
FAMILY = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'\n"
    "subprocess.Popen([sys.executable, '-c', code])\n"
    "time.sleep(600)",
]


def left(processes: list[psutil.Process], within: float = 40) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=within)[1]


def descendants(process: subprocess.Popen[str], at_least: int) -> list[psutil.Process]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = psutil.Process(process.pid).children(recursive=True)
        if len(found) >= at_least:
            return found
        time.sleep(0.1)
    raise AssertionError(f"only {found}")


def start_guard(**commands: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "duration_assets.server_guard", json.dumps(commands)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.daemon
def test_dev_serves_both_pages_and_leaves_no_process_behind(tmp_path: Path) -> None:
    dagster, mlflow = free_port(), free_port()
    environment = {
        **os.environ,
        "DURATION_HOME": str(tmp_path / "home"),
        "DURATION_SOURCE": str(tmp_path),
        "DURATION_DAGSTER_PORT": str(dagster),
        "DURATION_MLFLOW_PORT": str(mlflow),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "duration_assets", "dev"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as dev:
        try:
            assert dev.stdout is not None
            lines = iter(dev.stdout.readline, "")
            assert next(line for line in lines if line.startswith("Dagster:")) == (
                f"Dagster: http://127.0.0.1:{dagster}\n"
            )
            assert next(lines) == f"MLflow:  http://127.0.0.1:{mlflow}\n"
            for port in (dagster, mlflow):
                with urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                    assert page.status == 200
            children = psutil.Process(dev.pid).children(recursive=True)
            assert {"dagster", "mlflow", "dagster_webserver", "uvicorn"} <= {
                word for child in children for word in child.cmdline()
            }
            assert "mlflow.server.jobs._job_runner" not in str([c.cmdline() for c in children])
        finally:
            dev.terminate()
        assert left(children) == []
        assert dev.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_servers_and_their_children_end_when_their_guard_is_told_to(
    number: signal.Signals,
) -> None:
    with start_guard(one=SLEEP, two=SLEEP) as guard:
        children = descendants(guard, 2)
        guard.send_signal(number)
        assert left(children) == []


def test_servers_and_their_children_end_when_one_server_ends_by_itself() -> None:
    ending = [sys.executable, "-c", "import sys, time; time.sleep(2); sys.exit(3)"]
    with start_guard(Dagster=SLEEP, MLflow=ending) as guard:
        children = descendants(guard, 2)
        assert guard.stderr is not None
        assert "MLflow ended by itself (3)." in guard.stderr.read()
        assert guard.wait() == 1
        assert left(children, within=1) == []


def test_servers_end_when_dev_is_killed_and_so_does_a_child_that_ignores_it() -> None:
    code = (
        "import subprocess, sys, time\n"
        "with subprocess.Popen([sys.executable, '-m', 'duration_assets.server_guard', "
        "sys.argv[1]], stdin=subprocess.PIPE, start_new_session=True): time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, json.dumps({"one": FAMILY})], text=True) as (
        dev
    ):
        children = descendants(dev, 3)
        dev.kill()
        assert left(children) == []


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_named_with_its_holder_before_anything_starts(
    taken_port: int, tmp_path: Path
) -> None:
    settings = settings_for(
        tmp_path / "home", tmp_path, dagster_port=free_port(), mlflow_port=taken_port
    )
    with pytest.raises(ServerError, match="DURATION_MLFLOW_PORT") as caught:
        serve(settings)
    assert f"port {taken_port}: it is taken by process {os.getpid()} (" in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_one_port_for_both_servers_is_refused(tmp_path: Path) -> None:
    port = free_port()
    settings = settings_for(tmp_path / "home", tmp_path, dagster_port=port, mlflow_port=port)
    with pytest.raises(ServerError, match=f"MLflow cannot be served at 127.0.0.1, port {port}"):
        serve(settings)
