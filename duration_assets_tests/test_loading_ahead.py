"""What a training needs is loaded while its months are made, in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def test_a_training_finds_what_it_needs_loaded_without_scikit_learn() -> None:
    script = (
        "import sys; from duration_assets.loading_ahead import load_ahead; "
        "load_ahead().join(); "
        "print(*(name in sys.modules for name in ('xgboost', 'mlflow', 'matplotlib.figure')), "
        "'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "True", "False"], done.stderr


def test_an_import_meanwhile_waits_for_what_is_being_loaded() -> None:
    script = (
        "from duration_assets.loading_ahead import load_ahead; load_ahead(); "
        "import xgboost, mlflow; print(xgboost.Booster, mlflow.MlflowClient)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "Booster" in done.stdout
    assert "MlflowClient" in done.stdout
