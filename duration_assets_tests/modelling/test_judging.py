from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost

from duration_assets.modelling.baselines import BASELINES, Baselines
from duration_assets.modelling.judging import (
    ALL,
    BIN,
    KEPT,
    MODEL,
    MOST_OFF,
    SAMPLED_TRIPS,
    Judgement,
    ScoredTrips,
    judge,
    score_trips,
)
from duration_assets.modelling.matrix_files import Examples, StoredExamples, write_examples
from duration_assets.modelling.metrics import error_metrics
from duration_assets.modelling.reliance import mean_contributions
from duration_assets_tests.modelling.trips import trips_of

TRIPS = 300


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 30, (TRIPS, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def booster(features: np.ndarray) -> xgboost.Booster:
    parameters = {"max_depth": 3, "seed": 1, "base_score": 10.0}
    return xgboost.train(parameters, xgboost.DMatrix(features, label=features[:, 0] + 1), 20)


@pytest.fixture(scope="module")
def trips(features: np.ndarray) -> pl.DataFrame:
    duration = features[:, 0].astype(float) + 2
    kept = np.arange(TRIPS) % 3 > 0
    return trips_of(duration.tolist(), pickup_zone=[1, 2] * (TRIPS // 2), kept=kept.tolist())


@pytest.fixture(scope="module")
def baselines() -> Baselines:
    return Baselines.fit(
        trips_of([5.0, 15.0, 25.0], pickup_zone=[1] * 3).lazy(), uses_distance=True
    )


@pytest.fixture
def scored(
    booster: xgboost.Booster,
    features: np.ndarray,
    trips: pl.DataFrame,
    baselines: Baselines,
    tmp_path: Path,
) -> ScoredTrips:
    chunks = [slice(0, 90), slice(90, 200), slice(200, TRIPS)]
    durations = trips["duration"].to_numpy()
    examples = (Examples(features[chunk], durations[chunk]) for chunk in chunks)
    write_examples(tmp_path / "matrix", examples)
    trips.write_parquet(tmp_path / "trips.parquet")
    return score_trips(
        booster,
        None,
        StoredExamples(tmp_path / "matrix"),
        tmp_path / "trips.parquet",
        baselines,
        tmp_path / "scored",
    )


@pytest.fixture
def judgement(scored: ScoredTrips) -> Judgement:
    return judge(scored.trips, None, has_distance=True)


def test_trips_scored_in_chunks_are_scored_as_all_at_once(
    scored: ScoredTrips,
    booster: xgboost.Booster,
    features: np.ndarray,
    trips: pl.DataFrame,
    baselines: Baselines,
) -> None:
    found = scored.trips.collect()
    assert found.select(trips.columns).equals(trips)
    np.testing.assert_array_equal(found[MODEL], booster.inplace_predict(features))
    assert found.select(*BASELINES, "pair_seen").equals(baselines.predict(trips))


def test_the_sample_holds_kept_trips_and_is_the_same_each_time(
    scored: ScoredTrips, features: np.ndarray, trips: pl.DataFrame
) -> None:
    assert scored.sample is not None
    assert scored.sample.shape == (SAMPLED_TRIPS, 3)
    row_of = {tuple(row): number for number, row in enumerate(features.tolist())}
    rows = [row_of[tuple(row)] for row in scored.sample.tolist()]
    assert rows == sorted(set(rows))
    assert trips["kept"].gather(rows).all()
    assert rows[-1] > 200
    assert rows[:5] == [13, 16, 19, 20, 23]


def test_metrics_are_those_of_kept_and_of_all_trips(
    judgement: Judgement, scored: ScoredTrips
) -> None:
    everything = scored.trips.collect()
    kept = everything.filter("kept")
    expected = {
        **error_metrics(kept[MODEL].to_numpy(), kept["duration"].to_numpy()),
        **{
            f"all_trips_{name}": value
            for name, value in error_metrics(
                everything[MODEL].to_numpy(), everything["duration"].to_numpy()
            ).items()
        },
    }
    baseline = {name: value for name, value in judgement.metrics.items() if "baseline" in name}
    assert judgement.metrics == {**expected, **baseline}
    assert list(baseline) == [f"baseline_{name}_rmse" for name in BASELINES]
    medians = error_metrics(kept["pair_median"].to_numpy(), kept["duration"].to_numpy())
    assert baseline["baseline_pair_median_rmse"] == pytest.approx(medians["rmse"], abs=1e-5)


def test_the_model_and_the_baselines_are_judged_on_the_same_trips(
    judgement: Judgement, trips: pl.DataFrame
) -> None:
    counted = judgement.predictors.select("predictor", "judged_on", "trips").rows()
    assert counted == [
        (name, which, count)
        for which, count in ((KEPT, int(trips["kept"].sum())), (ALL, TRIPS))
        for name in (MODEL, *BASELINES)
    ]
    own = judgement.predictors.filter(predictor=MODEL, judged_on=KEPT).row(0, named=True)
    for name in ("rmse", "mae", "bias"):
        assert own[name] == pytest.approx(judgement.metrics[name], abs=1e-5)


def test_calibration_has_ten_groups_of_about_equal_size_from_short_to_long(
    judgement: Judgement, scored: ScoredTrips
) -> None:
    groups = judgement.calibration
    sizes = groups["trips"].to_list()
    assert sizes == pytest.approx([20] * 10, abs=2)
    assert sum(sizes) == 200
    assert groups["mean_predicted"].is_sorted()
    kept = scored.trips.filter("kept").sort(MODEL).collect()
    shortest = kept[: sizes[0]]
    assert groups["mean_actual"][0] == pytest.approx(shortest["duration"].mean(), abs=1e-4)
    assert groups["mean_predicted"][0] == pytest.approx(shortest[MODEL].mean(), abs=1e-4)


def test_a_single_prediction_for_all_trips_makes_a_single_group() -> None:
    scored = trips_of([5.0, 9.0], kept=[True, True], predicted=[7.0, 7.0], pair_seen=[True, False])
    same = scored.with_columns(mean=7.0, pair_median=7.0, linear=7.0)
    groups = judge(same.lazy(), None, has_distance=False).calibration
    assert groups.select("trips", "mean_predicted", "mean_actual").rows() == [(2, 7.0, 7.0)]


def test_errors_are_counted_in_bins_and_cut_at_both_ends() -> None:
    predicted = [10.0, 10.5, 9.9, 90.0, 0.0]
    scored = trips_of(
        [10.0, 10.0, 10.0, 10.0, 50.0],
        kept=[True] * 5,
        predicted=predicted,
        pair_seen=[True] * 5,
    ).with_columns(mean=7.0, pair_median=7.0, linear=7.0)
    found = judge(scored.lazy(), None, has_distance=False)
    zero = round(MOST_OFF / BIN)
    assert dict(found.errors.iter_rows()) == {0: 1, zero - 1: 1, zero: 1, zero + 1: 1, 79: 1}
    assert found.cells.rows() == [(10, 9, 1), (10, 10, 2), (10, 59, 1), (50, 0, 1)]


def test_what_a_model_relies_on_is_named_with_the_largest_first(
    booster: xgboost.Booster, features: np.ndarray
) -> None:
    found = mean_contributions(booster, features[:50], ["first", "second", "third"])
    assert next(iter(found)) == "first"
    assert found["first"] > 10 * max(found["second"], found["third"])
    parts = booster.predict(xgboost.DMatrix(features[:50]), pred_contribs=True)
    np.testing.assert_allclose(
        parts.sum(axis=1), booster.predict(xgboost.DMatrix(features[:50])), rtol=1e-4
    )
