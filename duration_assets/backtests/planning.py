"""The trials of a backtest: which months of the store each reads, and what it depends on.

What is missing is named with the command that makes it. Making it here would take Dagster and the
source, with all that can go wrong with them, which is what that command is there for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from duration_assets.backfills.planning import AssetMonth, by_asset
from duration_assets.backtests.trial_process import MonthFiles
from duration_assets.errors import MissingPartitionError, RefusedPartitionError, SettingsError
from duration_assets.lineage import MODEL_CODE, data_nodes, model_nodes
from duration_assets.modelling.backtesting import YARDSTICK, Candidate, Fold, folds
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.features import feature_set_named
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.quality import blocking_problems
from duration_assets.modelling.statistics import STATISTICS_FILE
from duration_assets.modelling.training import COURSE_PARAMETERS, COURSE_ROUNDS
from duration_assets.modelling.window_sizes import (
    FEWER_ROUNDS_RATE,
    LARGE_WINDOW,
    LARGE_WINDOW_ROUNDS,
    SMALL_WINDOW,
    SMALL_WINDOW_PARAMETERS,
    SMALL_WINDOW_ROUNDS,
)
from duration_assets.months import Month
from duration_assets.partition_states import StoreView
from duration_assets.planning import is_current
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.services import service_named
from duration_assets.settings import Settings

_JUDGING = "1"
"""Raised when scores of the same model would be others."""


@dataclass(frozen=True)
class Trial:
    """A candidate on a month.

    Attributes:
        candidate: what is tried.
        fold: the month to judge on, and the window to train on.
        made_from: everything that its scores depend on.
        window: the files of the window, oldest first.
        judged: the files of the month to judge on.
        simulated: whether any of these trips are simulated.
    """

    candidate: Candidate
    fold: Fold
    made_from: dict[str, Any]
    window: tuple[MonthFiles, ...]
    judged: MonthFiles
    simulated: bool

    @property
    def name(self) -> str:
        """For people: `metered-12 on 2023-02`."""
        return f"{self.candidate.name} on {self.fold.validation_month}"

    @property
    def key(self) -> str:
        """The same for trials that have the same scores, and for no others."""
        text = json.dumps(self.made_from, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def plan_trials(
    candidates: Iterable[Candidate],
    first: Month,
    last: Month,
    service: str,
    settings: Settings,
) -> list[Trial]:
    """Find what each candidate reads for each validation month.

    Args:
        candidates: what is tried.
        first: the first validation month.
        last: the last one.
        service: the service.
        settings: the home, and which months there are.

    Returns:
        By month, then in the order of the candidates.

    Raises:
        SettingsError: if there are no such months.
        MissingPartitionError: if a month is not in the store as it should be, naming all of them.
        RefusedPartitionError: if a blocking rule refuses one.
    """
    if last > settings.last_partition:
        raise SettingsError(
            f"{service} has months up to {settings.last_partition}, and {last} is after that: see "
            "DURATION_LAST_MONTH."
        )
    earliest = settings.first_month_of(service)
    planned = [
        (candidate, fold)
        for candidate in candidates
        for fold in folds(first, last, candidate.window, earliest)
    ]
    trials = trials_on(planned, service, settings)
    return sorted(trials, key=lambda trial: trial.fold.validation_month)


def trials_on(
    planned: Sequence[tuple[Candidate, Fold]], service: str, settings: Settings
) -> list[Trial]:
    """Find what candidates read for validation months of their own; see `plan_trials`.

    Raises:
        MissingPartitionError: if a month is not in the store as it should be, naming all of them.
        RefusedPartitionError: if a blocking rule refuses one.
    """
    months = _Months(service, settings)
    months.require({each for candidate, fold in planned for each in months.of(candidate, fold)})
    return [months.trial(candidate, fold) for candidate, fold in planned]


class _Months:
    """The cleaned months of a service in the store, and their statistics."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._store = StoreView(Store(settings.home / "store"))
        self._nodes = {node.key: node for node in data_nodes(service, settings)}
        _, self._cleaned, self._statistics = self._nodes
        self.first = settings.first_month_of(service)

    def of(self, candidate: Candidate, fold: Fold) -> list[AssetMonth]:
        """Return everything that a trial reads."""
        read = [(self._cleaned, month) for month in (*fold.window, fold.validation_month)]
        if feature_set_named(candidate.feature_set).uses_zone_statistics:
            read += [(self._statistics, month) for month in fold.window]
        return read

    def require(self, partitions: Iterable[AssetMonth]) -> None:
        """Refuse to go on without a partition, or with one that is out of date or bad."""
        lacking = []
        for key, month in sorted(partitions):
            found = self._store.find(key, month)
            if found and (problems := blocking_problems(key, found.summary)):
                raise RefusedPartitionError(f"{key} for {month}: {' '.join(problems)}")
            if not is_current(self._nodes[key], month, self.first, self._store):
                lacking.append((key, month))
        if lacking:
            raise MissingPartitionError(
                f"The store in {self._settings.home} lacks {', '.join(by_asset(lacking))}, or they "
                f"are out of date. Make them first: {self._command([m for _, m in lacking])}"
            )

    def trial(self, candidate: Candidate, fold: Fold) -> Trial:
        """Return a trial whose months are all there."""
        read = self.of(candidate, fold)
        partitions = [self._partition(key, month) for key, month in read]
        with_statistics = {month for key, month in read if key == self._statistics}
        return Trial(
            candidate,
            fold,
            {
                "validation_month": str(fold.validation_month),
                "inputs": {found.name: found.data_version for found in partitions},
                "code": self._code(candidate.feature_set, len(fold.window)),
                "parameters": _parameters(candidate, self._settings),
            },
            tuple(self._files(month, month in with_statistics) for month in fold.window),
            self._files(fold.validation_month, False),
            any(found.simulated for found in partitions),
        )

    def _partition(self, key: str, month: Month) -> Partition:
        return self._store.require(key, month, "the trial")

    def _files(self, month: Month, with_statistics: bool) -> MonthFiles:
        cleaned = self._partition(self._cleaned, month)
        statistics = None
        if with_statistics:
            statistics = self._partition(self._statistics, month).file(STATISTICS_FILE)
        return MonthFiles(month, cleaned.file(KEPT_FILE), cleaned.summary["kept"], statistics)

    def _code(self, feature_set: str, window: int) -> dict[str, str]:
        """Return the versions of the code that encodes, trains and judges.

        A window that was cut short counts as the shorter one that it is, so that candidates whose
        windows are the same months are tried once.
        """
        settings = self._settings.model_copy(update={"window": window})
        preprocessor, matrix, model, validation, _ = model_nodes(
            self._service, feature_set, settings
        )
        nodes = (preprocessor, matrix, model, validation)
        # What a model is trained with stands beside these, as the trial's own.
        versions = {node.key: node.code_version for node in nodes}
        versions[model.key] = MODEL_CODE
        return {**versions, "judging": _JUDGING, "xgboost": _xgboost_version()}

    def _command(self, months: Sequence[Month]) -> str:
        words = ["duration-prediction backfill --only data"]
        words += [f"--from {min(months)} --to {max(months)}"]
        if self._service != "green":
            words.append(f"--service {self._service}")
        if service_named(self._service).distance is None:
            words.append("--feature-set request")
        return " ".join(words)


@cache
def _xgboost_version() -> str:
    return version("xgboost")


def usual_of(candidate: Candidate, settings: Settings) -> dict[str, Any]:
    """Return the parameters that models of a feature set are trained with, without overrides."""
    if candidate.feature_set == YARDSTICK:
        return COURSE_PARAMETERS
    return parameters_of(candidate.feature_set, settings.parameters)


def _parameters(candidate: Candidate, settings: Settings) -> dict[str, Any]:
    """Return everything that XGBoost is told."""
    usual, given = usual_of(candidate, settings), candidate.parameters.overrides
    if candidate.feature_set == YARDSTICK:
        return {**usual, "rounds": COURSE_ROUNDS}
    return {
        "usual": {**usual, **given},
        # Those that a person gave are used as they are: the same among the usual ones are others.
        "given": sorted(given),
        "small_window": [SMALL_WINDOW, SMALL_WINDOW_ROUNDS, SMALL_WINDOW_PARAMETERS],
        "large_window": [LARGE_WINDOW, LARGE_WINDOW_ROUNDS],
        "fewer_rounds_rate": FEWER_ROUNDS_RATE,
    }
