"""Deciding which model is in use: month by month in order, once for each, as the history has it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from duration_assets.assets.common import Place
from duration_assets.errors import MissingPartitionError, RefusedPartitionError
from duration_assets.lineage import model_nodes
from duration_assets.modelling.champion_gate import (
    CHALLENGER_MINUTES,
    CHAMPION_MINUTES,
    Comparison,
    Gate,
    compare,
    objections,
)
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.trip_batches import BATCH, COLUMNS
from duration_assets.months import Month
from duration_assets.planning import is_current
from duration_assets.resources.champion_history import (
    ChampionHistory,
    Decision,
    Outcome,
    decided_on,
    last_decided,
    standing_at,
)
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import RegisteredModel, Registry, registered_name
from duration_assets.resources.store import Store

Inputs = Mapping[str, Mapping[Month, Partition]]


@dataclass(frozen=True)
class Decider:
    """Decides about one feature set's models.

    Attributes:
        place: of the asset `champion`.
        store: where the partitions are.
        registry: where the models are.
        zones: the zone lookup, if there is one.
        scratch: a folder for files that are gone afterwards.
    """

    place: Place
    store: Store
    registry: Registry
    zones: pl.DataFrame | None
    scratch: Path

    def decide(self, month: Month) -> Decision:
        """Return the decision on a month, which is made now if it is the next one.

        Months before it that could be decided on and were not are decided on first, so that runs
        in any order give the same. A month that was decided on keeps its decision, whatever was
        published again since. One that comes after a later month changes nothing.

        Raises:
            MissingPartitionError: if a month is missing, naming it.
            RefusedPartitionError: if a month breaks a blocking rule, saying which.
            TrackingError: if MLflow cannot be reached.
        """
        inputs = self.place.inputs(month, self.store)
        history = self.history
        with history.deciding():
            past = history.read()
            for each, found in self._undecided(past, month, inputs):
                past.append(history.record(self._judge(each, found, past)))
            history.settle()
        return decided_on(past, month) or self._too_late(month, inputs, past)

    @property
    def history(self) -> ChampionHistory:
        """What was decided before."""
        service, feature_set, _ = self.place.node.key.split("/")
        return ChampionHistory(self.registry, registered_name(service, feature_set))

    def _undecided(
        self, past: list[Decision], month: Month, inputs: Inputs
    ) -> list[tuple[Month, Inputs]]:
        """Return the months to decide on, in order; none if this one was passed by."""
        last = last_decided(past)
        if last is not None and month <= last:
            return []
        first = self.place.node.first_month if last is None else last.shift(1)
        found: list[tuple[Month, Inputs]] = []
        for each in first.through(month.shift(-1)):
            if self._is_judged(each):
                try:
                    found.append((each, self.place.inputs(each, self.store)))
                except (MissingPartitionError, RefusedPartitionError):
                    continue
        return [*found, (month, inputs)]

    def _is_judged(self, month: Month) -> bool:
        service, feature_set, _ = self.place.node.key.split("/")
        evaluation = model_nodes(service, feature_set, self.place.settings)[-1]
        return is_current(evaluation, month, self.place.first_month, self.store)

    def _judge(self, month: Month, inputs: Inputs, past: list[Decision]) -> Decision:
        """Decide whether the model of the month before takes over."""
        model = inputs["duration_model"][month.shift(-1)]
        name = self.history.name
        challenger = self.registry.version_of_run(name, model.summary["run_id"])
        if not past:
            reason = "It is the first model that was judged."
            return _decision(month, Outcome.FIRST, challenger, challenger, reason)
        champion = self.registry.version(name, past[-1].champion_version)
        if champion == challenger:
            reason = "It is the champion already."
            return _decision(month, Outcome.KEPT, champion, challenger, reason)
        found = self._compare(month, inputs, champion, challenger)
        against = objections(found, self.gate)
        figures = _figures(found)
        if against:
            return _decision(month, Outcome.KEPT, champion, challenger, " ".join(against), figures)
        reason = (
            f"Its RMSE is smaller by {found.gain:.2%}, and it is better in "
            f"{found.probability:.1%} of the months drawn from this one's days."
        )
        return _decision(month, Outcome.PROMOTED, challenger, challenger, reason, figures)

    def _too_late(self, month: Month, inputs: Inputs, past: list[Decision]) -> Decision:
        """Say what stood at a month that was passed by."""
        model = inputs["duration_model"][month.shift(-1)]
        challenger = self.registry.version_of_run(self.history.name, model.summary["run_id"])
        stood = standing_at(past, month)
        champion = challenger
        reason = (
            "Later months were decided on before it. No champion stood then: this is its model."
        )
        if stood is not None:
            champion = self.registry.version(self.history.name, stood.champion_version)
            reason = "Later months were decided on before it. This is the champion that stood then."
        return _decision(month, Outcome.TOO_LATE, champion, challenger, reason)

    @property
    def gate(self) -> Gate:
        """What a challenger has to pass."""
        settings = self.place.settings
        return Gate(
            settings.champion_margin,
            settings.champion_confidence,
            settings.champion_slice_share,
            settings.champion_slice_limit,
        )

    def _compare(
        self, month: Month, inputs: Inputs, champion: RegisteredModel, challenger: RegisteredModel
    ) -> Comparison:
        """Compare two models on the kept trips of a month."""
        folder = self.scratch / f"{month}"
        folder.mkdir(parents=True)
        kept = inputs["cleaned_trips"][month].file(KEPT_FILE)
        folders = {
            CHALLENGER_MINUTES: self.registry.folder_of(challenger),
            CHAMPION_MINUTES: self.registry.folder_of(champion),
        }
        found = compare(
            score_by_both(kept, folders, folder),
            month,
            self.zones,
            self.gate,
            has_distance=self.place.service.distance is not None,
        )
        shutil.rmtree(folder)
        return found


def score_by_both(kept: Path, folders: Mapping[str, Path], scratch: Path) -> pl.LazyFrame:
    """Predict a month's kept trips by several models.

    Args:
        kept: the file of the trips.
        folders: of the models, as `DurationModel.save` wrote them, by the column to be made.
        scratch: an existing folder for the files that the result reads.
    """
    from duration_assets.modelling.model import DurationModel

    models = {name: DurationModel.load(folder) for name, folder in folders.items()}
    trips = pl.scan_parquet(kept).select(COLUMNS)
    rows = trips.select(pl.len()).collect().item()
    for start in range(0, rows, BATCH):
        batch = trips.slice(start, BATCH).collect()
        minutes = {name: pl.Series(model.predict(batch)) for name, model in models.items()}
        scored = batch.with_columns(**minutes)
        scored.write_parquet(scratch / f"{start:012d}.parquet", compression="lz4")
    return pl.scan_parquet(scratch / "*.parquet")


def _figures(found: Comparison) -> dict[str, Any]:
    return {
        "challenger_rmse": found.challenger_rmse,
        "champion_rmse": found.champion_rmse,
        "gain": found.gain,
        "probability": found.probability,
        "trips": found.trips,
        "days": found.days,
        "worse_slices": len(found.worse),
    }


def _decision(
    month: Month,
    outcome: Outcome,
    champion: RegisteredModel,
    challenger: RegisteredModel,
    reason: str,
    figures: dict[str, float] | None = None,
) -> Decision:
    return Decision(
        month=str(month),
        outcome=outcome,
        champion_version=champion.version,
        champion_run_id=champion.run_id,
        champion_training_month=str(champion.training_month),
        challenger_version=challenger.version,
        reason=reason,
        figures=figures or {},
    )
