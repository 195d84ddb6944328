"""The model in use, in one process: loaded beside the one before, then put in its place."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from duration_assets.modelling.model import DurationModel
from duration_assets.modelling.single_trips import Prediction, single_trips
from duration_assets.resources.registry import RegisteredModel
from duration_assets.serving.champions import Champion, ModelSource
from duration_assets.serving.metrics import ServingMetrics

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        registered: what it is.
        model: predicts tables.
        predict: predicts one trip at a time, for one thread.
    """

    registered: RegisteredModel
    model: DurationModel
    predict: Prediction

    @classmethod
    def load(cls, champion: Champion) -> LoadedModel:
        """Read a champion's files, and make it ready.

        Raises:
            DurationError: if they cannot be used.
        """
        model = DurationModel.load(champion.folder)
        # Workers share the cores; one that predicts a table leaves the others theirs.
        model.use_threads(1)
        return cls(champion.registered, model, single_trips(model))


class ModelKeeper:
    """Keeps the model that the source names.

    Attributes:
        current: the model in use, None as long as there is none. A request reads it once, and is
            answered by that model also if another one takes its place meanwhile.
    """

    def __init__(self, source: ModelSource, metrics: ServingMetrics) -> None:
        """Take where to ask, and where models are counted; nothing is loaded yet."""
        self.current: LoadedModel | None = None
        self._source = source
        self._metrics = metrics
        self._champion: Champion | None = None
        self._complained_of: str | None = None

    def look(self) -> None:
        """Load the model that the source names, if it is another one than the one in use."""
        try:
            champion = self._source.current()
            if champion is not None and champion != self._champion:
                self._take(champion)
        except Exception as error:
            # Whatever is wrong with a new model, the one in use is to go on.
            self._complain(f"{type(error).__name__}: {error}")

    def _take(self, champion: Champion) -> None:
        began = time.perf_counter()
        loaded = LoadedModel.load(champion)
        self.current, self._champion, self._complained_of = loaded, champion, None
        self._metrics.model_loaded(loaded.registered.name, loaded.registered.version)
        _LOG.info(
            "Serving version %d of %s (trained on %s; loaded in %.1f s).",
            loaded.registered.version,
            loaded.registered.name,
            loaded.registered.training_month,
            time.perf_counter() - began,
        )

    def _complain(self, reason: str) -> None:
        """Say once what is wrong, and count every time."""
        self._metrics.model_refused()
        if reason != self._complained_of:
            _LOG.error("The new champion cannot be loaded, so the model stays: %s", reason)
        self._complained_of = reason
