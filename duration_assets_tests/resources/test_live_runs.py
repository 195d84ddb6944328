from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from duration_assets.resources.live_runs import LiveRuns


def test_a_run_is_alive_until_its_block_ends_and_is_then_forgotten(tmp_path: Path) -> None:
    with LiveRuns(tmp_path).held("one"):
        assert LiveRuns(tmp_path).known() == {"one": True}
    assert LiveRuns(tmp_path).known() == {}


def test_a_step_of_a_run_that_is_held_holds_nothing_more(tmp_path: Path) -> None:
    with LiveRuns(tmp_path).held("one"):
        LiveRuns(tmp_path).hold("one")
    assert LiveRuns(tmp_path).known() == {}


def test_a_run_is_alive_as_long_as_the_process_of_its_steps(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from duration_assets.resources.live_runs import LiveRuns\n"
        f"runs = LiveRuns(pathlib.Path({str(tmp_path)!r}))\n"
        "runs.hold('one'); runs.hold('one'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        runs = LiveRuns(tmp_path)
        assert runs.known() == {"one": True}
        runs.forget("one")
        assert runs.known() == {"one": True}
        process.kill()
        process.wait()
        assert runs.known() == {"one": False}
        runs.forget("one")
        assert runs.known() == {}
