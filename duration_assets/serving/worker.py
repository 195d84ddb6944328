"""A worker of `serve`: what uvicorn starts in each of its processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.loading_xgboost import load_alone
from duration_assets.resources.files import write_atomically
from duration_assets.resources.registry import registered_name
from duration_assets.services import service_named
from duration_assets.serving.champions import FileSource

if TYPE_CHECKING:
    from fastapi import FastAPI

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names a folder to the workers of a `serve`, and makes prometheus_client keep figures there."""

_PLAN, _CHAMPION = "plan.json", "champion.json"


@dataclass(frozen=True)
class Plan:
    """What workers are told by the process that starts them.

    Attributes:
        service: whose trips are asked about.
        feature_set: what has to be said of them.
        look_every: seconds between two looks at the file that names the champion.
    """

    service: str
    feature_set: str
    look_every: float

    def write(self, folder: Path) -> None:
        """Leave it for the workers of a `serve`."""
        write_atomically(folder / _PLAN, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """Read what `write` wrote."""
        return cls(**json.loads((folder / _PLAN).read_text()))


def champion_file(folder: Path) -> Path:
    """Return the file that names the champion to the workers of a `serve`."""
    return folder / _CHAMPION


def make_app() -> FastAPI:
    """Make the application of a worker, from the folder that its environment names."""
    load_alone()
    from duration_assets.serving.application import build_app

    folder = Path(os.environ[FOLDER_VARIABLE])
    plan = Plan.read(folder)
    _end_with_parent()
    return build_app(
        FileSource(champion_file(folder), registered_name(plan.service, plan.feature_set)),
        service_named(plan.service),
        feature_set_named(plan.feature_set),
        look_every=plan.look_every,
        metrics_folder=folder,
    )


def _end_with_parent() -> None:
    """End this process if the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
