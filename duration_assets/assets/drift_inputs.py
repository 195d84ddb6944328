"""What a month is compared with, as the store holds it at the moment: window and evaluations.

Which months these are depends on the champion, so that the lineage cannot name them. They are no
inputs: a month that was published again changes neither the champion nor whether a drift partition
is up to date. The partition keeps the data version of each that was compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from duration_assets.assets.common import Place
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.drift import Observed, Usual, together
from duration_assets.modelling.histograms import HISTOGRAMS_FILE, month_histograms
from duration_assets.months import Month, window_months
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.services import service_named

USUAL_MONTHS = 12
"""How many evaluations say what error is usual; more if the champion was trained before them."""


@dataclass(frozen=True)
class Known:
    """What a champion knows.

    Attributes:
        months: its window, oldest first.
        window: the trips of these months.
        usual: what its predictions were like.
        notes: what could not be found, and why.
        compared_with: the data version of each partition that was read, by its name.
    """

    months: Sequence[Month]
    window: Observed
    usual: Usual
    notes: Sequence[str] = ()
    compared_with: dict[str, str] = field(default_factory=dict)


def observed(cleaned: Partition) -> Observed:
    """Return what is counted of a month's cleaned trips."""
    if (cleaned.folder / HISTOGRAMS_FILE).exists():
        histograms = _histograms(cleaned)
    else:
        # Cleaned before histograms were kept: they follow from the trips, which are the same.
        service = service_named(cleaned.asset.partition("/")[0])
        histograms = month_histograms(pl.scan_parquet(cleaned.file(KEPT_FILE)), service)
    return Observed(histograms, cleaned.summary)


def known_to(place: Place, champion: Partition, month: Month, store: Store) -> Known:
    """Find what a month is compared with.

    Args:
        place: of the asset.
        champion: the partition that says which model is in use.
        month: the month.
        store: where the partitions are.

    Raises:
        MissingPartitionError: if a month of the champion's window is missing.
    """
    months, notes = _window_of(place, champion, store)
    why = f"{place.node.key} for {month}"
    asset = f"{place.service.name}/cleaned_trips"
    cleaned = [store.require(asset, each, why) for each in months]
    evaluations = _evaluations(place, champion, month, store)
    predictions, note = _predictions(champion, evaluations)
    before = [found for each, found in evaluations.items() if each < month]
    if not before:
        notes.append("The errors are compared with nothing: no earlier month was evaluated.")
    return Known(
        months,
        together(map(observed, cleaned)),
        Usual(predictions, [found.summary["metrics"] for found in before]),
        [*notes, *([note] if note else [])],
        {found.name: found.data_version for found in (*cleaned, *before)},
    )


def _window_of(place: Place, champion: Partition, store: Store) -> tuple[list[Month], list[str]]:
    """Return the months that the champion was trained on."""
    trained = Month.parse(champion.summary["champion_training_month"])
    model = store.find(place.beside("duration_model"), trained)
    if model and model.summary["run_id"] == champion.summary["champion_run_id"]:
        return [Month.parse(each) for each in model.summary["window"]], []
    window = window_months(trained, place.settings.window_of(place.feature_set), place.first_month)
    return window, [
        f"The model of {trained} was trained again since it became champion: its window is taken "
        "to be the one that the settings give."
    ]


def _evaluations(
    place: Place, champion: Partition, month: Month, store: Store
) -> dict[Month, Partition]:
    """Return the evaluations before a month that say what is usual, by their month."""
    judged = Month.parse(champion.summary["champion_training_month"]).shift(1)
    first = min(judged, month.shift(-USUAL_MONTHS))
    asset = place.beside("evaluation")
    there = [each for each in store.months(asset) if first <= each < month]
    return {each: found for each in there if (found := store.find(asset, each))}


def _predictions(
    champion: Partition, evaluations: dict[Month, Partition]
) -> tuple[pl.DataFrame | None, str]:
    """Return the champion's predictions on the month that it was judged on, or why there are none.

    Its predictions on its own window would flatter it: it has seen these trips.
    """
    judged = Month.parse(champion.summary["champion_training_month"]).shift(1)
    found = evaluations.get(judged)
    missing = f"The predictions are compared with nothing: the evaluation of {judged}"
    if found is None:
        return None, f"{missing} is not in the store."
    if found.summary["run_id"] != champion.summary["champion_run_id"]:
        return None, f"{missing} is by now of another model, because that month was made again."
    if not (found.folder / HISTOGRAMS_FILE).exists():
        return None, f"{missing} was made before histograms were kept: make it again."
    return _histograms(found), ""


def _histograms(partition: Partition) -> pl.DataFrame:
    path: Path = partition.file(HISTOGRAMS_FILE)
    return pl.read_parquet(path)
