"""The settings of docs/guides/run-on-a-server.md, with real servers in place of the network's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from duration_assets.errors import HomeError
from duration_assets.home import open_home
from duration_assets.resources.mlflow_access import import_mlflow
from duration_assets_tests.mlflow_server import free_port, started
from duration_assets_tests.months import (
    FEBRUARY,
    JANUARY,
    published,
    settings_for,
    simulated_folder,
)
from duration_assets_tests.postgresql_server import (
    PASSWORD,
    PostgresqlServer,
    postgresql_server,
)
from duration_assets_tests.s3_server import s3_client, s3_server

pytestmark = pytest.mark.s3

MONTHS_SECRET, MODELS_SECRET = "hidden-key-of-the-months", "hidden-key-of-the-models"
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), MONTHS_SECRET, MODELS_SECRET)


@dataclass(frozen=True)
class Deployment:
    """What a training on a server left behind."""

    folder: Path
    home: Path
    postgresql: PostgresqlServer
    mlflow_url: str
    bucket: Any
    done: subprocess.CompletedProcess[str]

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.done.stdout.splitlines()[-1])
        return found


def clean_environment() -> dict[str, str]:
    """Return the environment without the settings and credentials of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def bucket_access(endpoint: str, secret: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        for database in ("dagster", "mlflow"):
            server.create(database)
        yield server


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    with s3_server() as url:
        yield url


@pytest.fixture(scope="module")
def bucket(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the S3 server, whose bucket `months` holds two simulated months."""
    source = simulated_folder(tmp_path_factory.mktemp("source"), JANUARY, FEBRUARY)
    with s3_client(endpoint) as client:
        for name in ("months", "models"):
            client.create_bucket(Bucket=name)
        for month in (JANUARY, FEBRUARY):
            path = published(source, month)
            client.upload_file(str(path), "months", f"trips/{path.name}")
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deployment")


@pytest.fixture(scope="module")
def mlflow_url(
    clean_session_environment: None,
    postgresql: PostgresqlServer,
    endpoint: str,
    bucket: Any,
    folder: Path,
) -> Iterator[str]:
    port = free_port()
    environment = {
        **clean_environment(),
        **bucket_access(endpoint, MODELS_SECRET),
        "MLFLOW_BACKEND_STORE_URI": postgresql.url("mlflow"),
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://models/mlflow",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_PORT": str(port),
        "MLFLOW_WORKERS": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server"]
    address = f"http://127.0.0.1:{port}"
    with (
        (folder / "mlflow.log").open("wb") as log,
        started(folder, command, environment, address, log),
    ):
        yield address


@pytest.fixture(scope="module")
def deployment(
    postgresql: PostgresqlServer, endpoint: str, bucket: Any, mlflow_url: str, folder: Path
) -> Deployment:
    """What the command leaves that trains a month, with nothing but its environment set."""
    home = folder / "home"
    environment = {
        **clean_environment(),
        **bucket_access(endpoint, MONTHS_SECRET),
        "DURATION_HOME": str(home),
        "DURATION_SOURCE": "s3://months/trips",
        "DURATION_FIRST_MONTH": str(JANUARY),
        "DURATION_DAGSTER_POSTGRES_URL": postgresql.url("dagster"),
        "MLFLOW_TRACKING_URI": mlflow_url,
    }
    command = [sys.executable, "-m", "duration_assets", "train", "--json"]
    done = subprocess.run(
        [*command, "--year", str(JANUARY.year), "--month", str(JANUARY.month)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return Deployment(folder, home, postgresql, mlflow_url, bucket, done)


def test_the_command_ends_with_its_result(deployment: Deployment) -> None:
    assert deployment.done.returncode == 0, deployment.done.stderr
    assert deployment.result["training_month"] == "2023-01"
    assert deployment.result["simulated"] is True
    assert deployment.result["metrics"]["rmse"] > 0


def test_dagsters_runs_and_materializations_are_in_postgresql_alone(
    deployment: Deployment,
) -> None:
    query = deployment.postgresql.query
    runs = query("dagster", "SELECT status, count(*) FROM runs GROUP BY status")
    assert runs == [("SUCCESS", 4)]
    made = query(
        "dagster",
        "SELECT asset_key, partition FROM event_logs "
        "WHERE dagster_event_type = 'ASSET_MATERIALIZATION'",
    )
    assert ('["green", "metered", "duration_model"]', "2023-01") in made
    assert ('["green", "metered", "evaluation"]', "2023-02") in made
    assert list(deployment.home.rglob("*.db")) == []


def test_the_models_run_is_on_the_mlflow_server(deployment: Deployment) -> None:
    client = import_mlflow().MlflowClient(deployment.mlflow_url)
    run = client.get_run(deployment.result["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["rmse"] == deployment.result["metrics"]["rmse"]
    stored = deployment.postgresql.query("mlflow", "SELECT run_uuid FROM runs")
    assert stored == [(deployment.result["run_id"],)]


def test_the_artifacts_are_in_the_bucket_alone_and_the_model_loads_from_there(
    deployment: Deployment,
) -> None:
    names = {Path(key).name for key in keys(deployment.bucket, "models")}
    assert {"MLmodel", "model.xgb", "preprocessor.b"} <= names
    assert list(deployment.folder.rglob("mlartifacts")) == []
    code = (
        "import sys, mlflow\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "print(*model.predict(model.input_example))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, deployment.result["model_uri"]],
        env={**clean_environment(), "MLFLOW_TRACKING_URI": deployment.mlflow_url},
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    minutes = [float(word) for word in done.stdout.split()]
    assert len(minutes) == 2
    assert all(1 < each < 60 for each in minutes)


def test_no_password_or_secret_key_is_left_anywhere(deployment: Deployment) -> None:
    left = {
        "stdout": deployment.done.stdout.encode(),
        "stderr": deployment.done.stderr.encode(),
        **{str(path): path.read_bytes() for path in deployment.folder.rglob("*") if path.is_file()},
        **{name: deployment.postgresql.dump(name) for name in ("dagster", "mlflow")},
        **{
            f"s3://models/{key}": content(deployment.bucket, "models", key)
            for key in keys(deployment.bucket, "models")
        },
    }
    assert b"ASSET_MATERIALIZATION" in left["dagster"]
    assert deployment.result["run_id"].encode() in left["mlflow"]
    assert str(deployment.home / "dagster" / "dagster.yaml") in left
    found = [
        (name, secret)
        for name, what in left.items()
        for secret in SECRETS
        if secret.encode() in what
    ]
    assert found == []


def test_an_address_whose_driver_is_not_installed_is_explained(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgresql.url("dagster").replace("+psycopg2", "")
    monkeypatch.setenv("DURATION_DAGSTER_POSTGRES_URL", address)
    with pytest.raises(HomeError, match=r"postgresql\+psycopg2://") as caught:
        open_home(settings_for(tmp_path / "home", tmp_path))
    assert PASSWORD not in str(caught.value)


def test_a_wrong_password_for_dagsters_database_is_explained_without_it(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURATION_DAGSTER_POSTGRES_URL", postgresql.url("dagster", "hidden"))
    with pytest.raises(HomeError, match=r"DURATION_DAGSTER_POSTGRES_URL.*password auth") as caught:
        open_home(settings_for(tmp_path / "home", tmp_path))
    assert "hidden" not in str(caught.value)


def keys(bucket: Any, name: str) -> list[str]:
    """Return the keys of a bucket's objects."""
    return [each["Key"] for each in bucket.list_objects_v2(Bucket=name)["Contents"]]


def content(bucket: Any, name: str, key: str) -> bytes:
    """Return what an object of a bucket holds."""
    held: bytes = bucket.get_object(Bucket=name, Key=key)["Body"].read()
    return held
