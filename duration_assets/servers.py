"""Serving the web pages: Dagster's UI with its daemon, and MLflow's UI, until interrupted."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

import click
import psutil

from duration_assets.backfills.daemon_pipe import deciding_on_daemon, has_daemon_of_commands
from duration_assets.errors import ServerError
from duration_assets.home import open_home
from duration_assets.one_server import only_server_of
from duration_assets.recovery import recover
from duration_assets.resources.mlflow_access import is_server
from duration_assets.resources.tracking import ARTIFACT_FOLDER, Tracking
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 0.5
_ANSWER_WITHIN = 180.0


@dataclass(frozen=True)
class Server:
    """A server that `dev` starts.

    Attributes:
        name: what people call it.
        command: its command line.
        port: where it listens.
        variable: the setting for the port.
        page: a path that it answers once it is ready.
    """

    name: str
    command: list[str]
    port: int
    variable: str
    page: str


def serve(settings: Settings) -> None:
    """Serve until a signal comes; however this process ends, the servers end too.

    Args:
        settings: the addresses and the home.

    Raises:
        ServerError: if a port is taken, the home is served already, a backfill has a daemon of its
            own in it, or a server does not answer or ends by itself.
    """
    servers = _servers(settings)
    _check_ports(settings.host, servers)
    _refuse_beside_backfill(settings)
    with ExitStack() as stack:
        lock = stack.enter_context(only_server_of(settings.home))
        # A command may have started its daemon while the lock was not held yet.
        with deciding_on_daemon(settings.home):
            _refuse_beside_backfill(settings)
        with open_home(settings) as instance:
            # No daemon is there that could be about to start a run.
            recover(settings, instance, Tracking.of(settings), _LOG, nothing_starts=True)
            threads = threads_of_a_run(settings, instance)
        _run_servers(settings, servers, _environment(settings, threads), lock)


def _refuse_beside_backfill(settings: Settings) -> None:
    if has_daemon_of_commands(settings.home):
        raise ServerError(
            "A backfill from the command line has its own daemon running in this home: wait until "
            "it is done, or stop it with Ctrl-C and give the command again beside `dev`."
        )


def threads_of_a_run(settings: Settings, instance: DagsterInstance) -> int:
    """Return how many threads each run gets, so that runs together use the cores and no more."""
    if "threads" in settings.model_fields_set:
        return settings.threads
    queue = instance.get_concurrency_config().run_queue_config
    at_once = queue.max_concurrent_runs if queue else -1
    # Without a limit there may be a run for each core.
    return max(1, settings.threads // at_once) if at_once > 0 else 1


def _run_servers(
    settings: Settings, servers: list[Server], environment: dict[str, str], lock: int
) -> None:
    """Run the servers until a signal comes or one of them ends; they hold the lock until then."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    commands = json.dumps({server.name: server.command for server in servers})
    names = " and ".join(server.name for server in servers)
    click.echo(f"Starting {names} …")
    with subprocess.Popen(
        [sys.executable, "-m", "duration_assets.server_guard", commands, str(lock)],
        env=environment,
        stdin=subprocess.PIPE,
        pass_fds=(lock,),
        start_new_session=True,
    ) as guard:
        _wait_for_answers(settings.host, servers, guard)
        click.echo(f"Dagster: http://{settings.host}:{settings.dagster_port}")
        click.echo(f"MLflow:  {settings.mlflow_ui}")
        guard.wait()
        raise ServerError(f"A server ended by itself, so {names} were ended: see the output above.")


def _servers(settings: Settings) -> list[Server]:
    dagster = Server(
        "Dagster",
        [
            *(sys.executable, "-m", "dagster", "dev", "-m", "duration_assets.definitions"),
            *("-h", settings.host, "-p", str(settings.dagster_port)),
        ],
        settings.dagster_port,
        "DURATION_DAGSTER_PORT",
        "/server_info",
    )
    if is_server(settings.tracking_uri):
        return [dagster]
    mlflow = Server(
        "MLflow",
        [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", settings.host, "--port", str(settings.mlflow_port)),
            *("--default-artifact-root", str(settings.home / ARTIFACT_FOLDER)),
        ],
        settings.mlflow_port,
        "DURATION_MLFLOW_PORT",
        "/health",
    )
    return [dagster, mlflow]


def _environment(settings: Settings, threads: int) -> dict[str, str]:
    return {
        # MLflow's job workers run what this project has no use for.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **os.environ,
        **bounded(threads),
        # Not on the command line, where everybody could read a database's password.
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,
        "DURATION_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
    }


def bounded(threads: int) -> dict[str, str]:
    """Return the variables that bound the threads of a process, where the user has not."""
    # What reads files and what trains has threads of its own.
    own = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS")
    return {
        "DURATION_THREADS": str(threads),
        **{name: os.environ.get(name, str(threads)) for name in own},
    }


def _check_ports(host: str, servers: list[Server]) -> None:
    """Refuse ports that are taken, before anything starts."""
    with ExitStack() as stack:
        for server in servers:
            try:
                # Held until all are checked: two servers may have been given the same port.
                stack.enter_context(socket.create_server((host, server.port)))
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                why = f"it is taken by {_holder(server.port)}" if taken else error
                raise ServerError(
                    f"{server.name} cannot be served at {host}, port {server.port}: {why}. See "
                    f"DURATION_HOST and {server.variable}."
                ) from error


def _holder(port: int) -> str:
    """Say which process listens on a port, as far as this user may know."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr[1:] == (port,) and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f"process {connection.pid} ({command[:120]})"
    return "another process"


def _wait_for_answers(host: str, servers: list[Server], guard: subprocess.Popen[bytes]) -> None:
    """Wait until every server answers, or one of them ends."""
    reachable = "127.0.0.1" if host == "0.0.0.0" else host
    until = time.monotonic() + _ANSWER_WITHIN
    for server in servers:
        address = f"http://{reachable}:{server.port}{server.page}"
        while not _answers(address):
            if guard.poll() is not None:
                raise ServerError("The servers did not start: see the output above.")
            if time.monotonic() > until:
                raise ServerError(
                    f"{server.name} did not answer at {address} within {_ANSWER_WITHIN:.0f} "
                    "seconds: see the output above."
                )
            time.sleep(_LOOK_EVERY)


def _answers(address: str) -> bool:
    # A proxy for the internet cannot reach this machine.
    opener = build_opener(ProxyHandler({}))
    try:
        opener.open(address, timeout=2).close()
    except (OSError, HTTPException):
        return False
    return True
