"""The model as MLflow loads it: code and plain files. MLflow runs this file; nobody imports it."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from duration_assets.modelling.model import DurationModel


class DurationPyfunc(PythonModel):
    """Raw trips in, minutes out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's files."""
        self.model = DurationModel.load(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Predict n trips in TLC's own columns; returns n minutes."""
        return self.model.predict_published(model_input)


mlflow.models.set_model(DurationPyfunc())
