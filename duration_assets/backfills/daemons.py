"""A daemon for as long as a command needs one: the one that runs already, or one of its own.

Such a daemon of the command line runs under the guard of `server_guard.py`, at the pipe of
`daemon_pipe.py`.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from duration_assets.addresses import without_secrets
from duration_assets.backfills.daemon_pipe import deciding_on_daemon, has_reader, join, new_pipe
from duration_assets.errors import ServerError
from duration_assets.lineage import all_nodes
from duration_assets.one_server import is_served
from duration_assets.recovery import recover
from duration_assets.resources.files import write_atomically
from duration_assets.resources.tracking import Tracking
from duration_assets.servers import bounded, threads_of_a_run
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._daemon.types import DaemonHeartbeat

_LOG = logging.getLogger(__name__)
LOG_FILE = "daemon.log"
_MEMORY = ".daemon.json"

_DAEMON = [
    *(sys.executable, "-m", "dagster._daemon", "run"),
    *("-m", "duration_assets.definitions"),
]
_DAEMON_TYPE = "BACKFILL"
_BEATS_EVERY = 30.0
"""Seconds between two heartbeats of Dagster's daemon, a constant of Dagster's."""
_RENEWED_WITHIN = 2.5 * _BEATS_EVERY
_LOOK_EVERY = 1.0
_LOOK_AT_HEARTBEATS_EVERY = 10.0
_ENDS_WITHIN = 45.0
_MOST_STARTS = 3


class Daemon:
    """Sees to it that some daemon works on a home's backfills for as long as the block lasts."""

    def __init__(
        self, settings: Settings, instance: DagsterInstance, say: Callable[[str], None]
    ) -> None:
        """Do nothing yet.

        Args:
            settings: the home, and what a daemon of our own has to know.
            instance: Dagster's.
            say: told what is waited for.
        """
        self._settings = settings
        self._instance = instance
        self._say = say
        self._pipe: int | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._elsewhere = False
        self._looked = 0.0
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @property
    def ends_with_us(self) -> bool:
        """Whether it is a daemon of the command line, which nobody else may need."""
        return self._pipe is not None

    def keep(self) -> None:
        """See to it that one runs; to be called again and again while it is needed.

        Raises:
            ServerError: if ours ended by itself again and again.
        """
        if self._pipe is not None:
            if has_reader(self._pipe):
                self._remember()
                return
            self._close_pipe()
            self._check_guard()
        if self._elsewhere and self._is_elsewhere_still():
            return
        with deciding_on_daemon(self._settings.home):
            self._elsewhere = False
            self._find_or_start()

    def release(self) -> None:
        """Need it no longer: if nobody does, a daemon of the command line ends, with its runs."""
        if self._pipe is not None:
            self._close_pipe()
        if self._guard is not None:
            # Another command may need it further, and has taken it over.
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(_ENDS_WITHIN)
                self._guard = None

    def _find_or_start(self) -> None:
        said = False
        while (pipe := join(self._settings.home)) is not None:
            if self._knows_our_settings():
                self._pipe = pipe
                return
            os.close(pipe)
            if not said:
                said = True
                self._say("Waiting for another command, whose daemon has other settings.")
            time.sleep(_LOOK_EVERY)
        self._elsewhere = self._is_elsewhere()
        if not self._elsewhere:
            self._start()

    def _start(self) -> None:
        settings = self._settings
        lost = recover(settings, self._instance, Tracking.of(settings), _LOG, nothing_starts=True)
        if lost:
            self._say(f"{len(lost)} runs whose processes are gone were ended.")
        write_atomically(settings.home / _MEMORY, json.dumps({"settings": self._known()}).encode())
        commands = {"Dagster's daemon": _DAEMON}
        self._starts += 1
        reader, self._pipe = new_pipe(settings.home)
        try:
            # What a daemon said that ended by itself stays.
            mode = "wb" if self._starts == 1 else "ab"
            with (settings.home / LOG_FILE).open(mode) as log:
                self._guard = subprocess.Popen(
                    [sys.executable, "-m", "duration_assets.server_guard", json.dumps(commands)],
                    env=_environment(settings, self._instance),
                    stdin=reader,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        finally:
            os.close(reader)

    def _close_pipe(self) -> None:
        assert self._pipe is not None
        os.close(self._pipe)
        self._pipe = None

    def _check_guard(self) -> None:
        """Say that our daemon ended, and give up if that goes on.

        Raises:
            ServerError: if it was started several times.
        """
        if self._guard is None:
            return
        self._guard.wait()
        self._guard = None
        log = self._settings.home / LOG_FILE
        if self._starts >= _MOST_STARTS:
            raise ServerError(f"Dagster's daemon ended by itself again: see the end of {log}.")
        self._say(f"Dagster's daemon ended by itself and is started again: see {log}.")

    def _known(self) -> dict[str, Any]:
        """Return what a daemon of our own knows, which is what its partitions are made by."""
        settings = self._settings
        return {
            "first": {name: str(settings.first_month_of(name)) for name in settings.services},
            "last": str(settings.last_partition),
            # Of every asset of every service and feature set.
            "code": {node.key: node.code_version for node in all_nodes(settings)},
            "mlflow": without_secrets(settings.tracking_uri),
            "zones": settings.zones and without_secrets(settings.zones),
            "matrices": settings.keep_matrices,
            "champion": [
                settings.champion_margin,
                settings.champion_confidence,
                settings.champion_slice_share,
                settings.champion_slice_limit,
            ],
        }

    def _knows_our_settings(self) -> bool:
        return _memory(self._settings.home).get("settings") == self._known()

    def _remember(self) -> None:
        """Write down which daemon is ours, so that its last heartbeat is not taken for a sign."""
        beat = self._heartbeat()
        memory = _memory(self._settings.home)
        if beat is not None and memory.get("daemon") != beat.daemon_id:
            content = json.dumps({**memory, "daemon": beat.daemon_id})
            write_atomically(self._settings.home / _MEMORY, content.encode())

    def _heartbeat(self) -> DaemonHeartbeat | None:
        return self._instance.get_daemon_heartbeats().get(_DAEMON_TYPE)

    def _is_elsewhere(self) -> bool:
        """Say whether `dev`, or a daemon that a person started, works on the home's backfills."""
        if is_served(self._settings.home):
            return True
        beat = self._heartbeat()
        if beat is None or beat.daemon_id == _memory(self._settings.home).get("daemon"):
            return False
        until = beat.timestamp + _RENEWED_WITHIN
        if time.time() < until:
            self._say("A daemon was alive a moment ago: waiting to see whether it still is.")
        while time.time() < until:
            time.sleep(_LOOK_EVERY)
            now = self._heartbeat()
            renewed = now is not None and now.timestamp > beat.timestamp
            # `dev` may have been started meanwhile.
            if renewed or is_served(self._settings.home):
                return True
        return False

    def _is_elsewhere_still(self) -> bool:
        if time.monotonic() < self._looked + _LOOK_AT_HEARTBEATS_EVERY:
            return True
        self._looked = time.monotonic()
        if is_served(self._settings.home):
            return True
        beat = self._heartbeat()
        return beat is not None and time.time() < beat.timestamp + _RENEWED_WITHIN


def _environment(settings: Settings, instance: DagsterInstance) -> dict[str, str]:
    return {
        **os.environ,
        "DURATION_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DURATION_SERVICES": ",".join(settings.services),
        "DURATION_FEATURE_SETS": ",".join(settings.feature_sets),
        **bounded(threads_of_a_run(settings, instance)),
        # It makes what it was asked for, and looks for nothing else to do.
        "DURATION_SENSORS": "off",
    }


def _memory(home: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((home / _MEMORY).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content
