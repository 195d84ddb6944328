"""Importing MLflow without its noise, and putting its errors into words."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from duration_assets.addresses import without_secrets
from duration_assets.errors import TrackingError


def import_mlflow() -> Any:
    """Import mlflow and dagster-mlflow, without what they say at import and of their progress."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with without_beta_warnings():
        import dagster_mlflow  # noqa: F401
        import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


@contextmanager
def without_beta_warnings() -> Iterator[None]:
    """Keep quiet that dagster-mlflow calls itself a beta: it is used knowingly."""
    from dagster._utils.warnings import BetaWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        yield


@contextmanager
def explained(tracking_uri: str) -> Iterator[None]:
    """Turn MLflow's errors into one clear message."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise TrackingError(
            f"MLflow at {without_secrets(tracking_uri)} refused what was logged: {error}. "
            "See docs/operations.md on MLflow's store."
        ) from error
