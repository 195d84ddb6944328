"""The history of decisions on a registered model that has no files: nothing here loads one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import filelock
import pytest

from duration_assets.errors import PartitionLockedError, RegistryError, StoreError
from duration_assets.resources.champion_history import ChampionHistory, Decision, Outcome
from duration_assets.resources.decisions_file import kept_decisions
from duration_assets.resources.registry import CHALLENGER, CHAMPION, PREVIOUS
from duration_assets_tests.registered import NAME, registry_in, tracking_in


@pytest.fixture
def history(tmp_path: Path) -> ChampionHistory:
    """A registered model with three versions."""
    tracking = tracking_in(tmp_path)
    tracking.prepare()
    client = tracking._client()
    (experiment,) = client.search_experiments(filter_string="name = 'nyc-taxi-experiment'")
    client.create_registered_model(NAME)
    for month in ("2023-01", "2023-02", "2023-03"):
        tags = {
            "service": "green",
            "feature_set": "course",
            "training_month": month,
            "simulated": "true",
        }
        run = client.create_run(experiment.experiment_id, tags=tags)
        client.create_model_version(NAME, str(tmp_path), run.info.run_id)
    return ChampionHistory(registry_in(tmp_path), NAME)


def decision(outcome: Outcome, version: int, month: str) -> Decision:
    return Decision(month, outcome, version, "run", "2023-01", version, "because")


def decide(history: ChampionHistory) -> None:
    """Let one version after the other be the champion."""
    for version in (1, 2, 3):
        history.record(decision(Outcome.PROMOTED, version, f"2023-0{version + 1}"))


def delete(history: ChampionHistory, version: int) -> None:
    tracking_in(history.registry.home)._client().delete_model_version(NAME, str(version))


def test_a_version_that_was_deleted_in_mlflow_is_no_champion_to_go_back_to(
    history: ChampionHistory,
) -> None:
    decide(history)
    assert history.settle() == {CHAMPION: 3, PREVIOUS: 2, CHALLENGER: 3}
    delete(history, 2)
    assert history.settle() == {CHAMPION: 3, PREVIOUS: 1, CHALLENGER: 3}
    delete(history, 1)
    assert history.settle() == {CHAMPION: 3, CHALLENGER: 3}


def test_the_home_keeps_a_copy_of_all_that_was_decided(history: ChampionHistory) -> None:
    folder = history.registry.home / "registered" / NAME
    assert kept_decisions(folder) is None
    decide(history)
    history.settle()
    assert kept_decisions(folder) == [asdict(each) for each in history.read()]
    (folder / "decisions.json").write_text("[{")
    with pytest.raises(StoreError, match=r"decisions\.json cannot be read .*: delete it"):
        kept_decisions(folder)


def test_a_champion_that_was_deleted_in_mlflow_is_put_right_by_hand(
    history: ChampionHistory,
) -> None:
    decide(history)
    delete(history, 3)
    with pytest.raises(RegistryError, match=r"Version 3 of .* deleted.*`duration-prediction prom"):
        history.settle()
    history.record(decision(Outcome.BY_HAND, 1, "2023-04"))
    assert history.settle() == {CHAMPION: 1, PREVIOUS: 2}
    held = history.registry.holder_of(NAME, CHAMPION)
    assert held is not None
    assert held.version == 1


def test_two_homes_that_decide_at_once_overwrite_nothing(
    history: ChampionHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ChampionHistory(registry_in(history.registry.home), NAME)
    # Looked before the first one wrote.
    monkeypatch.setattr(other, "_tags", dict)
    history.record(decision(Outcome.FIRST, 1, "2023-02"))
    other.record(decision(Outcome.FIRST, 2, "2023-02"))
    assert sorted(each.champion_version for each in history.read()) == [1, 2]


def test_a_decision_that_takes_too_long_is_not_waited_for_forever(tmp_path: Path) -> None:
    history = ChampionHistory(registry_in(tmp_path), NAME, lock_timeout=0)
    folder = tmp_path / "registered" / NAME
    folder.mkdir(parents=True)
    with (
        filelock.FileLock(folder / ".deciding.lock"),
        pytest.raises(PartitionLockedError, match=f"deciding about {NAME}"),
        history.deciding(),
    ):
        pass
