"""How XGBoost is loaded, and a booster from its file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xgboost


def let_threads_sleep() -> None:
    """Let threads that wait for each other sleep; to be called before XGBoost is imported.

    They wait at every step, and by default they do so at full speed: where other work wants the
    same cores, such as a second training, a training then takes several times as long. OpenMP reads
    the policy once, as XGBoost loads it; a policy that is set already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load() -> None:
    """Load XGBoost."""
    let_threads_sleep()
    import xgboost  # noqa: F401


def load_alone() -> None:
    """Load XGBoost without scikit-learn, which takes longer than XGBoost itself.

    XGBoost looks for scikit-learn as it loads, and has its estimators only where it finds it; a
    booster needs none. So this is for a process that is the project's alone, and does nothing where
    one of the two is loaded already. Whatever imports scikit-learn afterwards gets it.
    """
    if "xgboost" in sys.modules or "sklearn" in sys.modules:
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        load()
    finally:
        del sys.modules["sklearn"]


def read_booster(path: Path) -> xgboost.Booster:
    """Read a booster from a file in XGBoost's own format."""
    let_threads_sleep()
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(path)
    return booster
