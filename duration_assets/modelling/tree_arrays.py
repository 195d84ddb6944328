"""The trees of boosters as arrays, for one row of features at a time.

XGBoost prepares each tree for every call, about two microseconds of work that thousands of rows
share and that one row bears alone. Here it is done once, when the model is loaded; then a row goes
down all trees together, level by level, and what it finds is added up as XGBoost does: in float32,
beginning with the base score, tree after tree. So the answers are the same to the last bit; a new
model is to be compared with its booster once (see `single_trips.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from duration_assets.modelling.features import FloatArray

if TYPE_CHECKING:
    import xgboost

_Nodes = np.ndarray[Any, np.dtype[np.intp]]

_ROUNDS_AT_ONCE = 10
"""Rounds that are read at once: Python's other threads wait for each piece, some milliseconds."""


class TreeArrays:
    """The trees of some boosters that are asked together, as one row is shown to all of them.

    A node is a place in the arrays. A leaf is followed by itself, so that a row that came to it
    stays there while others go on. The base score of an output is a tree of one leaf.
    """

    def __init__(self, boosters: Sequence[xgboost.Booster]) -> None:
        """Take the trees out of boosters.

        Args:
            boosters: of regression trees over k numeric features, with one or more outputs each.
        """
        outputs = [output for booster in boosters for output in _trees_by_output(booster)]
        trees = [tree for output in outputs for tree in output]
        sizes = np.array([len(tree.thresholds) for tree in trees])
        self._roots: _Nodes = (np.cumsum(sizes) - sizes).astype(np.intp)
        # Two for each node, left before right. Kept small, as trees hardly fit into the caches.
        self._children = np.concatenate(
            [tree.children.ravel() + root for tree, root in zip(trees, self._roots, strict=True)]
        ).astype(np.int32)
        self._features = np.concatenate([tree.features for tree in trees])
        self._thresholds = np.concatenate([tree.thresholds for tree in trees])
        self._missing_goes_right = np.concatenate([tree.missing_goes_right for tree in trees])
        self._levels = self._count_levels()
        ends = np.cumsum([len(output) for output in outputs]).tolist()
        self._outputs = [slice(*each) for each in zip([0, *ends], ends, strict=False)]

    def predict(self, row: FloatArray) -> list[float]:
        """Predict from k float32 features, of which NaN is missing.

        Returns:
            A float32 number for each output of each booster, in their order.
        """
        values = self._thresholds.take(self._leaves(row))
        # `add.accumulate` adds one after the other, where `sum` would add pairs.
        return [float(np.add.accumulate(values[output])[-1]) for output in self._outputs]

    def _leaves(self, row: FloatArray) -> _Nodes:
        """Return the leaf of each tree that a row comes to."""
        nodes, some_missing = self._roots, np.isnan(row).any()
        for _ in range(self._levels):
            values = row.take(self._features.take(nodes))
            right = values >= self._thresholds.take(nodes)
            if some_missing:
                right |= np.isnan(values) & self._missing_goes_right.take(nodes)
            nodes = self._children.take(2 * nodes + right).astype(np.intp)
        return nodes

    def _count_levels(self) -> int:
        """Return how many steps lead to the leaf that is farthest from its root."""
        levels, nodes = 0, self._roots
        while True:
            below = self._children.reshape(-1, 2)[nodes]
            nodes = below[below[:, 0] != nodes].ravel().astype(np.intp)
            if not len(nodes):
                return levels
            levels += 1


class _Tree(NamedTuple):
    """One tree of n nodes, of which the first is the root.

    Attributes:
        children: n by 2, the nodes that follow on the left and on the right; a leaf's are itself.
        features: n, what each node looks at.
        thresholds: n, float32: what is less goes left; of a leaf it is the value.
        missing_goes_right: n, whether what is missing goes right.
    """

    children: np.ndarray[Any, Any]
    features: np.ndarray[Any, Any]
    thresholds: FloatArray
    missing_goes_right: np.ndarray[Any, Any]

    @classmethod
    def one_leaf(cls, value: float) -> Self:
        """Return a tree that predicts the same for every row."""
        nowhere = np.zeros((1, 2), dtype=np.int32)
        value_alone = np.array([value], dtype=np.float32)
        return cls(nowhere, nowhere[0, :1], value_alone, np.zeros(1, dtype=bool))

    @classmethod
    def read(cls, written: dict[str, Any]) -> Self:
        """Take a tree from XGBoost's own notation."""
        names = ("left_children", "right_children")
        children = np.array([written[name] for name in names], dtype=np.int32).T
        leaf = children < 0
        itself = np.arange(len(children), dtype=np.int32)[:, np.newaxis]
        return cls(
            np.where(leaf, itself, children),
            np.where(leaf[:, 0], 0, np.array(written["split_indices"], dtype=np.int32)),
            np.array(written["split_conditions"], dtype=np.float32),
            ~np.array(written["default_left"], dtype=bool),
        )


def _trees_by_output(booster: xgboost.Booster) -> list[list[_Tree]]:
    """Return the trees of each output in their order."""
    outputs = [[_Tree.one_leaf(score)] for score in _base_scores(booster)]
    for piece in _pieces(booster):
        for output, tree in zip(piece["tree_info"], piece["trees"], strict=True):
            outputs[output].append(_Tree.read(tree))
    return outputs


def _base_scores(booster: xgboost.Booster) -> list[float]:
    """Return what each output begins with."""
    learner = json.loads(booster.save_config())["learner"]
    scores: list[float] = json.loads(learner["learner_model_param"]["base_score"])
    return scores


def _pieces(booster: xgboost.Booster) -> Iterator[dict[str, Any]]:
    """Yield some rounds after the other, in XGBoost's own notation."""
    rounds = booster.num_boosted_rounds()
    for first in range(0, rounds, _ROUNDS_AT_ONCE):
        some = booster[first : min(first + _ROUNDS_AT_ONCE, rounds)]
        yield json.loads(some.save_raw("json"))["learner"]["gradient_booster"]["model"]
