"""The results of trials on disk: a small file for each, found again by what it depends on.

All backtests of a home share them, whatever their months and wherever their reports go. What a
month, a setting or newer code changes has another key; the result before stays, and counts again if
the month changes back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from duration_assets.backtests.planning import Trial
from duration_assets.errors import StoreError
from duration_assets.modelling.backtesting import Score
from duration_assets.resources.files import write_atomically


class ResultFolder:
    """A folder of results."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is made when something is first written."""
        self.folder = folder

    def find(self, trial: Trial) -> Score | None:
        """Return what a trial came to; None if it was not made yet.

        Raises:
            StoreError: if its file is damaged.
        """
        path = self._path(trial)
        try:
            return Score(trial.candidate.name, trial.fold, **json.loads(path.read_text())["score"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): remove it, and {trial.name} is tried again."
            ) from error

    def save(self, trial: Trial, score: dict[str, Any]) -> None:
        """Write what a trial came to: all of it or nothing."""
        content = {"score": score, "made_from": trial.made_from}
        write_atomically(self._path(trial), json.dumps(content, indent=1).encode())

    def _path(self, trial: Trial) -> Path:
        return self.folder / f"{trial.key}.json"
