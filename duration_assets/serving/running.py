"""`serve`: the registry is asked in this process, requests are answered by uvicorn's workers."""

from __future__ import annotations

import copy
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from duration_assets.errors import HomeError, ServerError
from duration_assets.resources.registry import Registry, registered_name
from duration_assets.serving.champions import Champion, RegistrySource
from duration_assets.serving.looking import Looking
from duration_assets.serving.worker import FOLDER_VARIABLE, Plan, champion_file
from duration_assets.settings import Settings

SERVING_FOLDER = "serving"
LOOK_AT_THE_FILE_EVERY = 1.0
"""Seconds between two looks of a worker at the file that names the champion."""

_IDLE = 65
"""Seconds that a connection is kept open with nothing asked: longer than usual proxies do."""
_ANSWER_WITHIN = 60
"""Seconds without a sign of life after which a worker is replaced: a busy machine is slow."""


@dataclass(frozen=True)
class Serving:
    """What is served, and where.

    Attributes:
        service: whose trips.
        feature_set: of the champion.
        host: the address to listen at.
        port: likewise.
        workers: how many processes answer.
    """

    service: str
    feature_set: str
    host: str
    port: int
    workers: int

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


Say = Callable[[Serving, Champion | None, bool], None]
"""Tells what is served, and whether the registry answered."""


def serve(settings: Settings, serving: Serving, say: Say) -> None:
    """Serve until a signal comes.

    Args:
        settings: the home and the registry.
        serving: what is served, and where.
        say: is told once the registry was asked, before requests are answered.

    Raises:
        ServerError: if the port is taken, also by a `serve` of this home at another address.
        HomeError: if the home cannot be written.
    """
    _check_port(serving)
    with _own_folder(settings.home, serving) as folder:
        _serve_from(folder, settings, serving, say)


def _serve_from(folder: Path, settings: Settings, serving: Serving, say: Say) -> None:
    announcer = _announcer(settings, serving, folder)
    announcer.look()
    Plan(serving.service, serving.feature_set, LOOK_AT_THE_FILE_EVERY).write(folder)
    say(serving, announcer.announced, announcer.answers)
    looking = Looking(announcer.look, settings.champion_every, "registry")
    looking.start()
    try:
        _run(serving)
    finally:
        looking.stop()


def _announcer(settings: Settings, serving: Serving, folder: Path) -> Any:
    from duration_assets.serving.announcer import Announcer
    from duration_assets.serving.metrics import RegistryMetrics

    name = registered_name(serving.service, serving.feature_set)
    source = RegistrySource(Registry.of(settings), name)
    return Announcer(source, champion_file(folder), RegistryMetrics())


def _run(serving: Serving) -> None:
    import uvicorn

    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    log["loggers"]["duration_assets"] = {"handlers": ["default"], "level": "INFO"}
    uvicorn.run(
        "duration_assets.serving.worker:make_app",
        factory=True,
        host=serving.host,
        port=serving.port,
        workers=serving.workers,
        access_log=False,
        server_header=False,
        log_config=log,
        log_level="warning",
        timeout_keep_alive=_IDLE,
        timeout_worker_healthcheck=_ANSWER_WITHIN,
    )


def _check_port(serving: Serving) -> None:
    """Refuse a port that is taken, before anything starts."""
    try:
        family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
        socket.create_server((serving.host, serving.port), family=family).close()
    except OSError as error:
        raise ServerError(
            f"Predictions cannot be served at {serving.host}, port {serving.port} "
            f"({error.strerror or error}): choose others with --host and --port."
        ) from error


@contextmanager
def _own_folder(home: Path, serving: Serving) -> Iterator[Path]:
    """Keep an empty folder for this port, which is named to prometheus_client and to the workers.

    Raises:
        ServerError: if another process serves from it.
        HomeError: if it cannot be written.
    """
    folder = home / SERVING_FOLDER / str(serving.port)
    lock = filelock.FileLock(folder.with_suffix(".lock"), timeout=0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except filelock.Timeout:
        # At another address: at this one the port would be taken.
        raise ServerError(
            f"The home {home} is served at port {serving.port} of another address already, and "
            "what is served is kept by the port: choose another one with --port."
        ) from None
    except OSError as error:
        lock.release()
        raise HomeError(
            f"The folder {folder} cannot be written ({error.strerror}): set DURATION_HOME to a "
            "folder that can."
        ) from error
    # Before prometheus_client is imported, here and in the workers.
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop(FOLDER_VARIABLE)
        lock.release()
