"""Reading back what a training logged to MLflow. Nothing is written or changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from duration_assets.addresses import without_secrets
from duration_assets.errors import BadFileError, TrackingError
from duration_assets.modelling.model import BOOSTER_FILE
from duration_assets.modelling.model_logging import WHOLE_MODEL
from duration_assets.modelling.training_record import RECORD_FILE, TrainingRecord
from duration_assets.resources.mlflow_access import check_server, connected, local_database
from duration_assets.resources.run_owner import OWNER_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ELSEWHERE = "If it was logged elsewhere, set DURATION_HOME or MLFLOW_TRACKING_URI to that."


def read_record(tracking_uri: str, run_id: str) -> TrainingRecord:
    """Read the record of a finished training.

    Args:
        tracking_uri: the store.
        run_id: the run of the training.

    Raises:
        TrackingError: if there is no such run, it is no finished training of this project, or what
            it logged is not enough to train the model again.
    """
    database = local_database(tracking_uri)
    if database is not None and not database.is_file():
        # MLflow would make it.
        raise TrackingError(
            f"There is no MLflow store at {database}: nothing was trained in this home. "
            f"{_ELSEWHERE}"
        )
    with connected(tracking_uri) as client, TemporaryDirectory() as scratch:
        check_server(client.tracking_uri)
        run = _find_run(client, run_id)
        _check_finished_training(run)
        if RECORD_FILE not in {each.path for each in client.list_artifacts(run_id)}:
            raise TrackingError(
                f"The MLflow run {run_id} ({run.info.run_name}) has no {RECORD_FILE}: it was "
                "logged by a version of this project that did not write down which files it "
                "trained on. Train the month again with --force for a run that can be reproduced."
            )
        text = Path(client.download_artifacts(run_id, RECORD_FILE, scratch)).read_text()
    try:
        return TrainingRecord.from_json(text)
    except BadFileError as error:
        raise TrackingError(
            f"{RECORD_FILE} of the MLflow run {run_id} cannot be used. {error}"
        ) from error


def fetch_model(tracking_uri: str, run_id: str, folder: Path) -> None:
    """Fetch the files of the model that a training logged, as `DurationModel.save` wrote them.

    Args:
        tracking_uri: the store.
        run_id: the run of the training.
        folder: an existing folder to put them into.

    Raises:
        TrackingError: if the model was deleted.
    """
    with connected(tracking_uri) as client, TemporaryDirectory() as scratch:
        import mlflow

        # MLflow looks for the addresses of models where the process speaks to.
        mlflow.set_tracking_uri(client.tracking_uri)
        outputs = client.get_run(run_id).outputs
        logged = [] if outputs is None else outputs.model_outputs
        for model in [client.get_logged_model(each.model_id) for each in logged]:
            if model.name == WHOLE_MODEL:
                mlflow.artifacts.download_artifacts(model.model_uri, dst_path=scratch)
        for booster in Path(scratch).rglob(BOOSTER_FILE):
            shutil.copytree(booster.parent, folder, dirs_exist_ok=True)
            return
    raise TrackingError(f"The model of the MLflow run {run_id} is no longer in MLflow.")


def _find_run(client: MlflowClient, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    unknown = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in unknown:
            raise
        raise TrackingError(
            f"MLflow at {without_secrets(client.tracking_uri)} has no run '{run_id}': the id of a "
            f"training is in its run_id.txt, and on its page in MLflow. {_ELSEWHERE}"
        ) from error


def _check_finished_training(run: Any) -> None:
    """Refuse a run that has no model of this project.

    Raises:
        TrackingError: saying what it is instead.
    """
    what = f"The MLflow run {run.info.run_id} ({run.info.run_name})"
    if OWNER_TAG not in run.data.tags:
        raise TrackingError(f"{what} is no training of this project.")
    if run.info.status == "RUNNING":
        raise TrackingError(f"{what} is still training: wait until it is done.")
    if run.info.status != "FINISHED":
        raise TrackingError(
            f"{what} ended as {run.info.status}: it made no model that another could be compared "
            "with."
        )
