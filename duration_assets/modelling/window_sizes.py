"""What a window of a size is trained with: in how many rounds, and at what rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duration_assets.modelling.parameters import ROUNDS

SMALL_WINDOW = 100_000
"""Trips up to which a window is small."""
SMALL_WINDOW_PARAMETERS: dict[str, Any] = {"colsample_bytree": 0.4, "reg_lambda": 20}
"""Trees of a small window see fewer columns and are shrunk more."""
LARGE_WINDOW = 1_000_000
"""A window of more trips is large."""
SMALL_WINDOW_ROUNDS, LARGE_WINDOW_ROUNDS = 0.175, 0.25
"""What share of the rounds these have: more would take too long."""
EARLY_ROUNDS = 0.5
"""What share of the rounds of other windows the early fit has, which is only there to measure."""
FEWER_ROUNDS_RATE = 2.0
"""How many times the learning rate fits of fewer rounds have, which makes up for them."""


def is_small(trips: int) -> bool:
    """Say whether a window of so many trips is small."""
    return trips <= SMALL_WINDOW


def for_window(parameters: Mapping[str, Any], trips: int) -> dict[str, Any]:
    """Return what a window of so many trips is trained with, from what others are trained with."""
    told = dict(parameters)
    if is_small(trips):
        return {**told, **SMALL_WINDOW_PARAMETERS, **_fewer_rounds(told, SMALL_WINDOW_ROUNDS)}
    if trips > LARGE_WINDOW:
        return {**told, **_fewer_rounds(told, LARGE_WINDOW_ROUNDS)}
    return told


def for_early_fit(parameters: Mapping[str, Any], trips: int) -> dict[str, Any]:
    """Return what the early fit of a window is made with, from what the whole is fitted with."""
    if is_small(trips) or trips > LARGE_WINDOW:
        return dict(parameters)
    return {**parameters, **_fewer_rounds(parameters, EARLY_ROUNDS)}


def _fewer_rounds(parameters: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return the rounds and the learning rate that a share of the rounds comes with."""
    return {
        ROUNDS: max(1, round(parameters[ROUNDS] * share)),
        "learning_rate": parameters["learning_rate"] * FEWER_ROUNDS_RATE,
    }
