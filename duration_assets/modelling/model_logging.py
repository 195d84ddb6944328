"""Logging a model to MLflow's active run: the whole one, and the bare booster as the course has it.

The whole model carries the code it needs, and loads where this project and Dagster are not
installed.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duration_assets
from duration_assets.modelling.intervals import ASKED_BY
from duration_assets.modelling.model import DurationModel
from duration_assets.services import Service

if TYPE_CHECKING:
    import pandas as pd

WHOLE_MODEL = "model"
BARE_BOOSTER = "booster"

_REQUIREMENTS = ("mlflow", "numpy", "pandas", "polars", "pyarrow", "scipy", "xgboost", "holidays")
_EXPECTED_WARNINGS = (
    # The course's file name, model.xgb, does not say which of XGBoost's formats it holds.
    "Saving model in the UBJSON format",
    "Unknown file format: `xgb`",
    # The signature says what goes into the model, not the type hints of its code.
    "Any type hint is inferred as AnyType",
)
_CODE = ("__init__.py", "errors.py", "months.py", "services.py", "simulation/__init__.py")


@dataclass(frozen=True)
class LoggedModel:
    """A model in MLflow.

    Attributes:
        uri: its address, `models:/m-…`.
        version: what number it has in the registry.
    """

    uri: str
    version: int


def log_model(
    model: DurationModel, folder: Path, example: pd.DataFrame, registered: str
) -> LoggedModel:
    """Log a model to the active run and register it.

    Args:
        model: the model.
        folder: the folder that `model.save` wrote.
        example: a few raw trips, as the model takes them.
        registered: the name in MLflow's registry.
    """
    import mlflow

    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        for message in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=f"(?s).*{message}")
        mlflow.xgboost.log_model(
            model.booster,
            name=BARE_BOOSTER,
            model_format="xgb",
            pip_requirements=_pinned("mlflow", "xgboost"),
        )
        info: Any = mlflow.pyfunc.log_model(
            name=WHOLE_MODEL,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"model": str(folder)},
            code_paths=[str(_copy_code(Path(scratch)))],
            pip_requirements=_pinned(*_REQUIREMENTS),
            signature=_signature(model.service, list(example.columns)),
            input_example=example,
            registered_model_name=registered,
        )
    return LoggedModel(info.model_uri, int(info.registered_model_version))


def example_trips(service: Service, uses_distance: bool) -> pd.DataFrame:
    """Return two trips as the service publishes them, with the columns that a model needs."""
    import pandas as pd

    columns: dict[str, Any] = {
        service.pickup_time: pd.to_datetime(["2023-01-02 08:15:00", "2023-01-07 23:40:00"]),
        service.pickup_zone: [43, 74],
        service.dropoff_zone: [151, 42],
    }
    if service.distance is not None and uses_distance:
        columns[service.distance] = [1.01, 2.4]
    return pd.DataFrame(columns)


def _pinned(*packages: str) -> list[str]:
    """Return the versions that are installed; MLflow would take many seconds to find them out."""
    return [f"{name}=={version(name)}" for name in packages]


def _signature(service: Service, columns: list[str]) -> Any:
    """Say what goes in and comes out; MLflow's guess from an example would warn of its integers."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    types = {
        **dict.fromkeys(service.times, DataType.datetime),
        service.pickup_zone: DataType.long,
        service.dropoff_zone: DataType.long,
    }
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(types.get(name, DataType.double), name) for name in columns
    ]
    # TLC's files have them as whole numbers in some years and as floats in others.
    details = [ColSpec(AnyType(), name, required=False) for name in service.detail_columns]
    return ModelSignature(
        Schema([*inputs, *details]),
        Schema([ColSpec(DataType.float)]),
        ParamSchema([ParamSpec(ASKED_BY, DataType.boolean, False)]),
    )


def _copy_code(scratch: Path) -> Path:
    """Copy the part of this package that a model needs, and nothing that knows Dagster."""
    source = Path(duration_assets.__file__).parent
    target = scratch / source.name
    shutil.copytree(
        source / "modelling", target / "modelling", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in _CODE:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, target / name)
    return target
