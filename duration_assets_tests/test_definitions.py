from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from duration_assets.definitions import build_definitions
from duration_assets.modelling.quality import BLOCKING
from duration_assets_tests.months import settings_for

HEAVY = ("mlflow", "dagster_mlflow", "xgboost", "sklearn", "pandas", "matplotlib")


def graph(tmp_path: Path) -> dg.AssetGraph:
    settings = settings_for(tmp_path / "home", tmp_path, feature_sets=["metered", "course"])
    return build_definitions(settings).resolve_asset_graph()


def parents(tmp_path: Path, key: str) -> set[str]:
    node = graph(tmp_path).get(dg.AssetKey(key.split("/")))
    return {parent.to_user_string() for parent in node.parent_keys}


def test_loading_the_definitions_imports_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from duration_assets.definitions import build_definitions; "
        "from duration_assets.settings import Settings; "
        "build_definitions(Settings.load()).get_repository_def(); "
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_assets_are_partitioned_by_tlcs_own_month_names(tmp_path: Path) -> None:
    node = graph(tmp_path).get(dg.AssetKey(["green", "raw_trips"]))
    assert node.partitions_def is not None
    assert list(node.partitions_def.get_partition_keys()) == ["2023-01", "2023-02", "2023-03"]


def test_evaluations_start_a_month_later(tmp_path: Path) -> None:
    node = graph(tmp_path).get(dg.AssetKey(["green", "metered", "evaluation"]))
    assert node.partitions_def is not None
    assert list(node.partitions_def.get_partition_keys()) == ["2023-02", "2023-03"]


def test_the_preprocessor_reads_statistics_and_the_courses_reads_trips(tmp_path: Path) -> None:
    assert parents(tmp_path, "green/metered/preprocessor") == {"green/zone_statistics"}
    assert parents(tmp_path, "green/course/preprocessor") == {"green/cleaned_trips"}


def test_the_validation_matrix_gets_its_features_from_the_model_alone(tmp_path: Path) -> None:
    assert parents(tmp_path, "green/metered/validation_matrix") == {
        "green/cleaned_trips",
        "green/metered/duration_model",
    }


def test_every_asset_says_what_it_is_and_whose(tmp_path: Path) -> None:
    for node in graph(tmp_path).asset_nodes:
        assert node.description, node.key
        assert node.owners, node.key
        assert node.kinds, node.key
        assert node.group_name in {"data", "models", "evaluations", "champions"}, node.key


def test_every_rule_that_blocks_is_a_check_of_its_asset(tmp_path: Path) -> None:
    checks = {
        (key.asset_key.path[-1], key.name)
        for key in graph(tmp_path).asset_check_keys
        if key.asset_key.path[1] != "course"
    }
    rules = {(asset, rule.__name__) for asset, found in BLOCKING.items() for rule in found}
    assert rules <= checks


def test_a_project_that_runs_for_months_gets_the_months_that_end_meanwhile(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path / "home", tmp_path, last_month=None)
    node = (
        build_definitions(settings).resolve_asset_graph().get(dg.AssetKey(["green", "raw_trips"]))
    )
    assert node.partitions_def is not None
    later = datetime(2031, 5, 20, tzinfo=UTC)

    with dg.partition_loading_context(effective_dt=later):
        keys = node.partitions_def.get_partition_keys()

    assert keys[0] == "2023-01"
    assert keys[-1] == "2031-04"


def test_the_sensors_can_be_left_out_and_everything_else_stays(tmp_path: Path) -> None:
    with_sensors = build_definitions(settings_for(tmp_path, tmp_path))
    without = build_definitions(settings_for(tmp_path, tmp_path, sensors=False))
    assert with_sensors.sensors
    assert not without.sensors
    assert [asset.keys for asset in without.assets or ()] == [  # type: ignore[union-attr]
        asset.keys  # type: ignore[union-attr]
        for asset in with_sensors.assets or ()
    ]


def test_without_sensors_dagster_adds_none_of_its_own(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", tmp_path)
    usual = build_definitions(settings).get_repository_def().sensor_defs
    assert {sensor.name for sensor in usual} >= {"automation", "green_source", "standing_check"}
    without = settings.model_copy(update={"sensors": False})
    assert build_definitions(without).get_repository_def().sensor_defs == []
