"""What Prometheus is told: requests, errors, latency, the model's version, the registry.

With several workers each keeps its figures in files of its own in one folder, and whoever is asked
adds them up (prometheus_client's multiprocess mode). prometheus_client decides on that as it is
imported, by the variable that `worker.FOLDER_VARIABLE` names, which `serve` sets before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST

OTHER_ROUTE = "other"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class ServingMetrics:
    """The figures of one worker, and the page that shows those of all."""

    def __init__(self, routes: frozenset[str], folder: Path | None = None) -> None:
        """Take the routes that are told apart.

        Args:
            routes: paths; all others count as `OTHER_ROUTE`.
            folder: holds the figures of all workers; None if this process is the only one.
        """
        self._routes = routes
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "duration_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "duration_request_seconds",
            "Seconds from a request to its answer.",
            ["route"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._version = Gauge(
            "duration_model_version",
            "Version in the registry of the model in use, of each worker.",
            ["model"],
            registry=registry,
            multiprocess_mode="liveall",
        )
        self._refused = Counter(
            "duration_model_load_failures",
            "Times that a new champion could not be loaded.",
            registry=registry,
        )
        # Looking a child up by its labels takes longer than counting.
        self._of_answers: dict[tuple[str, int], tuple[Any, Any]] = {}

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        route = path if path in self._routes else OTHER_ROUTE
        key = (route, status)
        if key not in self._of_answers:
            children = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._of_answers[key] = children
        requests, latency = self._of_answers[key]
        requests.inc()
        latency.observe(seconds)

    def model_loaded(self, name: str, version: int) -> None:
        """Say which model is in use."""
        self._version.labels(name).set(version)

    def model_refused(self) -> None:
        """Count a new champion that could not be loaded."""
        self._refused.inc()

    def page(self) -> bytes:
        """Return the figures of all workers in Prometheus's text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        for process in _gone(self._folder):
            # Somebody else who asks at the same time may have been faster.
            with suppress(FileNotFoundError):
                multiprocess.mark_process_dead(process, str(self._folder))  # type: ignore[no-untyped-call]
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(together)


class RegistryMetrics:
    """What the process that asks the registry tells, in the same folder as the workers."""

    def __init__(self) -> None:
        """Begin with a registry that answers."""
        registry = CollectorRegistry()
        self._answers = Gauge(
            "duration_registry_answers",
            "Whether the registry answered when it was last asked for the champion.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._failures = Counter(
            "duration_registry_failures", "Times that it did not.", registry=registry
        )

    def answered(self) -> None:
        """Say that the registry answered."""
        self._answers.set(1)

    def failed(self) -> None:
        """Say that it did not."""
        self._answers.set(0)
        self._failures.inc()


def _gone(folder: Path) -> Iterator[int]:
    """Return the processes that are no more, but have figures that count for living ones alone."""
    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not psutil.pid_exists(process):
            yield process
