from __future__ import annotations

import pytest

from duration_assets.backtests.sharing import Share, memory_of, share_out
from duration_assets_tests.backtests.conftest import trial_of

PLENTY = 1 << 50


@pytest.mark.parametrize(
    ("threads", "jobs", "count", "share"),
    [
        (8, None, 20, Share(8, 1)),
        (8, 2, 20, Share(2, 4)),
        (8, 3, 20, Share(3, 2)),
        (8, 20, 20, Share(8, 1)),
        (8, None, 2, Share(2, 4)),
        (1, None, 5, Share(1, 1)),
        (2, 1, 5, Share(1, 2)),
    ],
)
def test_processes_times_threads_are_never_more_than_there_are(
    threads: int, jobs: int | None, count: int, share: Share
) -> None:
    assert share_out([trial_of()] * count, threads, jobs, PLENTY) == share


def test_no_more_trials_side_by_side_than_fit_into_memory() -> None:
    small, large = trial_of(kept=1_000), trial_of(kept=20_000_000)
    room = int(2.5 * memory_of(large))
    assert share_out([small, large, small], 8, None, room) == Share(2, 4)
    assert share_out([small] * 3, 3, None, room) == Share(3, 1)
    # One trial is tried, whatever there is.
    assert share_out([large, large], 8, None, 1) == Share(1, 8)


def test_a_longer_window_needs_more_memory() -> None:
    month = 1_000_000
    one, two = (memory_of(trial_of(window=window, kept=month)) for window in (1, 2))
    assert one < two
    assert memory_of(trial_of("course", kept=month)) > one
