"""What a training was made from and what it gave, in a small JSON file beside the model.

It holds all that it takes to train the model again and to see whether it became the same one; the
model's card is written from it. How it is logged and read back belongs elsewhere.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Self

from duration_assets.errors import BadFileError

RECORD_FILE, CARD_FILE = "inputs.json", "model_card.md"
"""The names of the record and of the card that is written from it, in MLflow and in the partition.
"""

PACKAGES = (
    "duration_assets",
    "holidays",
    "mlflow",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "xgboost",
)
"""What a model is made with."""

_FORMAT = 1
"""Raised when the file changes so that it cannot be read as before."""


@dataclass(frozen=True)
class MonthRecord:
    """One month of a training window.

    Attributes:
        month: the month.
        raw: SHA-256 of the published file; None if the month was published again while the model
            was made, and it is not known which file its trips came from.
        cleaned: data version of the cleaned trips.
        statistics: data version of the zone statistics; None for a feature set without them.
        kept: kept trips; None where `raw` is.
        other_months: how many of these were picked up outside the month of the file; likewise.
    """

    month: str
    raw: str | None
    cleaned: str
    statistics: str | None
    kept: int | None
    other_months: int | None


@dataclass(frozen=True)
class TrainingRecord:
    """One training.

    Attributes:
        service: the service's name.
        feature_set: the feature set's name.
        months: the window, oldest first; the last is the training month.
        simulated: whether any of the trips are simulated.
        sampled: whether it was trained on a sample of the window.
        trips: how many trips it was trained on.
        features: names of the features; one that became a column for each value stands here once.
        columns: how many columns the matrix had.
        home: the home folder.
        source: where the months came from, without passwords.
        settings: the settings that shape a model: `window`, `max_training_rows` and `threads`.
        code_versions: of the steps, by the last part of their asset's key.
        packages: versions of Python and of `PACKAGES`.
        machine: operating system and processor architecture.
        parameters: what XGBoost was given, without the numbers of threads and of rounds.
        rounds: how many trees there are.
        metrics: errors on the window and on its end, in minutes.
        content: SHA-256 of the booster's and the preprocessor's file, one after the other.
        tuned_through: the last month that had a part in choosing the parameters; None for the
            course's, and for what was trained before that was written down.
        usual: the parameters that the feature set had, from which `parameters` and `rounds` follow
            by the size of the window; None for what was trained before that was written down.
    """

    service: str
    feature_set: str
    months: tuple[MonthRecord, ...]
    simulated: bool
    sampled: bool
    trips: int
    features: tuple[str, ...]
    columns: int
    home: str
    source: str
    settings: dict[str, int | None]
    code_versions: dict[str, str]
    packages: dict[str, str]
    machine: str
    parameters: dict[str, Any]
    rounds: int
    metrics: dict[str, float]
    content: str
    tuned_through: str | None = None
    usual: dict[str, Any] | None = None

    @property
    def training_month(self) -> str:
        """The last month of the window."""
        return self.months[-1].month

    def as_json(self) -> str:
        """Return it as text, which `from_json` reads."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote.

        Raises:
            BadFileError: if it is damaged, or of a version that this one cannot read.
        """
        try:
            content = json.loads(text)
            written = content.pop("format")
            if written != _FORMAT:
                raise BadFileError(
                    f"It has format {written}, and this version of the project reads format "
                    f"{_FORMAT}: use the version that wrote it."
                )
            months = tuple(MonthRecord(**month) for month in content.pop("months"))
            features = tuple(content.pop("features"))
            return cls(months=months, features=features, **content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadFileError(f"It is damaged ({error}).") from error


def distinct_features(columns: list[str]) -> tuple[str, ...]:
    """Return the features that columns stand for: `PU_DO` for `PU_DO=43_151` and all like it."""
    return tuple(dict.fromkeys(column.partition("=")[0] for column in columns))


def packages_now() -> dict[str, str]:
    """Return the versions of Python and of `PACKAGES` in this process."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def machine_now() -> str:
    """Return the operating system and the processor architecture that this process runs on."""
    return f"{platform.system()} {platform.machine()}"
