from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from duration_assets.backtests.planning import Trial, plan_trials
from duration_assets.backtests.running import work_of
from duration_assets.errors import MissingPartitionError, RefusedPartitionError, SettingsError
from duration_assets.lineage import data_nodes
from duration_assets.modelling.backtesting import Candidate, ParameterSet
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.statistics import STATISTICS_FILE
from duration_assets.months import Month
from duration_assets.resources.store import Store
from duration_assets.settings import Settings
from duration_assets_tests.months import GOOD_MONTH, settings_for

FIRST, LAST = Month(2023, 1), Month(2023, 6)
METERED = Candidate("metered", 2)
COURSE = Candidate("course", 1)


class Months:
    """A store whose months are manifests with empty files."""

    def __init__(self, folder: Path, service: str = "green", **changes: Any) -> None:
        self.settings: Settings = settings_for(
            folder / "home", folder, last_month=str(LAST), **changes
        )
        self.service = service
        self.store = Store(self.settings.home / "store")

    def write(self, *months: Month, version: str = "1", **summary: Any) -> None:
        """Make the three assets of months, each from the one before."""
        for month in months:
            inputs: dict[str, str] = {}
            for node in data_nodes(self.service, self.settings):
                with self.store.writing(node.key, month) as draft:
                    for name in (KEPT_FILE, STATISTICS_FILE):
                        (draft.folder / name).touch()
                    made = draft.commit(
                        data_version=f"{node.key} {month} {version}",
                        code_version=node.code_version,
                        inputs=inputs,
                        summary={**GOOD_MONTH, **summary},
                        simulated=False,
                    )
                inputs = {made.name: made.data_version}

    def forget(self, asset: str, month: Month) -> None:
        (self.store.root / self.service / asset / str(month) / "manifest.json").unlink()

    def plan(self, *candidates: Candidate, first: Month | None = None) -> list[Trial]:
        start = first or FIRST.shift(1)
        return plan_trials(candidates, start, LAST, self.service, self.settings)


@pytest.fixture
def months(tmp_path: Path) -> Months:
    found = Months(tmp_path)
    found.write(*FIRST.through(LAST))
    return found


def by_name(trials: list[Trial]) -> dict[str, Trial]:
    return {trial.name: trial for trial in trials}


def test_trials_are_planned_by_month_and_then_in_the_order_of_the_candidates(
    months: Months,
) -> None:
    names = [trial.name for trial in months.plan(METERED, COURSE, first=Month(2023, 5))]
    assert names == [
        "metered-2 on 2023-05",
        "course on 2023-05",
        "metered-2 on 2023-06",
        "course on 2023-06",
    ]


def test_a_trial_reads_its_window_and_the_trips_of_the_month_that_it_is_judged_on(
    months: Months,
) -> None:
    metered, course = months.plan(METERED, COURSE, first=LAST)
    assert set(metered.made_from["inputs"]) == {
        "green/cleaned_trips@2023-04",
        "green/cleaned_trips@2023-05",
        "green/cleaned_trips@2023-06",
        "green/zone_statistics@2023-04",
        "green/zone_statistics@2023-05",
    }
    assert [str(each.month) for each in metered.window] == ["2023-04", "2023-05"]
    assert all(each.statistics is not None for each in metered.window)
    assert str(metered.judged.month) == "2023-06"
    assert metered.judged.statistics is None
    assert set(course.made_from["inputs"]) == {
        "green/cleaned_trips@2023-05",
        "green/cleaned_trips@2023-06",
    }
    assert all(each.statistics is None for each in course.window)


def test_a_month_that_changed_changes_the_trials_that_read_it_and_no_others(
    months: Months,
) -> None:
    before = by_name(months.plan(METERED, COURSE))
    months.write(Month(2023, 3), version="2")
    after = by_name(months.plan(METERED, COURSE))
    assert {name for name in after if after[name].key != before[name].key} == {
        "metered-2 on 2023-03",
        "metered-2 on 2023-04",
        "metered-2 on 2023-05",
        "course on 2023-03",
        "course on 2023-04",
    }
    months.write(Month(2023, 3), version="1")
    assert {name: trial.key for name, trial in by_name(months.plan(METERED, COURSE)).items()} == {
        name: trial.key for name, trial in before.items()
    }


