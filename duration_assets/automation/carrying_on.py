"""The sensor that looks at every asset's automation condition."""

from __future__ import annotations

import dagster as dg

CONDITIONS_EVERY = 30
"""Seconds between two looks, at least."""


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Build the sensor; it asks for a run for each month rather than for a backfill.

    A backfill would wait for the backfill daemon, which looks every 30 seconds.
    """
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=CONDITIONS_EVERY,
        emit_backfills=False,
        description="Carries a changed month on to everything that is made from it.",
    )
