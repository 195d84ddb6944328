"""Deciding which model is in use: month by month in order, once for each, as the history has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from duration_assets.assets.champion_partition import champion_history
from duration_assets.assets.common import Place, kept_trips
from duration_assets.errors import (
    MissingPartitionError,
    RefusedPartitionError,
    RegistryError,
)
from duration_assets.modelling.champion_gate import (
    CHALLENGER_MINUTES,
    CHAMPION_MINUTES,
    Comparison,
    Gate,
    compare,
    objections,
)
from duration_assets.modelling.trip_batches import MonthTrips
from duration_assets.months import Month, spans
from duration_assets.resources.champion_history import (
    ChampionHistory,
    Decision,
    Outcome,
    decided_on,
    last_decided,
    standing_at,
)
from duration_assets.resources.partition import Partition
from duration_assets.resources.registry import RegisteredModel, Registry
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
        say: told which months are passed by, and why.
    """

    place: Place
    store: Store
    registry: Registry
    zones: pl.DataFrame | None
    scratch: Path
    say: Callable[[str], None]

    def decide(self, month: Month) -> Decision:
        """Return the decision on a month, which is made now if it is the next one.

        Months before it that could be decided on and were not are decided on first, so that runs
        in any order give the same; it is enough that they were evaluated once, by whatever code. A
        month that was decided on keeps its decision, whatever was published again since, but for
        what a person decided after it. One that comes after a later month changes nothing.

        Raises:
            MissingPartitionError: if a month is missing, naming it.
            RefusedPartitionError: if a month breaks a blocking rule, saying which.
            TrackingError: if MLflow cannot be reached.
        """
        inputs = self.place.inputs(month, self.store)
        history = self.history
        with history.deciding():
            past = history.read()
            last = last_decided(past)
            if last is None or month > last:
                passed = self._catch_up(month, past)
                decision = self._judge(month, inputs, past, history.champion(past))
                if passed:
                    self.say(passed)
                    decision = replace(decision, reason=f"{passed} {decision.reason}")
                past.append(history.record(decision))
            history.settle()
        return decided_on(past, month) or self._too_late(month, inputs, past)

    @property
    def history(self) -> ChampionHistory:
        """What was decided before."""
        return champion_history(self.place, self.registry)

    def _catch_up(self, month: Month, past: list[Decision]) -> str:
        """Decide on the months before one that were not decided on, in order.

        Returns:
            Which of them are passed by though there was a model to judge; empty if none is.
        """
        last = last_decided(past)
        first = self.place.node.first_month if last is None else last.shift(1)
        passed = []
        for each in first.through(month.shift(-1)):
            # Without it, no month can be decided on.
            champion = self.history.champion(past)
            try:
                inputs = self.place.inputs(each, self.store)
                decision = self._judge(each, inputs, past, champion)
            except (MissingPartitionError, RefusedPartitionError, RegistryError) as error:
                if self._had_a_model(each):
                    passed.append(each)
                    self.say(f"{each} is not decided on: {error}")
            else:
                past.append(self.history.record(decision))
        return f"Passed by, and not decided on any more: {spans(passed)}." if passed else ""

    def _had_a_model(self, month: Month) -> bool:
        """Say whether a month has trips and the model of the month before, so that it is no gap."""
        asked = (
            (self.place.beside("duration_model"), month.shift(-1)),
            (f"{self.place.service.name}/cleaned_trips", month),
        )
        return all(self.store.find(asset, each) is not None for asset, each in asked)

    def _judge(
        self,
        month: Month,
        inputs: Inputs,
        past: list[Decision],
        champion: RegisteredModel | None,
    ) -> Decision:
        """Decide whether the model of the month before takes over."""
        model = inputs["duration_model"][month.shift(-1)]
        name = self.history.name
        challenger = self.registry.version_of_run(name, model.summary["run_id"])
        if champion is None:
            reason = "It is the first model that was judged."
            return Decision.of(month, Outcome.FIRST, challenger, challenger, reason)
        if champion == challenger:
            reason = "It is the champion already."
            return Decision.of(month, Outcome.KEPT, champion, challenger, reason)
        found = self._compare(month, inputs, champion, challenger)
        against = objections(found, self.gate)
        figures = _figures(found)
        if against:
            return Decision.of(
                month, Outcome.KEPT, champion, challenger, " ".join(against), figures
            )
        reason = (
            f"Its RMSE is smaller by {found.gain:.2%}, and it is better in "
            f"{found.probability:.1%} of the months drawn from this one's days."
        )
        return Decision.of(month, Outcome.PROMOTED, challenger, challenger, reason, figures)

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
        return Decision.of(month, Outcome.TOO_LATE, champion, challenger, reason)

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
        kept = kept_trips(inputs["cleaned_trips"][month])
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


def score_by_both(kept: MonthTrips, folders: Mapping[str, Path], scratch: Path) -> pl.LazyFrame:
    """Predict a month's kept trips by several models.

    Args:
        kept: the trips.
        folders: of the models, as `DurationModel.save` wrote them, by the column to be made.
        scratch: an existing folder for the files that the result reads.
    """
    from duration_assets.modelling.model import DurationModel

    models = {name: DurationModel.load(folder) for name, folder in folders.items()}
    for number, batch in enumerate(kept.batches()):
        minutes = {name: pl.Series(model.predict(batch)) for name, model in models.items()}
        scored = batch.with_columns(**minutes)
        scored.write_parquet(scratch / f"{number:06d}.parquet", compression="lz4")
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
