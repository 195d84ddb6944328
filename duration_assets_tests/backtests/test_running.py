from __future__ import annotations

from pathlib import Path

import pytest

from duration_assets.backtests.planning import plan_trials
from duration_assets.backtests.running import FOLDER, Tried, scratch_folder, try_all
from duration_assets.errors import HomeError, PartitionLockedError
from duration_assets.modelling.backtesting import Candidate
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, MARCH, simulated_folder


class Said:
    """What a backtest showed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: list[tuple[int, int, int]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def count(self, done: int, failed: int, total: int) -> None:
        self.counts.append((done, failed, total))


def test_a_backtest_comes_to_what_the_assets_come_to(tmp_path: Path) -> None:
    home = Home(tmp_path, feature_sets=["course", "metered"], threads=1)
    simulated_folder(home.source)
    trained = [home.train(FEBRUARY, name).metrics for name in ("course", "metered")]
    candidates = [Candidate("course", 1), Candidate("metered", home.settings.window)]
    trials = plan_trials(candidates, MARCH, MARCH, "green", home.settings)
    shown = Said()
    tried = try_all(trials, home.settings, None, shown)
    assert tried.made == 2
    for score, metrics in zip(tried.scores, trained, strict=True):
        common = score.metrics.keys() & metrics.keys()
        assert common >= {"rmse", "mae", "bias"}
        assert {name: score.metrics[name] for name in common} == pytest.approx(
            {name: metrics[name] for name in common}, rel=1e-9
        )
    assert shown.counts == [(0, 0, 2), (1, 0, 2), (2, 0, 2)]
    assert len(shown.lines) == 2
    again = Said()
    assert try_all(trials, home.settings, None, again) == Tried(tried.scores, [], made=0)
    assert (again.lines, again.counts) == ([], [(2, 0, 2)])


def test_two_backtests_of_a_home_do_not_work_at_the_same_time(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    (folder / "scratch" / "left").mkdir(parents=True)
    with scratch_folder(folder) as scratch:
        # What one that was killed has left is gone.
        assert list(scratch.iterdir()) == []
        with (
            pytest.raises(PartitionLockedError, match="Another backtest is at work in"),
            scratch_folder(folder),
        ):
            raise AssertionError("both are at work")
        assert scratch.exists()
    assert not scratch.exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(HomeError, match="cannot be written"),
        scratch_folder(tmp_path / "file" / FOLDER),
    ):
        raise AssertionError("it was written")
