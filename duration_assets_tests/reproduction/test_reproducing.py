"""Models that are trained again, from files that the store keeps."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duration_assets.definitions import build_definitions
from duration_assets.errors import StoreError
from duration_assets.home import open_home
from duration_assets.modelling.features import FEATURE_SETS
from duration_assets.modelling.parameters import ROUNDS, parameters_of
from duration_assets.modelling.training_record import TrainingRecord
from duration_assets.modelling.window_sizes import FEWER_ROUNDS_RATE
from duration_assets.progress import BarProgress, Report
from duration_assets.reproduction.comparing import Difference
from duration_assets.reproduction.reproducing import reproduce
from duration_assets.settings import Settings
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, published, rewrite
from duration_assets_tests.parameter_files import metered_parameters
from duration_assets_tests.reproduction.conftest import SAMPLE, TrainedHome, again


@pytest.mark.parametrize("name", [*FEATURE_SETS, "sample"])
def test_the_same_files_become_the_same_model_and_nothing_in_the_home_changes(
    name: str, trained_home: TrainedHome, unchanged: None, scratch: Path
) -> None:
    found = again(trained_home.settings, trained_home.runs[name])
    assert found.same
    assert found.differences == []
    assert found.made == found.logged
    assert found.logged.sampled is (name == "sample")
    assert (found.logged.trips <= SAMPLE) is (name == "sample")


def test_a_month_that_was_published_again_since_does_not_matter(
    trained_home: TrainedHome, scratch: Path
) -> None:
    home, settings = trained_home.home, trained_home.settings
    rewrite(published(home.source, JANUARY), lambda table: table.slice(0, len(table) // 2))
    with open_home(settings) as instance:
        job = build_definitions(settings).resolve_job_def("green_data")
        assert job.execute_in_process(partition_key="2023-01", instance=instance).success
    now = home.store.require("green/raw_trips", JANUARY, "the test")
    found = again(settings, trained_home.runs["metered"])
    assert found.same
    assert found.logged.months[0].raw != now.data_version


def others_in(folder: Path, home: TrainedHome) -> Settings:
    """Return the settings of a home in which another learning rate is usual by now."""
    file = metered_parameters(folder / "parameters.json", learning_rate=0.3)
    return home.settings.model_copy(update={"parameters": file})


def test_a_model_is_trained_again_with_the_parameters_that_were_usual_then(
    trained_home: TrainedHome, unchanged: None, scratch: Path
) -> None:
    found = again(others_in(scratch.parent, trained_home), trained_home.runs["metered"])
    assert found.same
    assert found.made == found.logged


def test_where_the_usual_parameters_were_not_written_down_todays_are_taken_and_named(
    trained_home: TrainedHome, unchanged: None, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = TrainingRecord.from_json
    monkeypatch.setattr(TrainingRecord, "from_json", lambda text: replace(read(text), usual=None))
    found = again(others_in(scratch.parent, trained_home), trained_home.runs["metered"])
    assert not found.same
    assert found.first_difference == 1
    # The window is small.
    rates = parameters_of("metered")["learning_rate"], 0.3
    before, now = (FEWER_ROUNDS_RATE * rate for rate in rates)
    assert found.differences[0] == Difference("XGBoost's learning_rate", str(before), str(now))
    assert [each.what for each in found.differences] == ["XGBoost's learning_rate"]


def test_a_model_from_when_rounds_were_no_parameter_is_made_with_todays(
    trained_home: TrainedHome, unchanged: None, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = TrainingRecord.from_json

    def without_rounds(text: str) -> TrainingRecord:
        record = read(text)
        assert record.usual is not None
        usual = {name: value for name, value in record.usual.items() if name != ROUNDS}
        return replace(record, usual=usual)

    monkeypatch.setattr(TrainingRecord, "from_json", without_rounds)
    found = again(trained_home.settings, trained_home.runs["metered"])
    assert found.same
    assert found.differences == []


def test_another_machine_is_named_also_if_it_makes_the_same_model(
    trained_home: TrainedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duration_assets.reproduction import training_again

    monkeypatch.setattr(training_again, "machine_now", lambda: "another machine")
    found = again(trained_home.settings, trained_home.runs["request"])
    assert found.same
    assert [each.what for each in found.differences] == ["machine"]


def test_the_same_model_in_other_bytes_counts_as_the_same(
    trained_home: TrainedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of Polars or XGBoost may write other files."""
    from duration_assets.modelling.zone_preprocessor import ZonePreprocessor

    def save(self: ZonePreprocessor, path: Path) -> None:
        saved(self, path)
        import polars as pl

        table, marks = pl.read_parquet(path), pl.read_parquet_metadata(path)
        marks.pop("ARROW:schema", None)
        table.write_parquet(path, metadata=marks, compression="gzip")

    saved = ZonePreprocessor.save
    monkeypatch.setattr(ZonePreprocessor, "save", save)
    found = again(trained_home.settings, trained_home.runs["request"])
    assert found.made.content != found.logged.content
    assert found.same


@pytest.mark.parametrize(
    ("stop", "seen"),
    [
        (KeyboardInterrupt(), (KeyboardInterrupt, None)),
        (OSError(errno.ENOSPC, "no"), (StoreError, r"The disk is full: .*TMPDIR can be set to a")),
        (OSError(errno.EIO, "broken"), (OSError, "broken")),
    ],
)
def test_a_reproduction_that_is_stopped_leaves_nothing_behind(
    stop: BaseException,
    seen: tuple[type[BaseException], str | None],
    trained_home: TrainedHome,
    unchanged: None,
    scratch: Path,
) -> None:
    class Stopping(BarProgress):
        @contextmanager
        def task(self, what: str, unit: str, log: Any) -> Iterator[Report]:
            asked.append(what)
            if what.startswith("Training"):
                assert list(scratch.iterdir()) != []
                raise stop
            with super().task(what, unit, log) as report:
                yield report

    asked: list[str] = []
    kind, message = seen
    with pytest.raises(kind, match=message):
        reproduce(trained_home.settings, trained_home.runs["metered"], Stopping(), lambda _: None)
    assert asked == ["Cleaning", "Encoding 2023-02's window", "Training 2023-02"]


@pytest.mark.real_data
def test_a_model_of_a_real_month_is_reproduced(real_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path, window=1, first_month="2021-01", last_month="2023-12", threads=1)
    home.settings = home.settings.model_copy(update={"source": str(real_data / "trip-data")})
    found = again(home.settings, home.train(FEBRUARY).run_id)
    assert found.same
    assert found.logged.months[0].kept == 62_574
