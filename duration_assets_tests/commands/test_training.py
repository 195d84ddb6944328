"""A training as users and scripts see it: what is printed, what is left, what is made again."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from duration_assets_tests.command_line import COMMAND, Done, State, Workplace

JANUARY = ["--year", "2023", "--month", "1"]
UP_TO_DATE = """\
2023-01 data: up to date
2023-02 data: up to date
2023-01 models: up to date
2023-02 evaluations: up to date
"""


def test_json_is_one_object_in_the_last_line_after_the_lines_for_people(
    first_training: tuple[Workplace, Done],
) -> None:
    workplace, done = first_training
    *for_people, last = done.output.splitlines()
    result = json.loads(last)
    (run_id,) = workplace.mlflow_runs()
    assert result.keys() == {
        "service",
        "feature_set",
        "training_month",
        "validation_month",
        "window",
        "run_id",
        "model_uri",
        "simulated",
        "metrics",
    }
    assert result["service"] == "green"
    assert result["feature_set"] == "metered"
    assert result["training_month"] == "2023-01"
    assert result["validation_month"] == "2023-02"
    assert result["window"] == ["2023-01"]
    assert result["run_id"] == run_id
    assert result["model_uri"].startswith("models:/")
    assert result["simulated"] is True
    assert 0 < result["metrics"]["mae"] < result["metrics"]["rmse"] < 60
    assert for_people == [
        "SIMULATED trips: these figures say nothing about New York.",
        "Trained on 2023-01 to 2023-01 (1 months), judged on 2023-02, in minutes:",
        *(f"  {name:<36} {value:.5f}" for name, value in result["metrics"].items()),
        f"MLflow run_id: {run_id}",
    ]


def test_the_files_of_the_course_are_in_the_working_folder_and_in_the_home(
    first_training: tuple[Workplace, Done],
) -> None:
    workplace, _ = first_training
    (run_id,) = workplace.mlflow_runs()
    assert workplace.run_ids() == {run_id.encode()}
    here, home = (
        folder / "models" / "preprocessor.b" for folder in (workplace.folder, workplace.home)
    )
    assert here.read_bytes() == home.read_bytes() != b""


def test_three_ways_to_ask_give_the_same_and_a_second_time_makes_nothing(
    first_training: tuple[Workplace, Done], workplace: Workplace
) -> None:
    before = State.of(workplace)
    ways = [[COMMAND], [COMMAND, "train"], [sys.executable, "-m", "duration_assets"]]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda way: workplace.run(*way, *JANUARY, "--json"), ways))
    assert {done.errors for done in found} == {UP_TO_DATE}
    assert {done.output for done in found} == {first_training[1].output}
    assert {done.code for done in found} == {0}
    before.check_kept(workplace)


def test_force_makes_all_again_but_the_files_that_are_landed(workplace: Workplace) -> None:
    before = State.of(workplace)
    done = workplace.train(1, "--force", "--json")
    assert done.code == 0
    manifests, runs = workplace.manifests(), workplace.mlflow_runs()
    same = {name for name, content in manifests.items() if content == before.manifests[name]}
    assert same == {"green/raw_trips/2023-01", "green/raw_trips/2023-02"}
    (run_id,) = runs.keys() - before.runs.keys()
    assert runs[run_id] == "FINISHED"
    assert workplace.run_ids() == {run_id.encode()}
    assert json.loads(done.output.splitlines()[-1])["run_id"] == run_id
