from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

import pytest

from duration_assets.commands.serve import serve
from duration_assets.errors import UnreachableTrackingError
from duration_assets.resources.registry import registered_name
from duration_assets.serving import running
from duration_assets.serving.announcer import Announcer
from duration_assets.serving.champions import Champion, FileSource, RegistrySource, announce
from duration_assets.serving.metrics import RegistryMetrics, ServingMetrics
from duration_assets.serving.model_keeper import LoadedModel, ModelKeeper
from duration_assets_tests.models import saved_model
from duration_assets_tests.serving.served import (
    COURSE_TRIP,
    Told,
    application,
    champion,
    serving,
)

NAME = registered_name("green", "metered")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return saved_model(folder / "1"), saved_model(folder / "2", seed=2)


def test_without_a_champion_requests_are_told_what_to_do_until_there_is_one(
    folders: tuple[Path, Path],
) -> None:
    source = Told()
    with serving(application(source, look_every=0.01)) as client:
        table = {"instances": [{**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03"}]}
        refused = [
            client.get("/ping"),
            client.get("/version"),
            client.post("/predict", COURSE_TRIP),
            client.post("/invocations", table),
        ]
        assert {answer.status_code for answer in refused} == {503}
        assert "There is no champion of green-metered-duration yet" in refused[0].text
        assert client.get("/metrics").status_code == 200
        source.champion = champion(folders[0])
        while client.get("/ping").status_code != 200:
            """The look that finds it is near."""
        assert client.post("/predict", COURSE_TRIP).json()["model_version"] == 1
        assert client.post("/invocations", table).status_code == 200


def test_another_champion_takes_over_between_two_requests(folders: tuple[Path, Path]) -> None:
    source = Told(champion(folders[0], 1))
    trip = {**COURSE_TRIP, "lpep_pickup_datetime": "2023-01-03T08:00:00"}
    with serving(application(source, look_every=0.01)) as client:
        before = client.post("/predict", trip).json()
        source.champion = champion(folders[1], 2)
        answers = [before]
        while answers[-1]["model_version"] != 2:
            answers.append(client.post("/predict", trip).json())
        # Each answer is wholly of one model.
        assert all(answer == before for answer in answers[:-1])
        assert answers[-1]["duration"] != before["duration"]
        page = client.get("/metrics").text
        assert 'duration_model_version{model="green-metered-duration"} 2.0' in page


def test_a_worker_predicts_tables_with_one_thread(folders: tuple[Path, Path]) -> None:
    model = LoadedModel.load(champion(folders[0])).model
    assert model.intervals is not None
    for booster in (model.booster, model.intervals.booster):
        learner = json.loads(booster.save_config())["learner"]
        assert learner["generic_param"]["nthread"] == "1"


def test_a_champion_that_cannot_be_loaded_leaves_the_model_in_use(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Told(champion(folders[0], 1))
    metrics = ServingMetrics(frozenset())
    keeper = ModelKeeper(source, metrics)
    keeper.look()
    source.champion = champion(tmp_path / "nowhere", 2)
    with caplog.at_level(logging.ERROR):
        keeper.look()
        keeper.look()
    assert keeper.current is not None
    assert keeper.current.registered.version == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert b"duration_model_load_failures_total 2.0" in metrics.page()
    source.champion = champion(folders[1], 3)
    keeper.look()
    assert keeper.current.registered.version == 3


def test_an_alias_that_is_taken_away_leaves_the_model_in_use(
    folders: tuple[Path, Path],
) -> None:
    source = Told(champion(folders[0]))
    keeper = ModelKeeper(source, ServingMetrics(frozenset()))
    keeper.look()
    source.champion = None
    keeper.look()
    assert keeper.current is not None


def test_the_same_champion_is_loaded_once(folders: tuple[Path, Path]) -> None:
    keeper = ModelKeeper(Told(champion(folders[0])), ServingMetrics(frozenset()))
    keeper.look()
    loaded = keeper.current
    keeper.look()
    assert loaded is not None
    assert keeper.current is loaded


def test_workers_read_what_was_announced(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "champion.json", NAME)
    assert source.current() is None
    for each in (champion(tmp_path / "one", 1), champion(tmp_path / "two", 2)):
        announce(tmp_path / "champion.json", each)
        assert source.current() == each


def test_workers_refuse_the_champion_of_another_feature_set(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "champion.json"
    keeper = ModelKeeper(FileSource(file, NAME), ServingMetrics(frozenset()))
    announce(file, champion(folders[1], feature_set="request"))
    keeper.look()
    assert keeper.current is None
    assert "names a version of green-request-duration, and green-metered-duration is" in caplog.text
    announce(file, champion(folders[0]))
    keeper.look()
    assert keeper.current is not None


class Counted(RegistryMetrics):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def answered(self) -> None:
        self.told.append(True)

    def failed(self) -> None:
        self.told.append(False)


def test_a_registry_that_does_not_answer_leaves_the_champion_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Troubled(Told):
        error: Exception | None = None

        def current(self) -> Champion | None:
            if self.error is not None:
                raise self.error
            return super().current()

    source, metrics = Troubled(champion(tmp_path, 1)), Counted()
    file = tmp_path / "champion.json"
    announcer = Announcer(source, file, metrics)
    with caplog.at_level(logging.INFO):
        announcer.look()
        for error in (UnreachableTrackingError("gone"), ValueError("gone")):
            source.error = error
            announcer.look()
        assert FileSource(file, NAME).current() == announcer.announced == champion(tmp_path, 1)
        source.error, source.champion = None, champion(tmp_path, 2)
        announcer.look()
    assert FileSource(file, NAME).current() == champion(tmp_path, 2)
    assert metrics.told == [True, False, False, True]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_the_registrys_state_is_a_figure() -> None:
    metrics = RegistryMetrics()
    metrics.answered()
    metrics.failed()
    assert metrics._answers._value.get() == 0
    assert metrics._failures._value.get() == 1


def test_two_may_ask_for_the_figures_after_a_worker_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / f"gauge_liveall_{2**22 + 1}.db"
    gone.touch()

    def slower_than_another(*_: object) -> None:
        gone.unlink()
        raise FileNotFoundError(gone)

    monkeypatch.setattr("prometheus_client.multiprocess.mark_process_dead", slower_than_another)
    assert ServingMetrics(frozenset(), tmp_path).page() == b""
    assert not gone.exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [(None, "There is no champion"), (UnreachableTrackingError("gone"), "does not answer")],
)
def test_serve_tells_no_champion_from_no_answer(
    error: Exception | None,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def asked(_: RegistrySource) -> Champion | None:
        if error is not None:
            raise error
        return None

    monkeypatch.setattr(RegistrySource, "current", asked)
    monkeypatch.setattr(running, "_run", lambda _: None)
    monkeypatch.setenv("DURATION_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    serve.main(["--port", str(port)], standalone_mode=False)
    assert told in capsys.readouterr().err
