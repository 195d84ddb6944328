"""Single predictions over HTTP, this project's server beside the course's way, under wrk's load.

    python -m benchmarks.serving MONTH.parquet MODEL --workers 2 --rounds 3 --seconds 10

MODEL is the folder of a `DurationModel`. uvicorn is started directly, with the application that
`serve` starts: there is no registry to ask, and no process beside the workers asks it.

Both servers answer in turn, over connections that are kept, with as many workers: as many requests
a second as they can, and then, at half of what the course's can, how long the slowest of a hundred
take. The servers' CPU time for each request is what a busy machine disturbs least. A request that
fails ends the measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from duration_assets.months import Month
from duration_assets.resources.registry import RegisteredModel, registered_name
from duration_assets.serving.champions import Champion, announce
from duration_assets.serving.worker import FOLDER_VARIABLE, Plan, champion_file

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPT = REPOSITORY / "benchmarks" / "serving_load.lua"
TRIP = b'{"PULocationID": 43, "DOLocationID": 151, "trip_distance": 1.01}'
START_WITHIN = 120.0


@dataclass(frozen=True)
class Outcome:
    """What one server did under one load.

    Attributes:
        way: whose server.
        load: `full`, or `half` of what the course's server can.
        requests: answered a second.
        p50: milliseconds that half of the requests took longer than.
        p99: milliseconds that one of a hundred took longer than.
        cpu: milliseconds of the server's processes for each request.
        failed: requests that were not answered as they should.
    """

    way: str
    load: str
    requests: float
    p50: float
    p99: float
    cpu: float
    failed: int


def main() -> None:
    """Measure both in turn, and print and write what they did."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("month", type=Path, help="a published file for the course's booster")
    parser.add_argument("model", type=Path, help="the folder of a DurationModel")
    parser.add_argument("--feature-set", default="metered")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory() as scratch:
        ways = servers(Path(scratch), arguments)
        for number in range(1, arguments.rounds + 1):
            for amount in ("full", "half"):
                pace = between(found, arguments.connections) if amount == "half" else 0.0
                for way, server in ways.items():
                    with running(*server) as (url, process):
                        load = Load(amount, arguments.connections, arguments.seconds, pace)
                        found.append(measure(way, url, process, load))
                    print(f"round {number}: {found[-1]}", flush=True)
                    refuse_failures(found[-1])
    print(table(found))
    if arguments.results:
        arguments.results.write_text(json.dumps([asdict(each) for each in found], indent=2))


Command = tuple[list[str], dict[str, str], int]


def servers(scratch: Path, arguments: argparse.Namespace) -> dict[str, Command]:
    """Prepare both servers: command, environment and port of each."""
    course, ours = scratch / "course", scratch / "ours"
    course.mkdir()
    ours.mkdir()
    train = [sys.executable, "-m", "benchmarks.course_server", str(arguments.month), str(course)]
    subprocess.run(train, check=True, cwd=REPOSITORY)
    name = registered_name("green", arguments.feature_set)
    registered = RegisteredModel(
        name, 1, "benchmark", "green", arguments.feature_set, Month(2023, 1), simulated=False
    )
    announce(champion_file(ours), Champion(registered, arguments.model.absolute()))
    Plan("green", arguments.feature_set, look_every=1.0).write(ours)
    ports = free_ports(2)
    workers = str(arguments.workers)
    return {
        "course": (
            [
                *(sys.executable, "-m", "gunicorn", "--workers", workers, "--threads", "8"),
                *("--worker-class", "gthread", "--keep-alive", "75", "--log-level", "warning"),
                *("--bind", f"127.0.0.1:{ports[0]}", "benchmarks.course_server:app"),
            ],
            {"COURSE_MODEL": str(course)},
            ports[0],
        ),
        "ours": (
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "--no-access-log"),
                *("--workers", workers, "--port", str(ports[1]), "--log-level", "warning"),
                "duration_assets.serving.worker:make_app",
            ],
            {FOLDER_VARIABLE: str(ours)},
            ports[1],
        ),
    }


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def running(
    command: list[str], environment: dict[str, str], port: int
) -> Iterator[tuple[str, psutil.Process]]:
    """Run a server until the end of the block, once it predicts."""
    url = f"http://127.0.0.1:{port}"
    threads = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(
        command, env={**os.environ, **threads, **environment}, cwd=REPOSITORY
    ) as process:
        try:
            wait_for(url)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    """Wait until a server predicts."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(
        f"{url}/predict", TRIP, headers={"Content-Type": "application/json"}
    )
    until = time.monotonic() + START_WITHIN
    while True:
        try:
            opener.open(asked, timeout=10).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def refuse_failures(outcome: Outcome) -> None:
    """End the measurement if requests failed: what fails is often answered fast."""
    if outcome.failed:
        raise SystemExit(
            f"{outcome.failed:,} requests to {outcome.way} failed under {outcome.load} load: see "
            "what the server wrote above."
        )


def between(found: list[Outcome], connections: int) -> float:
    """Return the milliseconds from one request of a connection to its next, at half the load."""
    fastest = max(each.requests for each in found if (each.way, each.load) == ("course", "full"))
    return 1e3 * connections / (fastest / 2)


@dataclass(frozen=True)
class Load:
    """What wrk does.

    Attributes:
        name: `full` or `half`.
        connections: that are kept.
        seconds: for how long.
        pace: milliseconds from one request of a connection to its next, on average; 0 for as
            fast as it is answered.
        answered_in: milliseconds that an answer takes, which are no part of the wait between two.
    """

    name: str
    connections: int
    seconds: int
    pace: float
    answered_in: float = 0.0

    @property
    def wait(self) -> float:
        """Milliseconds that each connection waits before a request, on average."""
        return max(self.pace - self.answered_in, 0.0)


def measure(way: str, url: str, process: psutil.Process, load: Load) -> Outcome:
    """Load a server for some seconds, after two to warm it up and to see how long it takes.

    So a slow server and a fast one are asked as many times a second under half load.
    """
    load = replace(load, answered_in=send(url, load, 2)["p50"])
    before = cpu_seconds(process)
    found = send(url, load, load.seconds)
    spent = cpu_seconds(process) - before
    requests = found["requests"]
    return Outcome(
        way,
        load.name,
        requests / found["seconds"],
        found["p50"],
        found["p99"],
        1e3 * spent / requests,
        int(found["failed"]),
    )


def send(url: str, load: Load, seconds: int) -> dict[str, float]:
    """Let wrk send varied trips, and read what it says at the end."""
    command = ["wrk", "--threads", "1", "--connections", str(load.connections)]
    command += ["--duration", f"{seconds}s", "--timeout", "10s", "--script", str(SCRIPT), url]
    command += ["--", f"{load.wait:.2f}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return found


def cpu_seconds(process: psutil.Process) -> float:
    """Return what a process and its children have taken of the processors."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def table(found: list[Outcome]) -> str:
    """Write the best round of each as a table, others were disturbed; p99 is the median of all."""
    lines = [
        "| server | load | requests/s | p50, ms | p99, ms | CPU, ms | failed |",
        "|---" * 7 + "|",
    ]
    for key in dict.fromkeys((each.load, each.way) for each in found):
        rounds = [each for each in found if (each.load, each.way) == key]
        best = max(rounds, key=lambda each: each.requests)
        slowest = statistics.median(each.p99 for each in rounds)
        failed = sum(each.failed for each in rounds)
        lines.append(
            f"| {best.way} | {best.load} | {best.requests:.0f} | {best.p50:.1f} | "
            f"{slowest:.1f} | {best.cpu:.2f} | {failed} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
