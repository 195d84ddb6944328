"""Talking to one MLflow store: quietly, without its secrets, and leaving the process as it was.

MLflow keeps the store it talks to in module variables and in the environment. Here they are set for
a while and put back, and its errors are put into words.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from duration_assets.addresses import without_secrets
from duration_assets.errors import TrackingError, UnreachableTrackingError
from duration_assets.resources.run_owner import Owner

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Four retries last about half a minute, the time in which a server is started again. MLflow's
    # own seven retries of two minutes each would keep a training waiting for a dead server.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_CHANGED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID", _USER, _PASSWORD)
_BETAS = r"(Class `MlFlow`|Function `_create_mlflow_run_hook`) is currently in beta"
_ANSWER_WITHIN = 5.0


def import_mlflow() -> Any:
    """Import mlflow with this project's defaults; what the user set wins.

    Not dagster-mlflow, which is for trainings alone: it brings Dagster, and seconds with it.
    """
    _set_defaults()
    with warnings.catch_warnings():
        # MLflow's bars look for widgets in a notebook; this project shows none of them.
        warnings.filterwarnings("ignore", "IProgress not found")
        import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    # It prints the traceback of every database error that it raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    return mlflow


def _set_defaults() -> None:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def variables_in_place(tracking_uri: str) -> Iterator[None]:
    """Let every environment variable be there that a training run sets, for as long as the block.

    The C library moves the environment to another place when a variable is added. Native code that
    looks for one on another thread meanwhile, as XGBoost's and Polars' do, may then read memory
    that was given back, and the process ends without a word. One that is there already is only
    given another value. So this stands around a run that is opened while a thread works.
    """
    _set_defaults()
    values = {
        "MLFLOW_TRACKING_URI": without_secrets(tracking_uri),
        "MLFLOW_EXPERIMENT_ID": "0",
        **_credentials(tracking_uri),
    }
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def without_beta_warnings() -> Iterator[None]:
    """Keep quiet that dagster-mlflow calls itself a beta: it is used knowingly."""
    from dagster._utils.warnings import BetaWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _BETAS, BetaWarning)
        yield


@contextmanager
def speaking_to(tracking_uri: str) -> Iterator[str]:
    """Let MLflow speak to a store, and leave the process speaking to what it spoke to before.

    A user and password in the address of a server reach MLflow by its variables for them: what it
    prints, logs or says in an error is the address without them.

    Yields:
        The address to give to MLflow.

    Raises:
        TrackingError: if MLflow cannot do what the block asks for.
    """
    import_mlflow()
    with _process_as_it_was(), _explained(tracking_uri):
        if not is_server(tracking_uri):
            yield tracking_uri
            return
        os.environ.update(_credentials(tracking_uri))
        yield without_secrets(tracking_uri).rstrip("/")


def _credentials(tracking_uri: str) -> dict[str, str]:
    """Return MLflow's variables for the user and password in the address of a server, if any."""
    parts = urlsplit(tracking_uri)
    if not (is_server(tracking_uri) and parts.username and parts.password):
        return {}
    return {_USER: unquote(parts.username), _PASSWORD: unquote(parts.password)}


@contextmanager
def connected(tracking_uri: str) -> Iterator[MlflowClient]:
    """Give a client for a store that is there, as `speaking_to` does an address."""
    mlflow = import_mlflow()
    with speaking_to(tracking_uri) as address:
        yield mlflow.MlflowClient(address)


def refuse_active_run() -> None:
    """Refuse to train beside a run that MLflow would log to in place of ours.

    Raises:
        TrackingError: naming it.
    """
    active = import_mlflow().active_run()
    if active is not None:
        raise TrackingError(
            f"Another MLflow run, {active.info.run_id}, is active in this process: end it with "
            "mlflow.end_run() before a training starts, which is a run of its own."
        )


def end_run(client: MlflowClient, run_id: str, status: str, owner: Owner, log: Any) -> None:
    """End a run; if that fails after a failed training, the training's error is the one to see."""
    from mlflow.tracking import fluent

    try:
        check_server(client.tracking_uri)
        while fluent.active_run() is not None:
            fluent.end_run(status)
        if client.get_run(run_id).info.status == "RUNNING":
            client.set_terminated(run_id, status)
        owner.forget()
    except Exception as error:
        if status == "FINISHED":
            raise
        log.warning(f"The MLflow run {run_id} could not be ended as {status}: {error}")
    finally:
        fluent._active_run_stack.get().clear()


def is_server(tracking_uri: str) -> bool:
    """Say whether a store is a server, and not a database that this process opens itself."""
    return tracking_uri.startswith(("http://", "https://"))


def local_database(tracking_uri: str) -> Path | None:
    """Return the SQLite file of a store, None if it is another kind of store."""
    _, local, path = tracking_uri.partition("sqlite:///")
    return Path(path) if local else None


def check_server(address: str) -> None:
    """Ask a server for a sign of life: MLflow's own requests are tried again and again.

    Args:
        address: from `speaking_to`; of a database nothing is asked.

    Raises:
        UnreachableTrackingError: if the server does not answer within seconds.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    if not is_server(address):
        return
    creds = get_default_host_creds(address)
    try:
        http_request(creds, "/health", "GET", max_retries=0, timeout=_ANSWER_WITHIN)
    except MlflowException as error:
        raise UnreachableTrackingError(
            f"MLflow cannot be reached at {address} ({error}): start its server, or unset "
            "MLFLOW_TRACKING_URI to log to the home folder."
        ) from error


@contextmanager
def _explained(tracking_uri: str) -> Iterator[None]:
    """Turn the errors of MLflow and of its database into one clear message."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    address = without_secrets(tracking_uri)
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).replace(tracking_uri, address).rstrip(".")
        kind = UnreachableTrackingError if _is_cut_off(error) else TrackingError
        raise kind(
            f"MLflow at {address} did not do what was asked of it: {reason}. "
            "See docs/operations.md on MLflow's store."
        ) from error


def _is_cut_off(error: BaseException | None) -> bool:
    """Say whether an error began with a connection that could not be made or broke."""
    from requests import ConnectionError, Timeout

    while error is not None:
        if isinstance(error, ConnectionError | Timeout):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _process_as_it_was() -> Iterator[None]:
    """Put back which store and experiment MLflow's own functions use in this process."""
    from mlflow.tracking import fluent
    from mlflow.tracking._tracking_service import utils

    environment = {name: os.environ.get(name) for name in _CHANGED}
    # What MLflow was told, which its public functions mix with what it would do by default.
    uri, experiment = utils._tracking_uri, fluent._active_experiment_id
    try:
        yield
    finally:
        utils.set_tracking_uri(uri)  # type: ignore[arg-type]
        fluent._active_experiment_id = experiment
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
