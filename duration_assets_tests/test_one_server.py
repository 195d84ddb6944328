from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from duration_assets.errors import ServerError
from duration_assets.one_server import only_server_of
from duration_assets.servers import serve
from duration_assets_tests.mlflow_server import free_port
from duration_assets_tests.months import settings_for


def test_a_second_dev_on_one_home_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path / "home", tmp_path, dagster_port=free_port(), mlflow_port=free_port()
    )
    with (
        only_server_of(settings.home),
        pytest.raises(ServerError, match=rf"is served already, by process {os.getpid()} on "),
    ):
        serve(settings)
    assert not (settings.home / "dagster").exists()


def test_a_home_can_be_served_again_when_its_server_is_gone(tmp_path: Path) -> None:
    for _ in range(2):
        with only_server_of(tmp_path):
            assert "process" in (tmp_path / ".dev.lock").read_text()


def test_a_home_stays_served_while_a_server_lives_that_was_given_the_lock(tmp_path: Path) -> None:
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with only_server_of(tmp_path) as lock:
        server = subprocess.Popen(waits, stdin=subprocess.PIPE, pass_fds=(lock,))
    with server:
        with pytest.raises(ServerError, match="is served already"), only_server_of(tmp_path):
            raise AssertionError("two servers")
        server.kill()
    with only_server_of(tmp_path):
        assert server.returncode
