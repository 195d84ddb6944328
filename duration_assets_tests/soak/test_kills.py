"""Processes killed at random while months are backfilled: nothing is lost, and nothing is wrong."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest

from duration_assets.months import Month
from duration_assets.resources.mlflow_access import import_mlflow
from duration_assets.settings import Settings
from duration_assets_tests.development import Development, environment_of
from duration_assets_tests.months import settings_for, simulated_folder
from duration_assets_tests.records import Records
from duration_assets_tests.soak.conftest import Say

pytestmark = [pytest.mark.soak, pytest.mark.daemon, pytest.mark.timeout(3 * 3600)]

FIRST, LAST = Month(2023, 1), Month(2023, 6)
MONTHS = list(FIRST.through(LAST))
TRIPS = 6_000
KILLS = 20
STEPS = (
    "raw_trips",
    "duration_model",
    "cleaned_trips",
    "training_matrix",
    "evaluation",
    "zone_statistics",
    "validation_matrix",
)
LONGEST_WAIT = 40.0
"""Seconds between two kills, at most: the daemon looks at its backfills every 30."""
STEP_COMES_WITHIN = 30.0
COMMAND_ENDS_WITHIN = 3600.0


@pytest.fixture(scope="module")
def source(workspace: Path) -> Path:
    """Half a year of simulated months."""
    return simulated_folder(workspace / "source", *MONTHS, rows=TRIPS)


def _settings(folder: Path, source: Path) -> Settings:
    return settings_for(
        folder, source, first_month=str(FIRST), last_month=str(LAST), window=3, lock_timeout=120
    )


def _backfill(
    servers: Development, folder: Path, first: str = str(FIRST), last: str = str(LAST)
) -> subprocess.Popen[bytes]:
    with (folder / "backfill.log").open("ab") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "duration_assets", "backfill"),
                *("--from", first, "--to", last),
            ],
            env=servers.variables,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class War:
    """Backfills that are disturbed, each in a home of its own, until there were enough kills."""

    def __init__(self, workspace: Path, source: Path, say: Say) -> None:
        self.workspace = workspace
        self.source = source
        self.say = say
        self.chance = random.Random(time.time_ns())
        self.kills = 0
        self.homes = 0

    def wage(self) -> tuple[Settings, Path]:
        """Disturb one backfill until it is done, and return its home and its log."""
        self.homes += 1
        folder = self.workspace / f"war-{self.homes}"
        folder.mkdir()
        settings = _settings(folder / "home", self.source)
        servers = Development(environment_of(settings), folder / "dev.log")
        try:
            while (code := self._disturbed(servers, settings, folder)) != 0:
                self.say(f"the command ended with {code}: once more")
        finally:
            servers.kill_everything()
        return settings, folder / "backfill.log"

    def _disturbed(self, servers: Development, settings: Settings, folder: Path) -> int:
        """Run the command, with kills as long as there were too few, and return its exit code."""
        command = _backfill(servers, folder)
        give_up = time.monotonic() + COMMAND_ENDS_WITHIN
        while command.poll() is None:
            assert time.monotonic() < give_up, (folder / "backfill.log").read_text()[-3000:]
            time.sleep(self.chance.uniform(1, LONGEST_WAIT))
            if self.kills < KILLS and command.poll() is None:
                self._kill(servers, settings)
        return command.wait()

    def _kill(self, servers: Development, settings: Settings) -> None:
        """Kill something; what it is goes round."""
        blow = ("run", "daemon", "run", "everything")[self.kills % 4]
        if blow == "daemon":
            hit = _kill(servers.processes("dagster._daemon"))
        elif blow == "everything":
            hit = len(servers.processes())
            servers.kill_everything()
        else:
            step = STEPS[self.kills // 2 % len(STEPS)]
            hit, blow = _kill_in_step(servers, settings, step), f"run in {step}"
        if hit:
            self.kills += 1
            self.say(f"{self.kills}: killed {blow} ({hit} processes)")


def _kill_in_step(servers: Development, settings: Settings, step: str) -> int:
    """Wait for a run to be in a step, and kill its process; any run's if that takes too long."""
    give_up = time.monotonic() + STEP_COMES_WITHIN
    while servers.processes("backfill"):
        wanted = step if time.monotonic() < give_up else ""
        for number in _processes_in(settings, wanted):
            return _kill([process for process in servers.processes() if process.pid == number])
        time.sleep(0.05)
    return 0


def _processes_in(settings: Settings, step: str) -> Iterator[int]:
    """Yield the process of each run that is in a step now."""
    folder = settings.dagster_home
    assert folder is not None
    if not (folder / "history").is_dir():
        return
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        for run in instance.get_runs(filters=started):
            stats = instance.get_run_step_stats(run.run_id)
            if any(each.step_key.endswith(step) and each.end_time is None for each in stats):
                text = " ".join(each.message for each in instance.all_logs(run.run_id))
                if match := re.search(r"Started process for run \(pid: (\d+)\)", text):
                    yield int(match[1])


def _kill(processes: list[psutil.Process]) -> int:
    hit = 0
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
            hit += 1
    return hit


def test_twenty_kills_change_no_result_and_leave_nothing_open(
    workspace: Path, source: Path, say: Say
) -> None:
    undisturbed = _made_in_peace(workspace / "peace", source)
    war = War(workspace, source, say)
    while war.kills < KILLS:
        settings, log = war.wage()
        said = log.read_text()[-3000:]

        assert Records(settings).versions() == undisturbed, said
        assert Records(settings).current("evaluation") == [str(month) for month in MONTHS[1:]]
        assert _half_written(settings) == []
        assert _open_mlflow_runs(settings) == []
        assert not Records(settings).busy()


def test_two_backfills_of_overlapping_months_at_once_disturb_nothing(
    workspace: Path, source: Path, say: Say
) -> None:
    undisturbed = Records(_settings(workspace / "peace" / "home", source)).versions()
    folder = workspace / "two"
    folder.mkdir()
    settings = _settings(folder / "home", source)
    servers = Development(environment_of(settings), folder / "dev.log")
    try:
        commands = [
            _backfill(servers, folder, str(FIRST), str(FIRST.shift(3))),
            _backfill(servers, folder, str(FIRST), str(LAST)),
        ]
        codes = [command.wait(COMMAND_ENDS_WITHIN) for command in commands]
    finally:
        servers.kill_everything()
    said = (folder / "backfill.log").read_text()

    say(f"runs of both: {dict(Records(settings).counts())}")
    assert codes == [0, 0], said
    assert {run.status for run in Records(settings).runs()} == {"SUCCESS"}
    assert Records(settings).versions() == undisturbed, said


def _made_in_peace(folder: Path, source: Path) -> dict[tuple[str, str], str]:
    settings = _settings(folder / "home", source)
    folder.mkdir()
    servers = Development(environment_of(settings), folder / "dev.log")
    assert _backfill(servers, folder).wait(1800) == 0, (folder / "backfill.log").read_text()[-3000:]
    return Records(settings).versions()


def _half_written(settings: Settings) -> list[Path]:
    """Return drafts that nobody writes any more."""
    return list((settings.home / "store").glob("green/**/.[0-9a-f]*"))


def _open_mlflow_runs(settings: Settings) -> list[str]:
    client = import_mlflow().MlflowClient(settings.tracking_uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    return [run.info.run_id for run in runs if run.info.status == "RUNNING"]
