"""What was decided about the champion of a registered model, in order, and the aliases that follow.

The history is kept as tags of the registered model, one for each decision. It is written before
the aliases, which follow from it alone: a process that is killed in between leaves a history whose
aliases are set by the next one that looks.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Self

import filelock

from duration_assets.errors import PartitionLockedError, RegistryError
from duration_assets.months import Month
from duration_assets.resources.decisions_file import keep_decisions
from duration_assets.resources.mlflow_access import connected
from duration_assets.resources.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    REGISTERED_FOLDER,
    RegisteredModel,
    Registry,
    registered,
)

_TAG = "duration_assets.decision."
_LONGEST_REASON = 500
"""Characters; MLflow's database takes 5,000 in a tag."""


class Outcome(StrEnum):
    """How a decision ended; the value is what is shown."""

    FIRST = "first"
    PROMOTED = "promoted"
    KEPT = "kept"
    TOO_LATE = "too late"
    BY_HAND = "promoted by hand"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Decision:
    """One decision, as it stands in the history.

    Attributes:
        month: the validation month that it was decided on; of a decision by hand the last one that
            was decided on before it, or that the model has seen, whichever is later.
        outcome: an `Outcome`.
        champion_version: of the champion after the decision.
        champion_run_id: the MLflow run of its training.
        champion_training_month: the last month that it has seen.
        challenger_version: of the model that wanted to be.
        reason: in words.
        figures: both models' on the month, where they were compared.
        decided: when, ISO 8601 in UTC.
        dagster_run: the run of a decision by hand, by which it is known if it is run again.
    """

    month: str
    outcome: str
    champion_version: int
    champion_run_id: str
    champion_training_month: str
    challenger_version: int
    reason: str
    figures: dict[str, float] = field(default_factory=dict)
    decided: str = ""
    dagster_run: str = ""

    @classmethod
    def of(
        cls,
        month: Month,
        outcome: Outcome,
        champion: RegisteredModel,
        challenger: RegisteredModel,
        reason: str,
        figures: Mapping[str, float] = MappingProxyType({}),
        dagster_run: str = "",
    ) -> Self:
        """Describe a decision by the models themselves."""
        return cls(
            month=str(month),
            outcome=outcome,
            champion_version=champion.version,
            champion_run_id=champion.run_id,
            champion_training_month=str(champion.training_month),
            challenger_version=challenger.version,
            reason=reason,
            figures=dict(figures),
            dagster_run=dagster_run,
        )

    @property
    def is_by_hand(self) -> bool:
        """Whether a person decided."""
        return self.outcome in (Outcome.BY_HAND, Outcome.ROLLED_BACK)


