from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import filelock
import psutil
import pytest
import requests

from duration_assets.modelling.model import DurationModel
from duration_assets.months import Month
from duration_assets.resources.mlflow_access import connected
from duration_assets.resources.registry import CHAMPION
from duration_assets_tests.command_line import COMMAND, Done, Workplace
from duration_assets_tests.models import small_model
from duration_assets_tests.registered import NAME, register, registry_in
from duration_assets_tests.serving.served import COURSE_TRIP, Client

WORKERS = 2
VERSIONS = 4
LOOK_EVERY = "0.5"
PATIENCE = 120.0
TRIP = {**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03T08:00:00"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A home with several registered models, none of which is champion."""
    workplace = Workplace(tmp_path_factory.mktemp("workplace"))
    workplace.home.mkdir()
    for seed, month in enumerate(Month(2023, 1).through(Month(2023, VERSIONS))):
        model: DurationModel = small_model("course", seed, trips=500)
        register(workplace.home, str(month), model, workplace.folder / str(month))
    return workplace


def make_champion(workplace: Workplace, version: int) -> None:
    with connected(registry_in(workplace.home).tracking_uri) as client:
        client.set_registered_model_alias(NAME, CHAMPION, str(version))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


@contextmanager
def command(workplace: Workplace, port: int) -> Iterator[tuple[Client, subprocess.Popen[str]]]:
    """Run `serve` in a home until the end of the block."""
    options = ["--feature-set", "course", "--port", str(port), "--workers", str(WORKERS)]
    process = workplace.start(
        COMMAND, "serve", *options, DURATION_CHAMPION_EVERY=LOOK_EVERY, OMP_NUM_THREADS="1"
    )
    client = Client(f"http://127.0.0.1:{port}")
    try:
        with client.session:
            until(lambda: answers(client), process)
            yield client, process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def answers(client: Client) -> bool:
    try:
        client.get("/metrics")
    except requests.ConnectionError:
        return False
    return True


def until(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def figure(page: str, name: str) -> list[float]:
    """Return the values of a figure, whatever its labels."""
    return [float(each) for each in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.M)]


class Load:
    """Asks as fast as it can, over connections that are kept, in threads of its own."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self.versions: Counter[int] = Counter()
        self.failures: list[str] = []
        self._url = url
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        client = Client(self._url)
        with client.session:
            while not self._stopping.is_set():
                try:
                    answer = client.post("/predict", TRIP)
                    answer.raise_for_status()
                except requests.RequestException as error:
                    self.failures.append(str(error))
                else:
                    self.versions[answer.json()["model_version"]] += 1


def check_champion_changes(workplace: Workplace, pause: float) -> None:
    """Let every version be champion in turn under load, each for a while."""
    make_champion(workplace, 1)
    with command(workplace, free_port()) as (client, process):
        until(lambda: client.get("/ping").status_code == 200, process)
        began = time.monotonic()
        with Load(client.url) as load:
            for version in range(1, VERSIONS + 1):
                make_champion(workplace, version)
                until(partial(serves_alone, client, version), process)
                until(partial(is_past, time.monotonic() + pause), process)
        assert load.failures == []
        assert set(load.versions) == set(range(1, VERSIONS + 1))
        page = client.get("/metrics").text
        # All workers together have counted every request.
        predicted = re.search(r'requests_total{route="/predict",status="200"} (\S+)', page)
        assert predicted is not None
        assert float(predicted[1]) == sum(load.versions.values())
        assert figure(page, "duration_registry_answers") == [1.0]
        assert time.monotonic() - began >= pause * VERSIONS


def is_past(moment: float) -> bool:
    return time.monotonic() > moment


def serves_alone(client: Client, version: int) -> bool:
    """Say whether all workers have a version in use."""
    page = client.get("/metrics").text
    return figure(page, "duration_model_version") == [float(version)] * WORKERS


@pytest.mark.daemon
def test_champions_change_in_every_worker_and_no_request_fails(workplace: Workplace) -> None:
    check_champion_changes(workplace, pause=1.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_five_minutes_of_load_across_three_changes_and_no_request_fails(
    workplace: Workplace,
) -> None:
    check_champion_changes(workplace, pause=75.0)


@pytest.mark.daemon
def test_without_a_champion_it_serves_and_says_what_to_do(tmp_path: Path) -> None:
    workplace, port = Workplace(tmp_path), free_port()
    with command(workplace, port) as (client, process):
        refused = client.post("/predict", TRIP)
        assert refused.status_code == 503
        assert "There is no champion of green-course-duration yet" in refused.json()["detail"]
        # It is served to this machine alone.
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(process.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert f"Predictions: http://127.0.0.1:{port}/predict (workers: {WORKERS})" in output
    assert "There is no champion of green-course-duration yet" in errors
    assert "Traceback" not in errors


@pytest.mark.daemon
def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    with command(Workplace(tmp_path), free_port()) as (_, process):
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= WORKERS
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert alive == []


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        done: Done = Workplace(tmp_path).run(COMMAND, "serve", "--port", str(port))
    assert f"cannot be served at 127.0.0.1, port {port}" in done.message


def test_two_servers_of_a_home_do_not_share_the_folder_of_a_port(tmp_path: Path) -> None:
    workplace, port = Workplace(tmp_path), free_port()
    folder = workplace.home / "serving"
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / f"{port}.lock"):
        done: Done = workplace.run(COMMAND, "serve", "--port", str(port))
    assert f"is served at port {port} of another address already" in done.message
