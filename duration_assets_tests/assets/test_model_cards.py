"""Cards and records of models, where a training and an evaluation leave them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from duration_assets.assets.model_records import _month_record
from duration_assets.home import open_home
from duration_assets.modelling.training_record import CARD_FILE, RECORD_FILE, TrainingRecord
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.running import Trained
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH, simulated_folder

MODEL, EVALUATION = "green/metered/duration_model", "green/metered/evaluation"
NOTE = "mlflow.note.content"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Trained]:
    """A home with two months' models, and what came of the second; with one thread, as they are
    small."""
    home = Home(tmp_path_factory.mktemp("trained"), threads=1)
    simulated_folder(home.source)
    home.train(JANUARY)
    return home, home.train(FEBRUARY)


def model_of(home: Home, month: Month = FEBRUARY) -> Partition:
    return home.store.require(MODEL, month, "the test")


def artifact(home: Home, run_id: str, name: str) -> str:
    client = home.tracking._client()
    return Path(client.download_artifacts(run_id, name)).read_text()


def test_a_training_leaves_its_card_and_its_record_in_mlflow_the_partition_and_dagster(
    trained: tuple[Home, Trained],
) -> None:
    home, made = trained
    model = model_of(home)
    in_partition = model.file(CARD_FILE).read_text()
    assert in_partition.startswith("# green/metered, trained up to 2023-02\n\n**SIMULATED trips")
    assert f"duration-prediction reproduce {made.run_id}" in in_partition
    assert f'load_model("{made.model_uri}")' in in_partition
    with open_home(home.settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(MODEL))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["model_card"] == dg.MetadataValue.md(in_partition)
    record = TrainingRecord.from_json(artifact(home, made.run_id, RECORD_FILE))
    assert record == TrainingRecord.from_json(model.file(RECORD_FILE).read_text())
    assert record.content == model.summary["content"]
    assert len(record.as_json()) < 20_000
    for month in record.months:
        at = Month.parse(month.month)
        parts = {
            name: home.store.require(f"green/{name}", at, "the test")
            for name in ("raw_trips", "cleaned_trips", "zone_statistics")
        }
        assert month.raw == parts["raw_trips"].data_version
        assert month.cleaned == parts["cleaned_trips"].data_version
        assert month.statistics == parts["zone_statistics"].data_version
        assert month.kept == parts["cleaned_trips"].summary["kept"]
    matrix = home.store.require("green/metered/training_matrix", FEBRUARY, "the test")
    assert record.code_versions["training_matrix"] == matrix.code_version
    assert not any(name.startswith("code") for name in run_params(home, made.run_id))


def run_params(home: Home, run_id: str) -> dict[str, str]:
    params: dict[str, str] = home.tracking._client().get_run(run_id).data.params
    return params


def test_an_evaluation_brings_the_card_in_mlflow_up_to_date_and_leaves_the_run_finished(
    trained: tuple[Home, Trained],
) -> None:
    home, made = trained
    client = home.tracking._client()
    run = client.get_run(made.run_id)
    assert run.info.status == "FINISHED"
    card, note = artifact(home, made.run_id, CARD_FILE), run.data.tags[NOTE]
    rmse = f"{made.metrics['rmse']:.3f}"
    earlier = home.store.require(EVALUATION, FEBRUARY, "the test").summary["metrics"]["rmse"]
    for text in (card, note):
        assert "On 2023-03, the month after" in text
        assert "beside 1 earlier model of this feature set" in text
        assert f"| RMSE, minutes | {rmse} | {earlier:.3f} | one alone |" in text
    assert card.startswith(note.rpartition("\n\n")[0])
    (version,) = client.search_model_versions(f"run_id = '{made.run_id}'")
    assert (version.name, version.description) == ("green-metered-duration", note)
    # The partition is what the training left.
    assert "not judged when this card was written" in model_of(home).file(CARD_FILE).read_text()


def test_a_model_from_before_there_were_cards_is_evaluated_all_the_same(
    trained: tuple[Home, Trained],
) -> None:
    home, made = trained
    before = artifact(home, made.run_id, CARD_FILE)
    record = model_of(home).file(RECORD_FILE)
    elsewhere = record.rename(record.with_name("elsewhere"))
    evaluation = home.store.require(EVALUATION, MARCH, "the test")
    (evaluation.folder.parent / "manifest.json").unlink()
    again = home.train(FEBRUARY)
    elsewhere.rename(record)
    assert home.made == [("evaluation", "2023-03")]
    assert again.metrics == made.metrics
    assert artifact(home, made.run_id, CARD_FILE) == before


def test_a_month_that_was_published_again_meanwhile_is_written_down_as_not_known(
    trained: tuple[Home, Trained],
) -> None:
    home, _ = trained
    matrix = home.store.require("green/metered/training_matrix", FEBRUARY, "the test")
    known = _month_record("green", JANUARY, matrix, home.store)
    assert known.raw is not None
    name = "green/cleaned_trips@2023-01"
    from_another_file = replace(matrix, inputs={**matrix.inputs, name: "another"})
    found = _month_record("green", JANUARY, from_another_file, home.store)
    assert found == replace(known, raw=None, kept=None, other_months=None, cleaned="another")
