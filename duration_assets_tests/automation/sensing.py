"""The sensor as a test looks through it: tick after tick, with its cursor, on a home of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from duration_assets.definitions import build_definitions, build_resources
from duration_assets.months import Month
from duration_assets.resources.store import Store
from duration_assets_tests.months import published, settings_for

RAW_TRIPS = "green/raw_trips"


class Sensing:
    """Looks at a source as the daemon does, and lands nothing by itself."""

    def __init__(
        self, home: Path, source: Path | str, instance: dg.DagsterInstance, **changes: Any
    ) -> None:
        values = {"first_month": "2021-01", "last_month": "2023-12", "window": 12, **changes}
        self.settings = settings_for(home, source, **values)
        self.instance = instance
        self.cursor: str | None = None
        self.store = Store(self.settings.home / "store")
        self.requests: list[dg.RunRequest] = []
        self.definitions = build_definitions(self.settings)
        self.sensor = self.definitions.resolve_sensor_def("green_source")
        self.resources = build_resources(self.settings)

    def look(self) -> list[str]:
        """Return the months that a tick asks for; `said` is what it says."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources=self.resources,
            definitions=self.definitions,
        ) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        self.said = data.skip_message or ""
        self.requests = list(data.run_requests or [])
        return [str(request.partition_key) for request in self.requests]

    def keys(self) -> list[str]:
        """Return the run keys of the last tick."""
        return [str(request.run_key) for request in self.requests]

    def land(self, month: Month | str, content: bytes) -> None:
        """Put a month into the store as somebody else would have."""
        with self.store.writing(RAW_TRIPS, Month.parse(str(month))) as draft:
            draft.commit(
                data_version=hashlib.sha256(content).hexdigest(),
                code_version="1",
                inputs={},
                summary={"size": len(content)},
                simulated=True,
            )


def write(folder: Path, month: str | Month, content: str = "a") -> bytes:
    """Write a small Parquet file as a month."""
    path = published(folder, Month.parse(str(month)))
    path.parent.mkdir(exist_ok=True)
    pl.DataFrame({"content": [f"{month} {content}"]}).write_parquet(path)
    return path.read_bytes()
