"""Options that several commands have, and the settings that follow from them."""

from __future__ import annotations

from typing import Any

import click

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.setting_values import FEATURE_SETS
from duration_assets.settings import Settings, check_feature_set

service_option = click.option(
    "--service", default="green", show_default=True, help=", ".join(SERVICES)
)
feature_set_option = click.option(
    "--feature-set", default="metered", show_default=True, help=", ".join(FEATURE_SETS)
)
json_option = click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")


class MonthType(click.ParamType[Month]):
    """A month, written as 2023-01."""

    name = "month"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Month:
        """Read a month; click says what is wrong with it, and of which option."""
        if isinstance(value, Month):
            return value
        try:
            return Month.parse(value)
        except SettingsError as error:
            self.fail(str(error), parameter, context)


MONTH = MonthType()


def settings_for(service: str, feature_set: str, window: int | None = None) -> Settings:
    """Read the settings, with what a command asks for switched on.

    Raises:
        SettingsError: if a value cannot be used.
    """
    changes: dict[str, Any] = {} if window is None else {"window": window}
    settings = Settings.load(**changes)
    check_feature_set(service, feature_set)
    return Settings.load(
        **changes,
        services=sorted({*settings.services, service}),
        feature_sets=sorted({*settings.feature_sets, feature_set}),
    )
