"""Asks the registry for the champion, and tells the workers: one for each `serve`."""

from __future__ import annotations

import logging
from pathlib import Path

from duration_assets.errors import DurationError
from duration_assets.serving.champions import Champion, ModelSource, announce
from duration_assets.serving.metrics import RegistryMetrics

_LOG = logging.getLogger(__name__)


class Announcer:
    """Writes the champion to a file whenever it is another one.

    Attributes:
        announced: what the workers were told last.
        answers: whether the registry answered at the last look.
    """

    def __init__(self, source: ModelSource, path: Path, metrics: RegistryMetrics) -> None:
        """Take where to ask, the file to write, and where answers are counted."""
        self.announced: Champion | None = None
        self._source = source
        self._path = path
        self._metrics = metrics
        self.answers = True

    def look(self) -> None:
        """Ask once. If the registry does not answer, the model in use stays."""
        try:
            champion = self._source.current()
        except DurationError as error:
            self._failed(str(error))
        except Exception as error:
            # MLflow's own errors are many; none of them may end the thread that looks.
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self._answered(champion)

    def _answered(self, champion: Champion | None) -> None:
        if not self.answers:
            _LOG.info("The registry answers again.")
        self.answers = True
        self._metrics.answered()
        # Without a holder of the alias, the model in use stays.
        if champion is not None and champion != self.announced:
            announce(self._path, champion)
            self.announced = champion

    def _failed(self, reason: str) -> None:
        """Say once that the registry does not answer, and count every time."""
        self._metrics.failed()
        if self.answers:
            _LOG.error("The champion cannot be asked for, so the model stays: %s", reason)
        self.answers = False
