from __future__ import annotations

import dataclasses

import pytest

from duration_assets.errors import MissingPartitionError
from duration_assets.lineage import Node, all_nodes
from duration_assets.months import Month
from duration_assets.retention import drop_used_matrices
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH

MATRIX, VALIDATION = "green/metered/training_matrix", "green/metered/validation_matrix"


def dropped(home: Home, asset: str) -> dict[Month, bool]:
    return {
        month: home.store.require(asset, month, "the test").is_dropped
        for month in home.store.months(asset)
    }


def test_used_matrices_are_dropped_but_the_newest_and_made_again_when_asked(home: Home) -> None:
    home.settings = home.settings.model_copy(update={"keep_matrices": 1})
    home.train(JANUARY)
    assert dropped(home, MATRIX) == {JANUARY: False}
    trained = home.train(FEBRUARY)
    assert dropped(home, MATRIX) == {JANUARY: True, FEBRUARY: False}
    assert dropped(home, VALIDATION) == {FEBRUARY: True, MARCH: False}
    with pytest.raises(MissingPartitionError, match="were dropped after use"):
        home.store.require(MATRIX, JANUARY, "the test").file("training")
    home.train(JANUARY)
    assert home.made == []
    model = home.store.require("green/metered/duration_model", JANUARY, "the test")
    (model.folder.parent / "manifest.json").unlink()
    before = home.store.require(MATRIX, JANUARY, "the test").data_version
    home.train(JANUARY)
    assert ("training_matrix", "2023-01") in home.made
    assert ("preprocessor", "2023-01") not in home.made
    assert home.store.require(MATRIX, JANUARY, "the test").data_version == before
    assert home.train(FEBRUARY).run_id == trained.run_id
    assert home.made == []


def test_a_matrix_that_was_not_used_is_kept(home: Home) -> None:
    home.settings = home.settings.model_copy(update={"keep_matrices": 0})
    home.train(JANUARY)
    assert dropped(home, MATRIX) == {JANUARY: True}
    model = home.store.require("green/metered/duration_model", JANUARY, "the test")
    (model.folder.parent / "manifest.json").unlink()
    home.train(FEBRUARY)
    assert dropped(home, MATRIX) == {JANUARY: True, FEBRUARY: True}


def test_a_matrix_whose_model_is_to_be_made_again_is_kept(home: Home) -> None:
    home.settings = home.settings.model_copy(update={"keep_matrices": 1})
    home.train(JANUARY)
    of_old_code = dataclasses.replace(model_node(home), code_version="of another code")
    assert drop_used_matrices(home.store, MATRIX, of_old_code, keep=0) == []
    assert dropped(home, MATRIX) == {JANUARY: False}
    assert drop_used_matrices(home.store, MATRIX, model_node(home), keep=0) == [JANUARY]


def model_node(home: Home) -> Node:
    key = "green/metered/duration_model"
    return next(node for node in all_nodes(home.settings) if node.key == key)