class ChampionHistory:
    """The decisions about one registered model."""

    def __init__(self, registry: Registry, name: str, lock_timeout: float = 600.0) -> None:
        """Remember which; nothing is opened.

        Args:
            registry: has the models.
            name: of the registered model.
            lock_timeout: seconds to wait for another decision.
        """
        self.registry = registry
        self.name = name
        self.lock_timeout = lock_timeout

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Keep others of this home from deciding at the same time.

        Raises:
            PartitionLockedError: if another decision is still being made after the time-out.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._folder / ".deciding.lock")
        try:
            lock.acquire(timeout=self.lock_timeout)
        except filelock.Timeout:
            raise PartitionLockedError(
                f"Another process has been deciding about {self.name} for more than "
                f"{self.lock_timeout:.0f} seconds. Wait until it is done, or stop it."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def read(self) -> list[Decision]:
        """Return all decisions, the first one first.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if what stands there is damaged.
        """
        try:
            return [Decision(**json.loads(text)) for _, text in sorted(self._tags().items())]
        except (ValueError, TypeError) as error:
            raise RegistryError(
                f"The history of {self.name} in MLflow is damaged ({error}): look at the tags "
                f"{_TAG}… of the registered model, and delete the one that is no JSON object."
            ) from error

    def record(self, decision: Decision) -> Decision:
        """Add a decision to the history; the aliases are left as they are.

        Returns:
            The decision as it is kept.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = replace(decision, reason=decision.reason[:_LONGEST_REASON], decided=now)
        number = 1 + max(map(_number_of, self._tags()), default=0)
        # Another home on the same MLflow store may write the same number: neither is overwritten.
        key = f"{_TAG}{number:06d}.{uuid.uuid4().hex[:8]}"
        with connected(self.registry.tracking_uri) as client:
            client.set_registered_model_tag(self.name, key, json.dumps(asdict(kept)))
            # Where a reader of MLflow looks: at the version, and at the run of its training.
            said = f"{kept.outcome} ({kept.month}): {kept.reason}"
            version = str(kept.challenger_version)
            client.set_model_version_tag(self.name, version, "champion_decision", said)
            challenger = self.registry.version(self.name, kept.challenger_version)
            client.set_tag(challenger.run_id, "champion_decision", said)
        return kept

    def settle(self) -> dict[str, int]:
        """Set the aliases to what follows from the history, where they are something else.

        A version that was deleted in MLflow gets no alias. The home keeps a copy of the history.

        Returns:
            The version that has each alias.

        Raises:
            TrackingError: if MLflow cannot be reached.
            RegistryError: if the champion was deleted in MLflow.
        """
        history = self.read()
        keep_decisions(self._folder, history)
        there = self.registry.numbers(self.name)
        self._refuse_deleted(history, there)
        wanted = aliases_of(history, there)
        with connected(self.registry.tracking_uri) as client:
            model = registered(client, self.name)
            held = {} if model is None else model.aliases
            for alias, version in wanted.items():
                if int(held.get(alias, 0)) != version:
                    client.set_registered_model_alias(self.name, alias, str(version))
        return wanted

    def champion(self, history: Sequence[Decision]) -> RegisteredModel | None:
        """Return the model in use after all that was decided, None if nothing was.

        Raises:
            RegistryError: if it was deleted in MLflow, saying what to do.
        """
        if not history:
            return None
        self._refuse_deleted(history, self.registry.numbers(self.name))
        return self.registry.version(self.name, history[-1].champion_version)

    @property
    def _folder(self) -> Path:
        return self.registry.home / REGISTERED_FOLDER / self.name

    def _refuse_deleted(self, history: Sequence[Decision], there: Collection[int]) -> None:
        """Refuse a history that ends with a version which is none of those that there are."""
        if history and history[-1].champion_version not in there:
            raise RegistryError(
                f"Version {history[-1].champion_version} of {self.name} is the champion, and was "
                "deleted in MLflow: put another one in its place with "
                "`duration-prediction promote`."
            )

    def _tags(self) -> dict[str, str]:
        """Return the tags of the registered model that hold decisions."""
        with connected(self.registry.tracking_uri) as client:
            model = registered(client, self.name)
        tags = {} if model is None else model.tags
        return {key: text for key, text in tags.items() if key.startswith(_TAG)}


def aliases_of(history: Sequence[Decision], there: Collection[int]) -> dict[str, int]:
    """Return the version that has each alias after all that was decided.

    Args:
        history: all decisions, the first one first.
        there: the versions that were not deleted; others get no alias.
    """
    if not history:
        return {}
    champion = history[-1].champion_version
    before = [each.champion_version for each in history if each.champion_version != champion]
    wanted = {
        CHAMPION: [champion],
        PREVIOUS: [version for version in before if version in there],
        CHALLENGER: [each.challenger_version for each in history if not each.is_by_hand],
    }
    return {alias: each[-1] for alias, each in wanted.items() if each and each[-1] in there}


def decided_on(history: Sequence[Decision], month: Month) -> Decision | None:
    """Return what stands for a month, None if nothing was decided on it.

    That is the gate's decision, or what a person decided after it and before any later month's.
    """
    found = [each for each in history if each.month == str(month)]
    return found[-1] if found else None


def last_decided(history: Sequence[Decision]) -> Month | None:
    """Return the last month that is decided on, None if none is.

    By hand, these are also the months that the model in use has seen: on them nothing could be
    judged against it.
    """
    return max((Month.parse(each.month) for each in history if each.month), default=None)


def standing_at(history: Sequence[Decision], month: Month) -> Decision | None:
    """Return the last decision of a month no later than one, None if all came after it."""
    found = [each for each in history if each.month <= str(month)]
    return found[-1] if found else None


def by_hand(
    history: Sequence[Decision],
    champion: RegisteredModel,
    outcome: Outcome,
    reason: str,
    dagster_run: str = "",
) -> Decision:
    """Return a decision that a person made."""
    last = last_decided(history)
    seen = champion.training_month
    month = seen if last is None else max(last, seen)
    return Decision.of(month, outcome, champion, champion, reason, dagster_run=dagster_run)


def _number_of(key: str) -> int:
    """Return the place of a decision in the history, from its tag."""
    return int(key.removeprefix(_TAG).partition(".")[0])
