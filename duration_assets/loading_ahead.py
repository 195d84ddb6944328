"""Loading what a training needs while its months are made, which takes as long as the loading.

For a process that is the project's alone and trains after it has made data: a command.
"""

from __future__ import annotations

import sys
from threading import Thread

from duration_assets.modelling.loading_xgboost import load_alone
from duration_assets.resources.mlflow_access import import_mlflow


def load_ahead() -> Thread:
    """Load XGBoost, MLflow and Matplotlib on a thread of its own, if they are not there yet.

    Whatever imports one of them meanwhile waits for it, and an import that fails fails there too.
    """
    thread = Thread(target=_load, name="loading ahead", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    load_alone()
    if "mlflow" not in sys.modules:
        import_mlflow()
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401
