from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from duration_assets.definitions import build_definitions
from duration_assets.errors import MissingPartitionError
from duration_assets.home import open_home
from duration_assets.lineage import monitoring_nodes
from duration_assets.modelling.batch_predictions import PREDICTION_SCHEMA
from duration_assets.modelling.model import DurationModel
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.partition import Partition
from duration_assets.simulation import SIMULATED_KEY
from duration_assets_tests.homes import Home
from duration_assets_tests.modelling.quick_models import quick_model
from duration_assets_tests.months import (
    FEBRUARY,
    GOOD_MONTH,
    GREEN,
    JANUARY,
    MARCH,
    ROWS,
    published,
    simulated_folder,
)

PREDICTIONS = "green/metered/predictions"


def put(home: Home, asset: str, month: Month, version: str, **summary: object) -> Partition:
    """Put a partition into the store, with the published file of its month or a model in it."""
    with home.store.writing(asset, month) as draft:
        if asset.endswith("champion"):
            shutil.copytree(home.source / "model", draft.folder / "model")
        else:
            shutil.copy(published(home.source, month), draft.folder / "trips.parquet")
        return draft.commit(
            data_version=version, code_version="1", inputs={}, summary=summary, simulated=True
        )


def decide(home: Home, month: Month, version: int) -> Partition:
    return put(
        home,
        "green/metered/champion",
        month,
        f"champion {version}",
        champion_version=version,
        champion_run_id=f"run {version}",
        champion_training_month="2023-01",
        outcome="kept",
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which a champion was decided on in February, and March is landed."""
    home = Home(tmp_path)
    simulated_folder(home.source, JANUARY, MARCH)
    (home.source / "model").mkdir()
    quick_model(published(home.source, JANUARY), GREEN, JANUARY, "metered", tmp_path).save(
        home.source / "model"
    )
    put(home, "green/raw_trips", MARCH, "of March", **GOOD_MONTH)
    put(home, "green/cleaned_trips", MARCH, "of March", **GOOD_MONTH)
    decide(home, FEBRUARY, 7)
    return home


def make(home: Home, month: Month = MARCH) -> dict[str, dg.MetadataValue]:
    """Make a month's predictions, and return what Dagster was told of them."""
    job = build_definitions(home.settings).resolve_job_def("green_metered_monitoring")
    with open_home(home.settings) as instance:
        done = job.execute_in_process(
            partition_key=str(month),
            instance=instance,
            asset_selection=[dg.AssetKey.from_user_string(PREDICTIONS)],
        )
    (made,) = done.asset_materializations_for_node("green__metered__predictions")
    return dict(made.metadata)


def is_up_to_date(home: Home) -> bool:
    nodes = monitoring_nodes("green", "metered", home.settings)
    (node,) = (each for each in nodes if each.key == PREDICTIONS)
    return is_current(node, MARCH, JANUARY, home.store)


def test_each_published_row_is_predicted_by_the_champion_of_the_month_before(home: Home) -> None:
    told = make(home)
    made = home.store.require(PREDICTIONS, MARCH, "the test")
    path = made.file("predictions.parquet")
    predictions = pl.read_parquet(path)
    rows = pl.read_parquet(published(home.source, MARCH)).to_pandas()
    expected = DurationModel.load(home.source / "model").predict_published_intervals(rows)
    np.testing.assert_array_equal(predictions["predicted_duration"].to_numpy(), expected.minutes)
    np.testing.assert_array_equal(predictions["low"].to_numpy(), expected.low)
    np.testing.assert_array_equal(predictions["high"].to_numpy(), expected.high)
    assert predictions.schema == PREDICTION_SCHEMA
    assert predictions["ride_id"][-1] == f"2023/03_{ROWS - 1}"
    assert set(predictions["model_version"]) == {"green-metered-duration/7"}
    assert pl.read_parquet_metadata(path)[SIMULATED_KEY] == "true"
    assert made.simulated
    assert made.summary["rows"] == made.summary["predicted"] == ROWS
    assert made.summary["model_version"] == "green-metered-duration/7"
    assert told["rmse"].value == made.summary["rmse"] > 0
    assert told["dagster/row_count"].value == ROWS
    assert told["model_version"].value == "green-metered-duration/7"
    assert "2023/03_0" in str(told["preview"].value)
    assert home.half_written() == []


def test_another_champion_makes_them_stale_and_the_same_one_does_not(home: Home) -> None:
    make(home)
    before = home.store.require(PREDICTIONS, MARCH, "the test")
    decide(home, FEBRUARY, 7)
    assert is_up_to_date(home)
    make(home)
    assert home.store.require(PREDICTIONS, MARCH, "the test").data_version == before.data_version
    decide(home, FEBRUARY, 8)
    assert not is_up_to_date(home)
    make(home)
    assert is_up_to_date(home)
    after = home.store.require(PREDICTIONS, MARCH, "the test")
    assert after.data_version != before.data_version


def test_a_champion_that_is_decided_on_with_the_month_itself_is_not_asked(home: Home) -> None:
    shutil.rmtree(home.store.root / "green" / "metered" / "champion")
    decide(home, MARCH, 8)
    with pytest.raises(MissingPartitionError, match="green/metered/champion for 2023-02 is miss"):
        make(home)
    assert home.store.find(PREDICTIONS, MARCH) is None


def test_the_first_month_is_the_one_after_the_first_champion(home: Home) -> None:
    graph = build_definitions(home.settings).resolve_asset_graph()
    node = graph.get(dg.AssetKey.from_user_string(PREDICTIONS))
    assert node.group_name == "monitoring"
    assert node.partitions_def is not None
    assert list(node.partitions_def.get_partition_keys()) == ["2023-03"]
    assert {key.to_user_string() for key in node.parent_keys} == {
        "green/raw_trips",
        "green/cleaned_trips",
        "green/metered/champion",
    }
