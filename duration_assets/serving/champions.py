"""Which model is to be served: where that is asked, and how workers are told.

The process that `serve` starts in asks MLflow's registry and writes the answer to a small file; the
workers read the file. So MLflow is loaded once, and no request waits for it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from duration_assets.errors import RegistryError
from duration_assets.months import Month
from duration_assets.resources.files import write_atomically
from duration_assets.resources.registry import CHAMPION, RegisteredModel, Registry


@dataclass(frozen=True)
class Champion:
    """A model that is to be served.

    Attributes:
        registered: its version in the registry.
        folder: its files, for `DurationModel.load`.
    """

    registered: RegisteredModel
    folder: Path


class ModelSource(Protocol):
    """Knows which model is to be served."""

    def current(self) -> Champion | None:
        """Return the model that is to be served now, None if there is none."""


class RegistrySource:
    """Asks MLflow's registry for the holder of the alias `champion`."""

    def __init__(self, registry: Registry, name: str) -> None:
        """Take the registry, and the name of the registered model."""
        self._registry = registry
        self._name = name

    def current(self) -> Champion | None:
        """Return the champion with its files, which are fetched if they are not in the home.

        Raises:
            TrackingError: if MLflow does not answer.
            RegistryError: if what has the alias cannot be used.
        """
        registered = self._registry.holder_of(self._name, CHAMPION)
        if registered is None:
            return None
        return Champion(registered, self._registry.folder_of(registered))


class FileSource:
    """Reads what `announce` wrote."""

    def __init__(self, path: Path, name: str) -> None:
        """Take the file, which need not be there, and the name of the registered model."""
        self._path = path
        self._name = name

    def current(self) -> Champion | None:
        """Return what was announced last, None if nothing was.

        Raises:
            RegistryError: if it is a version of another model.
        """
        try:
            announced = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        registered, folder = announced["registered"], Path(announced["folder"])
        if registered["name"] != self._name:
            raise RegistryError(
                f"{self._path} names a version of {registered['name']}, and {self._name} is served "
                "here: start this server again."
            )
        month = Month.parse(registered.pop("training_month"))
        return Champion(RegisteredModel(**registered, training_month=month), folder)


def announce(path: Path, champion: Champion) -> None:
    """Tell all who read the file which model is to be served."""
    write_atomically(path, json.dumps(as_json(champion)).encode())


def as_json(champion: Champion) -> dict[str, object]:
    """Describe a champion for a file."""
    return {"registered": described(champion.registered), "folder": str(champion.folder)}


def described(registered: RegisteredModel) -> dict[str, object]:
    """Describe a version as JSON does."""
    return {**asdict(registered), "training_month": str(registered.training_month)}
