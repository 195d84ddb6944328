"""Which values settings take, and how variables hold them, where pydantic does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import SERVICES, service_named

FEATURE_SETS = ("course", "metered", "request")
"""The feature sets there are: see `duration_assets.modelling.features`."""


def split_names(value: Any) -> Any:
    """Turn `green,yellow` into a list, as a person writes it in an environment variable."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


@contextmanager
def _named() -> Iterator[None]:
    """Let pydantic say which variable is wrong, and go on to the others: it knows ValueError."""
    try:
        yield
    except SettingsError as error:
        raise ValueError(str(error)) from None


@_named()
def parse_month(value: Any) -> Any:
    """Turn `2023-01` into a month."""
    return Month.parse(value) if isinstance(value, str) else value


@_named()
def parse_first_months(value: Any) -> Any:
    """Turn `2021-01` or `green=2021-01,yellow=2022-06` into a month for each service."""
    if not isinstance(value, str):
        return value
    months: dict[str, Month] = {}
    for part in split_names(value):
        name, _, text = part.rpartition("=")
        if name:
            months[service_named(name.strip()).name] = Month.parse(text)
        else:
            months = {service: Month.parse(text) for service in SERVICES} | months
    return months


@_named()
def check_services(names: list[str]) -> list[str]:
    """Refuse what is no service."""
    return [service_named(name).name for name in names]


@_named()
def check_feature_sets(names: list[str]) -> list[str]:
    """Refuse what is no feature set."""
    for name in names:
        if name not in FEATURE_SETS:
            known = ", ".join(FEATURE_SETS)
            raise SettingsError(f"There is no feature set '{name}': choose one of {known}.")
    return names


_Names = Annotated[list[str], NoDecode, BeforeValidator(split_names)]
Services = Annotated[_Names, AfterValidator(check_services)]
FeatureSets = Annotated[_Names, AfterValidator(check_feature_sets)]
SettingMonth = Annotated[Month | None, BeforeValidator(parse_month)]
FirstMonths = Annotated[dict[str, Month], NoDecode, BeforeValidator(parse_first_months)]
