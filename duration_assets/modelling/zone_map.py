"""A map of the zones, drawn from nothing but the distances of past trips between them.

Each zone gets a place such that places are as far apart as trips between them are long: metric
multidimensional scaling by majorization (SMACOF: de Leeuw, 1977), weighted by how many trips there
were, from the places of classical scaling over the shortest paths (Isomap: Tenenbaum, de Silva and
Langford, 2000). So a pair that was never seen has a distance too. Three dimensions, not two: a
bridge that is far away makes two near zones distant, which a plane has no room for.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from duration_assets.modelling.features import DIMENSIONS, FloatArray, IntArray
from duration_assets.modelling.statistics import UNKNOWN_ZONE, ZONES
from duration_assets.services import NO_PLACES

_ROUNDS = 100
_PSEUDO_TRIPS = 20.0
_LEAST_MILES = 0.05
_GRID = 1024.0
"""Places are rounded to whole parts of 1 / 1,024 mile."""


def draw_zone_map(sums: pl.DataFrame) -> FloatArray:
    """Find a place for each zone.

    Args:
        sums: past trips by zone pair, with `trips` and `distance`.

    Returns:
        `ZONES` rows of `DIMENSIONS` coordinates in miles, float32; 0 for zones that no path of
        trips connects with most others.
    """
    trips, miles = _both_ways(sums)
    places = np.zeros((ZONES, DIMENSIONS))
    connected, paths = _shortest_paths(trips, miles)
    if len(connected) > DIMENSIONS:
        among = np.ix_(connected, connected)
        weights = trips[among] / (trips[among] + _PSEUDO_TRIPS)
        places[connected] = _majorized(_classical(paths), miles[among], weights)
    return (np.round(places * _GRID) / _GRID).astype(np.float32)


def _both_ways(sums: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return how many trips there were between two zones, and their mean miles, both ways."""
    pickups, dropoffs = (sums[f"{end}_zone"].to_numpy() for end in ("pickup", "dropoff"))
    trips, miles = np.zeros((ZONES, ZONES)), np.zeros((ZONES, ZONES))
    np.add.at(trips, (pickups, dropoffs), sums["trips"].to_numpy())
    np.add.at(miles, (pickups, dropoffs), sums["distance"].to_numpy())
    trips, miles = trips + trips.T, miles + miles.T
    # A zone's distance from itself says nothing about where it is.
    np.fill_diagonal(trips, 0)
    nowhere = [UNKNOWN_ZONE, *NO_PLACES]
    trips[nowhere] = trips[:, nowhere] = 0
    return trips, np.where(trips > 0, miles / np.maximum(trips, 1), 0)


def _shortest_paths(trips: FloatArray, miles: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the zones that are connected with one another, the most there are, and their paths."""
    from scipy.sparse.csgraph import connected_components, shortest_path

    edges = np.where(trips > 0, np.maximum(miles, _LEAST_MILES), 0)
    _, labels = connected_components(edges, directed=False)
    zones = np.flatnonzero(labels == np.bincount(labels).argmax())
    return zones, shortest_path(edges[np.ix_(zones, zones)], directed=False)


def _classical(paths: FloatArray) -> FloatArray:
    """Return the places of classical scaling of n points: n rows of `DIMENSIONS` coordinates."""
    squares = paths**2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    largest = np.argsort(values)[::-1][:DIMENSIONS]
    places = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))
    # An axis may point either way: its farthest point is on the positive side.
    farthest = places[np.abs(places).argmax(axis=0), np.arange(DIMENSIONS)]
    return np.asarray(places * np.where(farthest < 0, -1, 1))


def _majorized(places: FloatArray, miles: FloatArray, weights: FloatArray) -> FloatArray:
    """Move n places until the weighted differences between their distances and miles are small."""
    # Differences alone count, so that the pseudo-inverse of the weights may move all places alike:
    # with 1 / n added to each weight it is an inverse, which costs far less.
    inverse = np.linalg.inv(np.diag(weights.sum(axis=1)) - weights + 1 / len(weights))
    for _ in range(_ROUNDS):
        pulls = weights * miles / np.maximum(distances(places, places), 1e-9)
        np.fill_diagonal(pulls, 0)
        places = inverse @ ((np.diag(pulls.sum(axis=1)) - pulls) @ places)
    return places


def distances(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return how far each of n places is from each of m, n rows of m."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))
