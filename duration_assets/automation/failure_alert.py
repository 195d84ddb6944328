"""Telling somebody of a run that failed, or of drift: in the log, or at a web address.

Another way to tell is one more class with a method `send`, chosen in `alert_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import dagster as dg

from duration_assets.settings import Settings

LOOK_EVERY = 30
"""Seconds between two looks at what failed, at least."""

_ANSWER_WITHIN = 10.0
_TRIES = 3


@dataclass(frozen=True)
class Failure:
    """A run that failed, and that nothing starts again; or one that found drift.

    Attributes:
        text: all of it in one message.
        assets: the keys of the assets it was to make, or made.
        partition: the month; None if the run has none.
        run_id: Dagster's.
        url: the run's page in Dagster's web UI.
        error: what was wrong.
    """

    text: str
    assets: list[str]
    partition: str | None
    run_id: str
    url: str
    error: str


class Alert(Protocol):
    """A way to tell somebody."""

    def send(self, failure: Failure, log: Any) -> None:
        """Tell of a run that failed; what goes wrong with that is logged, and raises nothing."""


class LogAlert:
    """Writes to the sensor's own log."""

    def send(self, failure: Failure, log: Any) -> None:
        """Write one line; see `Alert`."""
        log.error(failure.text)


class WebhookAlert:
    """Posts JSON to a web address: a `Failure` field by field, with `text` as chats read it."""

    def __init__(self, url: str, wait: float = 1.0) -> None:
        """Remember the address, which is a secret and gets into no message.

        Args:
            url: the address.
            wait: seconds before the second try; twice that before the third.
        """
        self._url = url
        self._wait = wait

    def send(self, failure: Failure, log: Any) -> None:
        """Post, and try again if that fails; see `Alert`."""
        import requests
        from tenacity import Retrying, stop_after_attempt, wait_exponential

        log.error(failure.text)
        tries = Retrying(
            stop=stop_after_attempt(_TRIES), wait=wait_exponential(self._wait), reraise=True
        )
        try:
            tries(self._post, asdict(failure))
        except _RefusedError as error:
            log.warning(f"The webhook did not take the alert: {error}.")
        except (requests.RequestException, ValueError) as error:
            # What the error says holds the address.
            log.warning(f"The webhook could not be reached: {type(error).__name__}.")

    def _post(self, content: dict[str, Any]) -> None:
        import requests

        answer = requests.post(self._url, json=content, timeout=_ANSWER_WITHIN)
        if not answer.ok:
            raise _RefusedError(f"it answered {answer.status_code}")


class _RefusedError(Exception):
    """A webhook answered, and did not take what was posted."""


def alert_of(settings: Settings) -> Alert:
    """Return the alert that the settings ask for."""
    if settings.alert_webhook is None:
        return LogAlert()
    return WebhookAlert(settings.alert_webhook.get_secret_value())


def failure_alert(settings: Settings) -> dg.SensorDefinition:
    """Build the sensor that tells of every failed run that is not started again by itself."""

    @dg.run_failure_sensor(
        name="failure_alert",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=LOOK_EVERY,
        description="Tells of a run that failed and is not started again by itself: in the log, "
        "or at DURATION_ALERT_WEBHOOK.",
    )
    def alert(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if is_started_again(context.dagster_run, context.instance):
            return dg.SkipReason(f"Run {context.dagster_run.run_id} is started again.")
        failure = describe(
            context.dagster_run,
            context.failure_event.message,
            context.get_step_failure_events(),
            settings.dagster_ui,
        )
        alert_of(settings).send(failure, context.log)
        return None

    return alert


def is_started_again(run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    """Say whether Dagster starts a failed run again by itself."""
    now = instance.get_run_by_id(run.run_id) or run
    return now.tags.get("dagster/will_retry") == "true"


def describe(
    run: dg.DagsterRun, message: str | None, failures: Sequence[dg.DagsterEvent], dagster_ui: str
) -> Failure:
    """Put a failed run into words.

    Args:
        run: the run.
        message: of the run's failure.
        failures: of its steps, if it failed in any.
        dagster_ui: the address of Dagster's web UI.
    """
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    partition = run.tags.get("dagster/partition")
    error = "\n".join(_reason(event) for event in failures) or message or "No reason was given."
    url = f"{dagster_ui}/runs/{run.run_id}"
    what = ", ".join(assets) or run.job_name
    text = f"{what} failed for {partition or 'no partition'}: {error}\n{url}"
    return Failure(text, assets, partition, run.run_id, url, error)


def _reason(event: dg.DagsterEvent) -> str:
    """Return what a step said as it failed, without Dagster's own words around it."""
    error = getattr(event.event_specific_data, "error", None)
    if error is None:
        return event.message or ""
    said = (error.cause or error).message
    return str(said).strip().removeprefix("duration_assets.errors.")
