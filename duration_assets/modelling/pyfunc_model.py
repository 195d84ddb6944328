"""The model as MLflow loads it: code and plain files. MLflow runs this file; nobody imports it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from duration_assets.modelling.intervals import ASKED_BY
from duration_assets.modelling.model import DurationModel


class DurationPyfunc(PythonModel):
    """Raw trips in, minutes out; with the parameter `intervals`, a table with their ends too."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's files."""
        self.model = DurationModel.load(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray | pd.DataFrame:
        """Predict n trips in TLC's own columns.

        Returns:
            n minutes; with the parameter `intervals`, a row for each with the columns `minutes`,
            `low` and `high`.
        """
        if not (params or {}).get(ASKED_BY):
            return self.model.predict_published(model_input)
        return pd.DataFrame(asdict(self.model.predict_published_intervals(model_input)))


mlflow.models.set_model(DurationPyfunc())
