"""Every environment variable that the project reads, typed, with its default.

No other module looks at the environment for a setting. Values are read when `Settings()` is made,
never at import. The variables start with `DURATION_`, but for Dagster's and MLflow's own.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from duration_assets.addresses import without_secrets
from duration_assets.drift_settings import DriftSettings
from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import SERVICES, service_named
from duration_assets.setting_values import FeatureSets, FirstMonths, Services, SettingMonth

TLC_BUCKET = "https://d37ci6vzurychx.cloudfront.net/trip-data/{service}_tripdata_{month}.parquet"
"""Where TLC publishes its files."""
TLC_ZONES = "https://d37ci6vzurychx.cloudfront.net/misc/taxi_zone_lookup.csv"
"""Where TLC publishes the boroughs and names of its zones."""

# Months appear at the source once a month; somebody who puts one into a folder waits for it.
_LOOK_AT_A_FOLDER, _LOOK_AT_A_BUCKET, _LOOK_AT_THE_WEB = 30, 300, 3600

EARLIEST_DEFAULT_MONTH = "2021-01"


class Settings(DriftSettings):
    """All settings of one process.

    Raises:
        SettingsError: from `Settings.load`, with every value that cannot be used and why.
    """

    model_config = SettingsConfigDict(
        env_prefix="DURATION_",
        # As a file of variables has them that are not set.
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
    )

    home: Path = Field(Path(".duration"), description="Holds everything the project writes.")
    source: str = Field(
        TLC_BUCKET,
        min_length=1,
        description="Where months come from: a folder, a bucket prefix, or a URL template with "
        "{service} and {month}.",
    )
    zones: str | None = Field(
        None,
        min_length=1,
        description="Where the zone lookup is, a path or a URL; by default beside the months.",
    )
    services: Services = Field(["green"], description="The services whose assets are defined.")
    feature_sets: FeatureSets = Field(
        ["metered"], description="The feature sets to train models on."
    )
    first_month: FirstMonths = Field(
        default_factory=dict,
        description="The first partition, for all services (2021-01) or each (green=2021-01,…).",
    )
    last_month: SettingMonth = Field(
        None, description="The last partition; by default the last completed month."
    )
    window: int = Field(12, ge=1, le=24, description="Months that a model trains on.")
    max_training_rows: int | None = Field(
        None, ge=1_000, description="Trips a model trains on at most: a sample, always the same."
    )
    parameters: Path | None = Field(
        None,
        description="JSON file of XGBoost's parameters by feature set, as `tune` writes it; by "
        "default those that come with the project.",
    )
    keep_matrices: int = Field(
        2, ge=0, description="Used matrices that are kept; older ones are made again when asked."
    )
    champion_margin: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="By what share of the champion's RMSE a challenger's has to be smaller.",
    )
    champion_confidence: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="In what share of the months drawn from a month's days it has to be better.",
    )
    champion_slice_share: float = Field(
        0.05, gt=0, le=1, description="A slice with that share of the trips has weight."
    )
    champion_slice_limit: float = Field(
        0.05, ge=0, description="By what share the RMSE of a slice of weight may get worse."
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Threads for one run."
    )
    sensors: bool = Field(
        True, description="Whether the daemon looks for new and changed months by itself."
    )
    lock_timeout: float = Field(
        600.0, ge=0, description="Seconds to wait for another writer of the same partition."
    )
    source_timeout: float = Field(
        60.0, gt=0, description="Seconds without an answer after which a download is tried again."
    )
    source_attempts: int = Field(
        4, ge=1, le=10, description="How often a download is tried before it counts as failed."
    )
    look_every: int | None = Field(
        None,
        ge=1,
        description="Seconds between two looks for new months at the source; by default 30 for a "
        "folder, 300 for a bucket and 3600 for a web server.",
    )
    land_all: bool = Field(
        False, description="Land every month at the source by itself, not the newest window only."
    )
    champion_every: float = Field(
        10.0, gt=0, description="Seconds between two looks of `serve` for another champion."
    )
    host: str = Field("127.0.0.1", description="The address that `dev` serves the web pages on.")
    dagster_port: int = Field(3000, ge=1, le=65535, description="Port of Dagster's web UI.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of MLflow's web UI.")
    alert_webhook: SecretStr | None = Field(
        None,
        min_length=1,
        description="Web address that is told of runs that failed; by default the log is.",
    )
    dagster_url: str | None = Field(
        None, description="Address of Dagster's web UI in links; by default the one `dev` serves."
    )
    mlflow_url: str | None = Field(
        None, description="Address of MLflow's web UI in links; by default the one `dev` serves."
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        validation_alias=AliasChoices("mlflow_tracking_uri", "MLFLOW_TRACKING_URI"),
        description="MLflow's store; by default an SQLite file in the home.",
    )
    dagster_home: Path | None = Field(
        None,
        validation_alias=AliasChoices("dagster_home", "DAGSTER_HOME"),
        description="Dagster's own home; by default `dagster` in the home.",
    )
    dagster_postgres_url: SecretStr | None = Field(
        None,
        min_length=1,
        description="PostgreSQL database of Dagster; by default SQLite files in Dagster's home.",
    )

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the environment; `overrides` win.

        Raises:
            SettingsError: naming every variable with a value that cannot be used.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            lines = [_explain(item) for item in error.errors()]
            raise SettingsError("\n".join(lines)) from None

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for feature_set in self.feature_sets:
            for name in self.services:
                check_feature_set(name, feature_set)
        return self

    @model_validator(mode="after")
    def _check_months(self) -> Self:
        for name in self.services:
            earliest = SERVICES[name].first_month
            first = self.first_month_of(name)
            if first < earliest:
                raise SettingsError(
                    f"DURATION_FIRST_MONTH is {first}, but the {name} service can be used from "
                    f"{earliest} on: set it to {earliest} or later."
                )
            if first > self.last_partition:
                raise SettingsError(
                    f"The first month of {name}, {first}, is after the last, "
                    f"{self.last_partition}: see DURATION_FIRST_MONTH and DURATION_LAST_MONTH."
                )
        return self

    @model_validator(mode="after")
    def _make_absolute(self) -> Self:
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        if self.home.exists() and not self.home.is_dir():
            raise SettingsError(
                f"DURATION_HOME is {self.home}, which is a file: set it to a folder, which is made "
                "if it is not there."
            )
        if "://" not in self.source:
            # Also what a home remembers: the same words name other folders elsewhere.
            here = Path(str(Path.cwd()).replace("{", "{{").replace("}", "}}"))
            object.__setattr__(self, "source", str(here / Path(self.source).expanduser()))
        dagster_home = self.dagster_home or self.home / "dagster"
        object.__setattr__(self, "dagster_home", dagster_home.expanduser().absolute())
        if self.parameters is not None:
            object.__setattr__(self, "parameters", self.parameters.expanduser().absolute())
        return self

    def first_month_of(self, service: str) -> Month:
        """Return the first partition of a service."""
        fallback = max(Month.parse(EARLIEST_DEFAULT_MONTH), SERVICES[service].first_month)
        return self.first_month.get(service, fallback)

    @property
    def last_partition(self) -> Month:
        """The last month there is a partition for."""
        return self.last_month or Month.of(date.today()).shift(-1)

    def check_training_month(self, service: str, month: Month) -> None:
        """Refuse a month that no model can be trained on and judged on the next.

        Raises:
            SettingsError: if it is before the first month, or has none after it.
        """
        first = self.first_month_of(service)
        if not first <= month < self.last_partition:
            raise SettingsError(
                f"{service} can be trained on months from {first} to "
                f"{self.last_partition.shift(-1)}, and {month} is not among them: a model of a "
                "month is judged on the next. See DURATION_FIRST_MONTH and DURATION_LAST_MONTH."
            )

    def window_of(self, feature_set: str) -> int:
        """Return how many months a model of a feature set trains on: the course's is always 1."""
        return 1 if feature_set == "course" else self.window

    @property
    def seconds_between_looks(self) -> int:
        """How often the source is looked at for new months."""
        protocol, separator, _ = self.source.partition("://")
        usual = _LOOK_AT_THE_WEB if protocol in ("http", "https") else _LOOK_AT_A_BUCKET
        return self.look_every or (usual if separator and protocol != "file" else _LOOK_AT_A_FOLDER)

    @property
    def tracking_uri(self) -> str:
        """The address of MLflow's store."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def dagster_ui(self) -> str:
        """The address of Dagster's web UI, without a slash at its end."""
        return (self.dagster_url or f"http://{self.host}:{self.dagster_port}").rstrip("/")

    @property
    def mlflow_ui(self) -> str:
        """The address of MLflow's web UI, without a slash at its end."""
        served = f"http://{self.host}:{self.mlflow_port}"
        if self.mlflow_tracking_uri and self.mlflow_tracking_uri.startswith("http"):
            # The address goes into metadata.
            served = without_secrets(self.mlflow_tracking_uri)
        return (self.mlflow_url or served).rstrip("/")


def check_feature_set(service: str, feature_set: str) -> None:
    """Refuse a feature set that needs the distance for a service that publishes none.

    Raises:
        SettingsError: if the two do not go together.
    """
    if feature_set != "request" and service_named(service).distance is None:
        raise SettingsError(
            f"The {service} service publishes no distance, which the feature set '{feature_set}' "
            "needs: use 'request'."
        )


def _explain(item: Any) -> str:
    """Say in one line which variable is wrong and why."""
    if not item["loc"]:
        return str(item["msg"])
    name = str(item["loc"][0])
    variable = name if name.isupper() else f"DURATION_{name.upper()}"
    if (ours := item.get("ctx", {}).get("error")) is not None:
        return f"{variable}: {ours}"
    return f"{variable}: {item['msg']} (it is {item['input']!r})."
