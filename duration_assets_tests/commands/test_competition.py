"""Commands that get into each other's way, or are stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from duration_assets.errors import RESUME
from duration_assets.resources.store import Store
from duration_assets_tests.command_line import COMMAND, TIME_LIMIT, State, Workplace
from duration_assets_tests.months import MARCH
from duration_assets_tests.parameter_files import metered_parameters


def test_two_commands_for_one_month_at_once_train_one_model(workplace: Workplace) -> None:
    before = State.of(workplace)
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(lambda _: workplace.train(2, "--json"), range(2))
    assert (one.code, two.code) == (0, 0), one.errors + two.errors
    assert one.output == two.output
    new = {run: status for run, status in workplace.mlflow_runs().items() if run not in before.runs}
    assert list(new.values()) == ["FINISHED"]
    assert json.loads(one.output.splitlines()[-1])["run_id"] in new
    assert workplace.left_behind() == []
    for group in ("2023-03 data", "2023-02 models", "2023-03 evaluations"):
        assert (one.errors + two.errors).count(f"{group}: making") == 1
        assert (one.errors + two.errors).count(f"{group}: up to date") == 1


def test_a_partition_that_somebody_else_is_writing_is_named_with_who_it_is(
    workplace: Workplace,
) -> None:
    before = State.of(workplace)
    me = f"process {os.getpid()} on {socket.gethostname()}"
    with Store(workplace.home / "store").writing("green/raw_trips", MARCH):
        said = workplace.train(2, DURATION_LOCK_TIMEOUT="1").message
    assert f"green/raw_trips for 2023-03 is being written by {me}, for more than 1 sec" in said
    before.check_kept(workplace)


def test_a_group_that_another_command_is_making_is_waited_for_and_then_named(
    workplace: Workplace,
) -> None:
    before = State.of(workplace)
    me = f"process {os.getpid()} on {socket.gethostname()}"
    with Store(workplace.home / "store").locked("green/metered/models", MARCH.shift(-2)):
        done = workplace.train(1, DURATION_LOCK_TIMEOUT="1")
    assert f"2023-01 models: waiting for {me}, which is making it\n" in done.errors
    assert f"green/metered/models for 2023-01 is being written by {me}" in done.message
    before.check_kept(workplace)


def test_a_training_that_is_interrupted_ends_as_killed_and_goes_on_the_next_time(
    workplace: Workplace,
) -> None:
    before = State.of(workplace)
    # So many that the fit is not done before it is interrupted.
    many = metered_parameters(workplace.folder / "parameters.json", rounds=1_000_000)
    training = (COMMAND, "--year", "2023", "--month", "2")
    with workplace.start(*training, DURATION_PARAMETERS=str(many)) as process:
        until = time.monotonic() + TIME_LIMIT
        while "RUNNING" not in workplace.mlflow_runs().values():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        # Until then an interruption may get lost in a library that is being imported.
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 130, errors
    assert output == ""
    assert errors.splitlines()[-1] == (f"Interrupted: models of 2023-02 was not finished. {RESUME}")
    assert "Traceback" not in errors
    assert sorted(workplace.mlflow_runs().values()) == ["FINISHED", "KILLED"]
    assert workplace.run_ids() == before.run_ids
    assert workplace.left_behind() == []
    again = workplace.train(2)
    assert again.code == 0
    assert "2023-03 data: up to date\n2023-02 models: making duration_model\n" in again.errors
    assert sorted(workplace.mlflow_runs().values()) == ["FINISHED", "FINISHED", "KILLED"]
