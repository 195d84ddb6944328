"""`reproduce` as users meet it: another process trains the model again."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from duration_assets.modelling.training_record import RECORD_FILE
from duration_assets.reproduction.reproducing import SCRATCH_PREFIX
from duration_assets_tests.command_line import COMMAND, TIME_LIMIT, Done, State, Workplace


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def run_of(workplace: Workplace) -> str:
    (run_id,) = workplace.mlflow_runs()
    return run_id


def record_of(workplace: Workplace) -> Path:
    found = workplace.home / "mlartifacts"
    (path,) = found.glob(f"*/{run_of(workplace)}/artifacts/{RECORD_FILE}")
    return path


def test_another_process_gets_the_same_trees_and_says_so(
    first_training: tuple[Workplace, Done], workplace: Workplace, scratch: Path
) -> None:
    run_id = run_of(workplace)
    before = State.of(workplace)
    done = workplace.run(COMMAND, "reproduce", run_id, "--json", TMPDIR=str(scratch))
    assert done.code == 0, done.errors
    said, last = done.output.splitlines()
    result = json.loads(last)
    record = json.loads(record_of(workplace).read_text())
    assert said == f"The same model: {record['rounds']} trees, content {record['content'][:12]}."
    assert result == {
        "run_id": run_id,
        "service": "green",
        "feature_set": "metered",
        "training_month": "2023-01",
        "same": True,
        "content": {"logged": record["content"], "now": record["content"]},
        "first_different_tree": None,
        "differences": [],
    }
    threads = record["settings"]["threads"]
    assert done.errors == (
        f"2023-01 green/metered: training again on 2023-01 (trips: {record['trips']:,}, "
        f"rounds: {record['rounds']}, threads: {threads})\n"
    )
    before.check_kept(workplace)
    assert list(scratch.iterdir()) == []


def test_a_record_that_was_tampered_with_gives_another_model_and_exit_code_1(
    workplace: Workplace,
) -> None:
    path = record_of(workplace)
    record = json.loads(path.read_text())
    record["settings"]["max_training_rows"] = 1_000
    path.write_text(json.dumps(record))
    done = workplace.run(COMMAND, "reproduce", run_of(workplace))
    assert done.code == 1
    verdict, heading, *listed = done.output.splitlines()
    assert verdict.startswith("Another model: the first tree that differs is number 1 of ")
    assert heading == "What differs:"
    assert f"  trips trained on: {record['trips']:,} in the run, 1,000 now" in listed
    before = record["code_versions"]["training_matrix"]
    now = f"{before.removesuffix('all')}1000"
    assert f"  code version of training_matrix: {before} in the run, {now} now" in listed


def test_an_unknown_run_is_named_in_one_message(workplace: Workplace) -> None:
    before = State.of(workplace)
    message = workplace.run(COMMAND, "reproduce", "0" * 32).message
    assert f"has no run '{'0' * 32}'" in message
    before.check_kept(workplace)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_leaves_nothing_behind(
    how: signal.Signals, workplace: Workplace, scratch: Path
) -> None:
    before = State.of(workplace)
    command = [COMMAND, "reproduce", run_of(workplace)]
    with workplace.start(*command, TMPDIR=str(scratch)) as process:
        until = time.monotonic() + TIME_LIMIT
        while not list(scratch.glob(f"{SCRATCH_PREFIX}*/training")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(how)
        output, errors = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 130, errors
    assert output == ""
    assert errors.splitlines()[1:] == ["Interrupted. Nothing was changed."]
    assert list(scratch.iterdir()) == []
    before.check_kept(workplace)
