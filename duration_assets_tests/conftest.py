"""What every test gets: a clean environment, TLC's published months, and no silent skips in CI."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from duration_assets.modelling.loading_xgboost import let_threads_sleep

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED_MONTHS = REPOSITORY.parent / "shared" / "tlc"
FOREIGN_SETTINGS = ("DURATION_", "MLFLOW_", "DAGSTER_HOME", "AWS_")
TEST_SETTINGS = "DURATION_TEST_"


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the process of the tests, and with it those that they start."""
    # Tests run side by side on the same cores.
    let_threads_sleep()
    # A shell starts what it puts into the background with Ctrl-C ignored.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _foreign_settings() -> list[str]:
    return [
        name
        for name in os.environ
        if name.startswith(FOREIGN_SETTINGS) and not name.startswith(TEST_SETTINGS)
    ]


@pytest.fixture(scope="session", autouse=True)
def clean_session_environment() -> Iterator[None]:
    """Keep the settings of whoever runs the tests away from the fixtures of a whole session."""
    with pytest.MonkeyPatch.context() as environment:
        for name in _foreign_settings():
            environment.delenv(name)
        yield


@pytest.fixture(autouse=True)
def clean_environment(clean_session_environment: None) -> Iterator[None]:
    """Take away for good what fixtures and tests leave set: opening a home sets Dagster's."""
    _forget_settings()
    yield
    _forget_settings()


def _forget_settings() -> None:
    for name in _foreign_settings():
        del os.environ[name]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of TLC's published files, from DURATION_TEST_DATA or beside the repository."""
    folder = Path(os.environ.get("DURATION_TEST_DATA", PUBLISHED_MONTHS)).absolute()
    if not (folder / "trip-data").is_dir():
        pytest.skip(
            f"{folder} has no published months: set DURATION_TEST_DATA to a folder whose "
            "trip-data/ holds TLC's files"
        )
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes hours, unless it is asked for: `-m soak`."""
    if "soak" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing may be missing that a test needs, so a skipped test has failed."""
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that is skipped as a whole."""
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


def _fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure and os.environ.get("CI"):
        where = report.longrepr
        reason = where[-1] if isinstance(where, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"No test may be skipped in CI. {reason}"
