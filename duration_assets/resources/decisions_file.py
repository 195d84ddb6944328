"""A copy of the decisions about a champion in the home, for whoever looks without MLflow.

It is what this home saw when it last decided; MLflow has the history itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duration_assets.errors import StoreError
from duration_assets.resources.files import write_atomically

if TYPE_CHECKING:
    from duration_assets.resources.champion_history import Decision

_FILE = "decisions.json"


def keep_decisions(folder: Path, history: Sequence[Decision]) -> None:
    """Write all decisions, the first one first, into the folder of a registered model."""
    text = json.dumps([asdict(each) for each in history], indent=1)
    write_atomically(folder / _FILE, text.encode())


def kept_decisions(folder: Path) -> list[Mapping[str, Any]] | None:
    """Return what `keep_decisions` wrote, with the attributes of a `Decision`; None if it did not.

    Raises:
        StoreError: if the file is damaged.
    """
    path = folder / _FILE
    try:
        read: list[Mapping[str, Any]] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}): delete it; the next decision writes it again."
        ) from error
    return read
