from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.automation.failure_alert import (
    Failure,
    LogAlert,
    WebhookAlert,
    alert_of,
    failure_alert,
)
from duration_assets.definitions import build_definitions
from duration_assets.home import open_home
from duration_assets.settings import Settings
from duration_assets_tests.answering import Answer, AnsweringServer, refused
from duration_assets_tests.months import settings_for

LOG = logging.getLogger(__name__)
FAILURE = Failure("all of it", ["green/raw_trips"], "2023-01", "a-run", "http://ui/a-run", "why")
TAKEN = Answer(200, (), 0)


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    server = AnsweringServer()
    server.answer = lambda path, count: TAKEN
    yield server
    server.stop()


def test_the_log_is_told_unless_there_is_a_webhook(tmp_path: Path) -> None:
    assert isinstance(alert_of(settings_for(tmp_path, tmp_path)), LogAlert)
    settings = settings_for(tmp_path, tmp_path, alert_webhook="http://somewhere/secret")
    assert isinstance(alert_of(settings), WebhookAlert)
    assert "secret" not in repr(settings)


def test_a_webhook_gets_every_part_of_a_failure(server: AnsweringServer) -> None:
    WebhookAlert(f"{server.url}/hook").send(FAILURE, LOG)
    assert [request.path for request in server.requests] == ["/hook"]
    assert json.loads(server.requests[0].body) == {
        "text": "all of it",
        "assets": ["green/raw_trips"],
        "partition": "2023-01",
        "run_id": "a-run",
        "url": "http://ui/a-run",
        "error": "why",
    }


def test_a_webhook_that_fails_at_first_is_tried_again(server: AnsweringServer) -> None:
    server.answer = lambda path, count: refused(503) if count == 1 else TAKEN
    WebhookAlert(f"{server.url}/hook", wait=0.01).send(FAILURE, LOG)
    assert len(server.requests) == 2


def test_a_webhook_that_refuses_is_logged_without_its_address(
    server: AnsweringServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda path, count: refused(404)
    WebhookAlert(f"{server.url}/secret", wait=0.01).send(FAILURE, LOG)
    assert len(server.requests) == 3
    assert "The webhook did not take the alert: it answered 404." in caplog.messages
    assert "secret" not in caplog.text


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/secret", "no address secret"])
def test_a_webhook_that_cannot_be_reached_is_logged_without_its_address(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    WebhookAlert(address, wait=0.01).send(FAILURE, LOG)
    assert "The webhook could not be reached" in caplog.text
    assert "secret" not in caplog.text


@pytest.fixture
def settings(tmp_path: Path, server: AnsweringServer) -> Settings:
    """Settings whose source holds no month at all."""
    (tmp_path / "source").mkdir()
    return settings_for(tmp_path / "home", tmp_path / "source", alert_webhook=f"{server.url}/hook")


@pytest.fixture
def failed(settings: Settings) -> Iterator[dg.RunStatusSensorContext]:
    """A run that failed, as the sensor sees it."""
    with open_home(settings) as instance:
        job = build_definitions(settings).resolve_job_def("green_data")
        result = job.execute_in_process(
            partition_key="2023-01", instance=instance, raise_on_error=False
        )
        yield dg.build_run_status_sensor_context(
            "failure_alert",
            result.get_run_failure_event(),
            instance,
            instance.get_runs()[0],
        )


def test_a_run_that_failed_for_good_is_told_with_what_was_wrong(
    settings: Settings, failed: dg.RunStatusSensorContext, server: AnsweringServer
) -> None:
    failure_alert(settings)(failed.for_run_failure())
    told = json.loads(server.requests[0].body)
    run_id = failed.dagster_run.run_id
    assert told["partition"] == "2023-01"
    assert told["url"] == f"http://127.0.0.1:3000/runs/{run_id}"
    assert str(settings.source) in told["error"]
    assert "Traceback" not in told["text"]
    assert told["text"].startswith("green_data failed for 2023-01: ")


def test_a_run_that_is_started_again_is_not_told(
    settings: Settings, failed: dg.RunStatusSensorContext, server: AnsweringServer
) -> None:
    failed.instance.add_run_tags(failed.dagster_run.run_id, {"dagster/will_retry": "true"})
    failure_alert(settings)(failed.for_run_failure())
    assert server.requests == []
