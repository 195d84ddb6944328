"""Telling somebody that a month is not as the champion knows it, the way failures are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duration_assets.automation.failure_alert import Failure, alert_of
from duration_assets.months import Month
from duration_assets.settings import Settings


def tell_of_drift(
    settings: Settings, asset: str, month: Month, problems: Mapping[str, str], run_id: str, log: Any
) -> None:
    """Tell of the limits that a month is above; what goes wrong with that raises nothing.

    Args:
        settings: say whom to tell.
        asset: the key of the asset that found it.
        month: the month.
        problems: what is wrong, by kind of measure; nothing is told if there is none.
        run_id: Dagster's.
        log: of the run.
    """
    if not problems:
        return
    url = f"{settings.dagster_ui}/runs/{run_id}"
    error = "\n".join(problems.values())
    text = f"{asset} flags {month}: {error}\n{url}"
    alert_of(settings).send(Failure(text, [asset], str(month), run_id, url, error), log)