def test_parameters_the_sample_and_the_features_are_part_of_what_a_trial_depends_on(
    months: Months, tmp_path: Path
) -> None:
    deep = Candidate("metered", 2, ParameterSet("deep", {"max_depth": 11}))
    same = Candidate("metered", 2, ParameterSet("same", {"max_depth": 11}))
    flat = Candidate("metered", 2, ParameterSet("flat", {"max_depth": 5}))
    request = Candidate("request", 2)
    found = {
        trial.candidate.name: trial.key
        for trial in months.plan(METERED, deep, same, flat, request, first=LAST)
    }
    assert found["metered-2-deep"] == found["metered-2-same"]
    assert len(set(found.values())) == 4
    sampled = Months(tmp_path, max_training_rows=1_000)
    (trial,) = sampled.plan(METERED, first=LAST)
    assert trial.key not in found.values()


def test_a_learning_rate_that_a_person_gave_is_another_trial_than_the_usual_one(
    months: Months,
) -> None:
    usual = parameters_of("metered")["learning_rate"]
    given = Candidate("metered", 2, ParameterSet("given", {"learning_rate": usual}))
    found = by_name(months.plan(METERED, given, first=LAST))
    assert len({trial.key for trial in found.values()}) == 2


def test_a_trial_is_told_what_a_person_gave_beside_the_usual_parameters(
    months: Months, tmp_path: Path
) -> None:
    given = Candidate("metered", 2, ParameterSet("given", {"learning_rate": 0.05}))
    (trial,) = months.plan(given, first=LAST)
    work = work_of(trial, months.settings, 1, tmp_path)
    assert work.overrides == {"learning_rate": 0.05}
    assert work.parameters == parameters_of("metered")


def test_the_courses_trial_depends_on_no_parameters_but_its_own(months: Months) -> None:
    (trial,) = months.plan(COURSE, first=LAST)
    assert trial.made_from["parameters"]["max_depth"] == 30
    assert trial.made_from["parameters"]["rounds"] == 30


def test_windows_that_are_cut_to_the_same_months_are_one_trial(months: Months) -> None:
    found = by_name(months.plan(METERED, Candidate("metered", 4)))
    assert found["metered-2 on 2023-03"].key == found["metered-4 on 2023-03"].key
    assert found["metered-2 on 2023-04"].key != found["metered-4 on 2023-04"].key


def test_months_that_are_missing_are_named_with_the_command_that_makes_them(
    months: Months,
) -> None:
    months.forget("cleaned_trips", Month(2023, 2))
    months.forget("zone_statistics", Month(2023, 4))
    with pytest.raises(MissingPartitionError) as missing:
        months.plan(METERED)
    assert str(missing.value) == (
        f"The store in {months.settings.home} lacks cleaned_trips of 2023-02, zone_statistics of "
        "2023-02, 2023-04, or they are out of date. Make them first: duration-prediction backfill "
        "--only data --from 2023-02 --to 2023-04"
    )


def test_months_that_no_trial_reads_need_not_be_there(months: Months) -> None:
    months.forget("cleaned_trips", Month(2023, 3))
    months.forget("zone_statistics", Month(2023, 6))
    assert len(months.plan(METERED, first=LAST)) == 1


def test_a_month_that_is_out_of_date_counts_as_missing(months: Months) -> None:
    months.write(Month(2023, 5), version="2")
    months.forget("zone_statistics", Month(2023, 5))
    with pytest.raises(MissingPartitionError, match="lacks zone_statistics of 2023-05, or"):
        months.plan(METERED, first=LAST)
    assert len(months.plan(COURSE, first=LAST)) == 1


def test_a_month_that_a_blocking_rule_refuses_is_named_with_the_reason(months: Months) -> None:
    months.write(Month(2023, 4), unknown_zones=9)
    with pytest.raises(RefusedPartitionError, match=r"green/cleaned_trips for 2023-04: 100\.0% of"):
        months.plan(METERED)


def test_the_command_fits_a_service_without_distances(tmp_path: Path) -> None:
    fhv = Months(tmp_path, "fhv", services=["fhv"], feature_sets=["request"])
    with pytest.raises(MissingPartitionError) as missing:
        fhv.plan(Candidate("request", 1), first=LAST)
    assert str(missing.value).endswith(
        "duration-prediction backfill --only data --from 2023-05 --to 2023-06 --service fhv "
        "--feature-set request"
    )


def test_months_after_the_last_are_refused(months: Months) -> None:
    with pytest.raises(SettingsError, match="months up to 2023-06, and 2023-07 is after that"):
        plan_trials([METERED], LAST, LAST.shift(1), "green", months.settings)
