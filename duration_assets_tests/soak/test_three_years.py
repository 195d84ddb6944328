"""Three years of published months, landed, carried on and redone with nobody watching."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from duration_assets.months import Month
from duration_assets_tests.development import Development, development
from duration_assets_tests.months import published, rewrite
from duration_assets_tests.records import Records, publish
from duration_assets_tests.soak.conftest import MONTHS, Say, settings_of_three_years

pytestmark = [
    pytest.mark.soak,
    pytest.mark.real_data,
    pytest.mark.daemon,
    pytest.mark.timeout(3 * 3600),
]

HOURS = 3600.0
QUIET = 180.0
"""Seconds without any run after which nothing more is coming: every sensor has looked twice."""


class Project:
    """A home over a folder of published months, with the daemon running."""

    def __init__(self, servers: Development, source: Path, records: Records) -> None:
        self.servers = servers
        self.source = source
        self.records = records


@pytest.fixture(scope="module")
def project(workspace: Path, clean_session_environment: None) -> Iterator[Project]:
    source = workspace / "source"
    source.mkdir()
    settings = settings_of_three_years(workspace / "home", source)
    with development(settings, workspace, DURATION_LAND_ALL="true") as servers:
        yield Project(servers, source, Records(settings))


def test_thirty_six_dropped_files_become_judged_models_with_no_run_too_many(
    project: Project, real_data: Path, say: Say
) -> None:
    for month in MONTHS:
        publish(published(real_data / "trip-data", month), project.source)
    project.records.wait_until("evaluation", MONTHS[1:], 3 * HOURS)
    say("36 months: all models are judged")
    project.records.wait_until("champion", MONTHS[1:], HOURS)
    project.records.wait_until("drift", MONTHS[2:], HOURS)
    say("36 months: a champion is decided on in each, and watched")
    project.records.wait_until_quiet(QUIET, HOURS)

    for name in ("cleaned_trips", "duration_model"):
        assert project.records.current(name) == [str(month) for month in MONTHS]
    assert project.records.current("evaluation") == [str(month) for month in MONTHS[1:]]
    counts = project.records.counts()
    say(f"runs: {dict(counts)}")
    assert counts == {
        ("data", "SUCCESS"): 36,
        ("models", "SUCCESS"): 36,
        ("evaluations", "SUCCESS"): 35,
        ("champions", "SUCCESS"): 35,
        ("monitoring", "SUCCESS"): 34,
    }


def test_the_same_bytes_published_again_train_nothing(
    project: Project, real_data: Path, say: Say
) -> None:
    before = len([run for run in project.records.runs() if run.group != "data"])
    for month in MONTHS:
        publish(published(real_data / "trip-data", month), project.source)
    project.records.wait_until_quiet(QUIET, HOURS)

    after = project.records.runs()
    say(f"runs after the same bytes again: {dict(project.records.counts())}")
    assert len([run for run in after if run.group != "data"]) == before


def test_a_changed_month_redoes_exactly_what_hangs_on_it(
    project: Project, workspace: Path, say: Say
) -> None:
    changed = Month(2022, 5)
    before = len(project.records.runs())
    copy = workspace / published(project.source, changed).name
    shutil.copy(published(project.source, changed), copy)
    rewrite(copy, lambda table: table.slice(1_000))
    publish(copy, project.source)
    windows = list(changed.through(changed.shift(11)))
    judged = list(changed.through(changed.shift(12)))
    project.records.wait_until_quiet(QUIET, 3 * HOURS)

    made = project.records.runs()[: len(project.records.runs()) - before]
    say(f"runs after a changed month: {len(made)}")
    assert {run.status for run in made} == {"SUCCESS"}
    assert sorted((run.group, run.month) for run in made) == sorted(
        [
            ("data", str(changed)),
            *(("models", str(month)) for month in windows),
            *(("evaluations", str(month)) for month in judged),
            # Decided again, to the same champion: of what watches it, the month itself alone.
            *(("champions", str(month)) for month in judged),
            ("monitoring", str(changed)),
        ]
    )
