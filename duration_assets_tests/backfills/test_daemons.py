"""Which daemon a command uses, with processes that only sleep in place of Dagster's."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from duration_assets import servers
from duration_assets.backfills import daemons
from duration_assets.backfills.daemon_pipe import has_daemon_of_commands, new_pipe
from duration_assets.backfills.daemons import Daemon
from duration_assets.errors import ServerError
from duration_assets.one_server import only_server_of
from duration_assets.servers import serve, threads_of_a_run
from duration_assets.settings import Settings
from duration_assets_tests.mlflow_server import free_port
from duration_assets_tests.months import settings_for
from duration_assets_tests.parameter_files import metered_parameters

Make = Callable[[], Daemon]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_for(tmp_path / "home", tmp_path / "source")
    settings.home.mkdir()
    return settings


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(
    settings: Settings,
    instance: dg.DagsterInstance,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    """Makes what a command has to do with daemons."""
    monkeypatch.setattr(daemons, "_DAEMON", SLEEP)
    return lambda: Daemon(settings, instance, said.append)


def beat(instance: dg.DagsterInstance, daemon: str, ago: float = 0) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago, "BACKFILL", daemon, []))


def test_a_daemon_is_started_where_none_runs_and_ends_with_the_command(
    make: Make, settings: Settings
) -> None:
    assert not has_daemon_of_commands(settings.home)
    with make() as daemon:
        daemon.keep()
        assert daemon.ends_with_us
        assert has_daemon_of_commands(settings.home)
    assert not has_daemon_of_commands(settings.home)


def test_two_commands_share_a_daemon_that_ends_with_the_last_of_them(
    make: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "_ENDS_WITHIN", 0.5)
    with make() as second:
        with make() as first:
            first.keep()
            second.keep()
        second.keep()
        assert has_daemon_of_commands(settings.home)
    monkeypatch.setattr(daemons, "_ENDS_WITHIN", 60)
    first.release()
    assert not has_daemon_of_commands(settings.home)


@pytest.mark.parametrize("changed", ["parameters", "mlflow_tracking_uri", "champion_margin"])
def test_a_command_waits_for_a_daemon_with_other_settings(
    make: Make,
    settings: Settings,
    instance: dg.DagsterInstance,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
) -> None:
    monkeypatch.setattr(daemons, "_ENDS_WITHIN", 60)
    first = make()
    first.keep()
    threading.Timer(2, first.release).start()
    with Daemon(with_another(settings, changed), instance, said.append) as second:
        second.keep()
        assert second.ends_with_us
    assert said == ["Waiting for another command, whose daemon has other settings."]


def with_another(settings: Settings, changed: str) -> Settings:
    values = {
        "parameters": metered_parameters(settings.home / "parameters.json", max_depth=3),
        "mlflow_tracking_uri": "http://127.0.0.1:9",
        "champion_margin": 0.1,
    }
    return settings_for(settings.home, settings.source, **{changed: values[changed]})


def test_the_daemon_of_dev_is_used(make: Make, settings: Settings) -> None:
    with only_server_of(settings.home), make() as daemon:
        daemon.keep()
        assert not daemon.ends_with_us
        assert not has_daemon_of_commands(settings.home)


def test_a_daemon_that_a_person_started_is_known_by_its_next_heartbeat(
    make: Make, instance: dg.DagsterInstance, settings: Settings, said: list[str]
) -> None:
    beat(instance, "theirs", ago=5)
    timer = threading.Timer(2, beat, (instance, "theirs"))
    timer.start()
    with make() as daemon:
        daemon.keep()
        assert not daemon.ends_with_us
    timer.join()
    assert said == ["A daemon was alive a moment ago: waiting to see whether it still is."]


def test_a_dev_that_starts_while_a_command_waits_for_a_heartbeat_is_seen(
    make: Make, instance: dg.DagsterInstance, settings: Settings
) -> None:
    beat(instance, "theirs", ago=5)
    with ExitStack() as dev, make() as daemon:
        timer = threading.Timer(2, lambda: dev.enter_context(only_server_of(settings.home)))
        timer.start()
        daemon.keep()
        assert not daemon.ends_with_us
        timer.join()


def test_the_last_heartbeat_of_our_own_daemon_is_no_sign_of_life(
    make: Make, instance: dg.DagsterInstance, said: list[str]
) -> None:
    with make() as daemon:
        daemon.keep()
        beat(instance, "ours")
        daemon.keep()
    with make() as daemon:
        daemon.keep()
        assert daemon.ends_with_us
    assert said == []


def test_a_heartbeat_of_long_ago_is_no_sign_of_life(
    make: Make, instance: dg.DagsterInstance, said: list[str]
) -> None:
    beat(instance, "theirs", ago=100)
    with make() as daemon:
        daemon.keep()
        assert daemon.ends_with_us
    assert said == []


def is_gone(settings: Settings) -> bool:
    until = time.monotonic() + 60
    while has_daemon_of_commands(settings.home) and time.monotonic() < until:
        time.sleep(0.1)
    return not has_daemon_of_commands(settings.home)


def test_a_daemon_that_ends_by_itself_is_started_again_but_not_for_ever(
    make: Make, settings: Settings, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "_DAEMON", [sys.executable, "-c", "raise SystemExit('no')"])
    with make() as daemon:
        for _ in range(3):
            daemon.keep()
            assert is_gone(settings)
        with pytest.raises(ServerError, match=f"again: see the end of .*{daemons.LOG_FILE}"):
            daemon.keep()
    assert len(said) == 2
    log = (settings.home / daemons.LOG_FILE).read_text()
    assert "no" in log.splitlines()
    assert "Dagster's daemon ended by itself (1)." in log


def test_dev_is_refused_beside_the_daemon_of_a_command(settings: Settings) -> None:
    settings = settings_for(
        settings.home, settings.source, dagster_port=free_port(), mlflow_port=free_port()
    )
    ends = new_pipe(settings.home)
    with pytest.raises(ServerError, match="has its own daemon running in this home"):
        serve(settings)
    for end in ends:
        os.close(end)


def test_dev_is_refused_if_a_command_starts_a_daemon_while_it_takes_the_home(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(
        settings.home, settings.source, dagster_port=free_port(), mlflow_port=free_port()
    )
    ends: list[int] = []

    @contextmanager
    def late(home: Path) -> Iterator[int]:
        with only_server_of(home) as lock:
            ends.extend(new_pipe(home))
            yield lock

    monkeypatch.setattr(servers, "only_server_of", late)
    with pytest.raises(ServerError, match="has its own daemon running in this home"):
        serve(settings)
    for end in ends:
        os.close(end)


def test_runs_share_the_cores_unless_the_threads_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    overrides = {"concurrency": {"runs": {"max_concurrent_runs": 4}}}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        home, source = tmp_path / "home", tmp_path / "source"
        assert threads_of_a_run(settings_for(home, source), instance) == 2
        assert threads_of_a_run(settings_for(home, source, threads=3), instance) == 3
