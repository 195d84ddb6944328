from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xgboost

from duration_assets.modelling.tree_arrays import TreeArrays

ROWS, FEATURES = 2_000, 12


@pytest.fixture(scope="module")
def features() -> Any:
    return np.random.default_rng(3).normal(size=(ROWS, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def holes(features: Any) -> Any:
    return np.where(features > 1, np.nan, features).astype(np.float32)


def trained(features: Any, rounds: int = 25, **parameters: Any) -> xgboost.Booster:
    parameters = {"nthread": 1, "disable_default_eval_metric": 1, **parameters}
    label = np.nansum(np.asarray(features), axis=1) ** 2
    return xgboost.train(parameters, xgboost.DMatrix(features, label=label), rounds)


def asked_alone(boosters: list[xgboost.Booster], features: Any) -> Any:
    trees = TreeArrays(boosters)
    return np.array([trees.predict(row) for row in features], dtype=np.float32)


def test_a_row_is_predicted_as_in_a_matrix(features: Any) -> None:
    booster = trained(features)
    found = asked_alone([booster], features)[:, 0]
    np.testing.assert_array_equal(found, booster.inplace_predict(features))
    assert len(np.unique(found)) > ROWS / 2


@pytest.mark.parametrize("trained_with_holes", [True, False])
def test_a_row_with_missing_values_is_predicted_as_in_a_matrix(
    features: Any, holes: Any, trained_with_holes: bool
) -> None:
    booster = trained(holes if trained_with_holes else features)
    found = asked_alone([booster], holes)[:, 0]
    np.testing.assert_array_equal(found, booster.inplace_predict(holes))


def test_a_value_at_a_threshold_goes_where_xgboost_sends_it(features: Any) -> None:
    whole = np.round(features * 2)
    booster = trained(whole)
    np.testing.assert_array_equal(
        asked_alone([booster], whole)[:, 0], booster.inplace_predict(whole)
    )


def test_several_boosters_are_asked_together(features: Any) -> None:
    mean = trained(features, 7, max_depth=9)
    percentiles = trained(features, objective="reg:quantileerror", quantile_alpha=[0.1, 0.9])
    found = asked_alone([mean, percentiles], features)
    np.testing.assert_array_equal(found[:, 0], mean.inplace_predict(features))
    np.testing.assert_array_equal(found[:, 1:], percentiles.inplace_predict(features))


def test_what_a_sparse_row_does_not_have_is_missing(features: Any) -> None:
    from scipy.sparse import csr_matrix

    there = np.abs(features) > 1.5
    sparse = csr_matrix((features * there).astype(np.float64))
    booster = trained(sparse.toarray().astype(np.float32))
    rows = np.where(there, features, np.nan).astype(np.float32)
    found = asked_alone([booster], rows)[:, 0]
    np.testing.assert_array_equal(found, booster.inplace_predict(sparse))


def test_trees_without_a_split_are_their_leaf(features: Any) -> None:
    constant = xgboost.train(
        {"nthread": 1, "min_child_weight": 10 * ROWS},
        xgboost.DMatrix(features, label=features[:, 0]),
        3,
    )
    np.testing.assert_array_equal(
        asked_alone([constant], features)[:, 0], constant.inplace_predict(features)
    )
