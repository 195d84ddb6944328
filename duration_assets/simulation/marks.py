"""What simulated files say about themselves in their metadata: that they are, and from what."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.errors import SettingsError
from duration_assets.simulation import SIMULATED_KEY

_RECIPE_KEY = "duration_assets.simulation"
_EDITION = 2
"""Goes up when the same arguments give other trips, so that older files are written again."""


@dataclass(frozen=True)
class Recipe:
    """The arguments that a simulated month was made with.

    Attributes:
        service: its name.
        month: as in `2023-01`.
        rows: how many trips.
        seed: of the draws.
        edition: of the simulator.
    """

    service: str
    month: str
    rows: int
    seed: int
    edition: int = _EDITION

    def marks(self) -> dict[str, str]:
        """Return the metadata of a simulated file."""
        return {SIMULATED_KEY: "true", _RECIPE_KEY: json.dumps(asdict(self), sort_keys=True)}


def is_made_from(path: Path, recipe: Recipe) -> bool:
    """Return whether a file is there and was simulated with these very arguments.

    Raises:
        SettingsError: if there is a file that is not marked as simulated: it could be the only
            copy of real trips, so nothing may be written in its place.
    """
    try:
        found = pq.read_metadata(path).metadata or {}
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (pa.ArrowException, OSError):
        found = {}
    if found.get(SIMULATED_KEY.encode()) != b"true":
        raise SettingsError(
            f"{path} is there and is not marked as simulated: it may hold real trips, and "
            "simulated ones never take their place. Choose another folder, or move it away."
        )
    wanted = {key.encode(): text.encode() for key, text in recipe.marks().items()}
    return all(found.get(key) == text for key, text in wanted.items())
