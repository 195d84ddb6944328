"""The months that parameters are tuned on: which they are, and parameters judged on each of them.

A month's matrices are made once and used by all trials of a search.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duration_assets.backtests.planning import Trial, trials_on
from duration_assets.backtests.trial_process import Work, encode
from duration_assets.errors import SettingsError
from duration_assets.lineage import TUNING_SPAN
from duration_assets.modelling.backtesting import Candidate, folds
from duration_assets.modelling.parameters import tuned_parameters
from duration_assets.modelling.tuning import SEED, SPACE_VERSION
from duration_assets.months import Month
from duration_assets.settings import Settings

if TYPE_CHECKING:
    import xgboost

    from duration_assets.modelling.trials import EncodedTrial

FOLDER = "tuning"
"""In the home: the trials of each search."""


def tuning_months(through: Month, count: int) -> list[Month]:
    """Return validation months spread over the last `TUNING_SPAN` months up to one, oldest first.

    Args:
        through: the last of them.
        count: how many, 1 to `TUNING_SPAN`.
    """
    step = TUNING_SPAN // count
    return [through.shift(-step * back) for back in reversed(range(count))]


def plan_tuning(
    service: str, feature_set: str, through: Month, count: int, settings: Settings
) -> list[Trial]:
    """Find what a search reads, for each of its validation months, oldest first.

    Raises:
        SettingsError: if there are no such months, or the feature set has no parameters to tune.
        MissingPartitionError: if a month is not in the store as it should be, naming all of them.
        RefusedPartitionError: if a blocking rule refuses one.
    """
    if tuned_parameters(feature_set, settings.parameters) is None:
        raise SettingsError(
            f"The parameters of '{feature_set}' are the course's own: there is nothing to tune."
        )
    if through > settings.last_partition:
        raise SettingsError(
            f"{service} has months up to {settings.last_partition}, and {through} is after that: "
            "see DURATION_LAST_MONTH."
        )
    candidate = Candidate(feature_set, settings.window_of(feature_set))
    earliest = settings.first_month_of(service)
    planned = [
        (candidate, fold)
        for month in tuning_months(through, count)
        for fold in folds(month, month, candidate.window, earliest)
    ]
    return trials_on(planned, service, settings)


def search_key(trials: Sequence[Trial], rows: int | None) -> str:
    """Return what is the same for searches whose trials can be compared, and for no others."""
    made_from = {
        "months": [trial.made_from for trial in trials],
        "rows": rows,
        "space": SPACE_VERSION,
        "seed": SEED,
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


@dataclass
class TuningMonths:
    """Judges parameters on months.

    Attributes:
        trials: the windows and the months after them.
        work: what is the same for all of them; its scratch folder holds the matrices.
        encoding: told of a month before it is encoded.
    """

    trials: Sequence[Trial]
    work: Work
    encoding: Callable[[Month], None]
    _encoded: dict[int, EncodedTrial] = field(default_factory=dict, init=False)
    _matrices: dict[tuple[int, int], xgboost.DMatrix] = field(default_factory=dict, init=False)

    def rmse(self, number: int, parameters: Mapping[str, Any]) -> float:
        """Fit on the window of a month, as models are fitted, and return the RMSE on the month."""
        from duration_assets.modelling.training import fit_mean
        from duration_assets.modelling.window_sizes import for_window

        encoded = self._month(number)
        matrix = self._window(number, encoded, parameters["max_bin"])
        told = for_window(parameters, matrix.num_row())
        return encoded.judge(fit_mean(matrix, self.work.threads, told))["rmse"]

    def _month(self, number: int) -> EncodedTrial:
        if number not in self._encoded:
            trial = self.trials[number]
            self.encoding(trial.fold.validation_month)
            folder = Path(self.work.scratch) / str(number)
            folder.mkdir(parents=True)
            work = replace(self.work, window=trial.window, judged=trial.judged)
            self._encoded[number] = encode(work, folder)
        return self._encoded[number]

    def _window(self, number: int, encoded: EncodedTrial, bins: int) -> xgboost.DMatrix:
        from duration_assets.modelling.matrices import TRAINING
        from duration_assets.modelling.quantile_matrix import quantile_matrix
        from duration_assets.modelling.window_sizes import LARGE_WINDOW

        if (number, bins) in self._matrices:
            return self._matrices[number, bins]
        matrix = quantile_matrix(encoded.parts[TRAINING], self.work.threads, bins)
        # Larger ones of several months would not fit into memory side by side.
        if matrix.num_row() <= LARGE_WINDOW:
            self._matrices[number, bins] = matrix
        return matrix
