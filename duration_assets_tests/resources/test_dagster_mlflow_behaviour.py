"""What dagster-mlflow and mlflow do by themselves: the reasons for the adapter in `tracking.py`.

A test that fails here after an upgrade says that the adapter may have become simpler, or wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterResourceFunctionError

from duration_assets.resources.mlflow_access import (
    import_mlflow,
    speaking_to,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:(Class `MlFlow`|Dagster resource `mlflow_tracking`) is currently in beta",
    "ignore:Function `_create_mlflow_run_hook` is currently in beta",
    "ignore:InitResourceContext.(dagster_run|run_id) is deprecated",
)
EXPERIMENT = "plain"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: making one takes seconds."""
    folder = tmp_path_factory.mktemp("plain")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    import_mlflow().MlflowClient(uri).create_experiment(EXPERIMENT, (folder / "files").as_uri())
    return uri


@pytest.fixture
def mlflow(store: str) -> Iterator[Any]:
    """MLflow speaking to the store, with no run active afterwards."""
    module = import_mlflow()
    with speaking_to(store):
        module.set_tracking_uri(store)
        yield module
        while module.active_run() is not None:
            module.end_run()


def materialize(
    mlflow: Any, *months: dict[str, object], fails: bool = False, **config: object
) -> list[Any]:
    """Materialize an asset for each month as Dagster's documentation has it; return its runs."""
    from dagster_mlflow import mlflow_tracking

    seen: list[str] = []

    def asset_of(number: int, params: dict[str, object]) -> dg.AssetsDefinition:
        @dg.asset(name=f"month_{number}", required_resource_keys={"mlflow"})
        def month(context: dg.AssetExecutionContext) -> None:
            context.resources.mlflow.log_params(params)
            seen.append(mlflow.active_run().info.run_id)
            if fails:
                raise ValueError("no")

        return month

    resource = mlflow_tracking.configured(
        {
            "experiment_name": EXPERIMENT,
            "mlflow_tracking_uri": mlflow.get_tracking_uri(),
            "env": {},
            "extra_tags": {},
            **config,
        }
    )
    for number, params in enumerate(months):
        dg.materialize(
            [asset_of(number, params)], resources={"mlflow": resource}, raise_on_error=not fails
        )
    return [mlflow.get_run(run_id) for run_id in seen]


def test_an_asset_that_fails_leaves_its_run_looking_finished_once_the_process_ends(
    mlflow: Any,
) -> None:
    (run,) = materialize(mlflow, {"depth": 1}, fails=True)
    assert run.info.status == "RUNNING"
    # What MLflow does at the end of a process.
    mlflow.tracking.fluent._safe_end_run()
    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"


def test_two_months_in_one_process_are_logged_to_one_run_without_a_month_in_its_name(
    mlflow: Any,
) -> None:
    first, second = materialize(mlflow, {"first": 1}, {"second": 2})
    assert first.info.run_id == second.info.run_id
    assert second.data.params == {"first": "1", "second": "2"}
    assert second.info.run_name == "__ephemeral_asset_job__"


def test_a_param_cannot_be_changed(mlflow: Any) -> None:
    (run,) = materialize(mlflow, {"depth": 1})
    with pytest.raises(mlflow.exceptions.MlflowException, match="Changing param values"):
        mlflow.MlflowClient().log_param(run.info.run_id, "depth", 2)


def test_a_run_that_is_named_in_the_config_is_used_without_a_search(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object, **__: object) -> None:
        raise AssertionError("a search, which races with others")

    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    run_id = mlflow.MlflowClient().create_run(experiment.experiment_id).info.run_id
    monkeypatch.setattr(mlflow, "search_runs", search)
    (run,) = materialize(mlflow, {"depth": 1}, mlflow_run_id=run_id)
    assert (run.info.run_id, run.data.params) == (run_id, {"depth": "1"})
    mlflow.end_run()
    with pytest.raises(DagsterResourceFunctionError) as caught:
        materialize(mlflow, {"depth": 1})
    assert "a search" in str(caught.value.__cause__)


def test_starting_a_finished_run_again_opens_it_and_logging_by_a_client_does_not(
    mlflow: Any,
) -> None:
    client = mlflow.MlflowClient()
    experiment = mlflow.set_experiment(EXPERIMENT)
    run_id = client.create_run(experiment.experiment_id).info.run_id
    client.set_terminated(run_id)
    client.log_metric(run_id, "rmse", 1.0)
    assert client.get_run(run_id).info.status == "FINISHED"
    mlflow.start_run(run_id)
    assert client.get_run(run_id).info.status == "RUNNING"


def test_a_folder_is_refused_as_a_store(mlflow: Any, tmp_path: Path) -> None:
    with pytest.raises(mlflow.exceptions.MlflowException, match="maintenance mode"):
        mlflow.MlflowClient((tmp_path / "mlruns").as_uri())


def test_a_client_of_a_local_store_puts_the_artifacts_of_an_experiment_into_the_working_folder(
    mlflow: Any,
) -> None:
    client = mlflow.MlflowClient()
    experiment = client.get_experiment(client.create_experiment("without a folder"))
    assert experiment.artifact_location == str(Path.cwd() / "mlruns" / experiment.experiment_id)
