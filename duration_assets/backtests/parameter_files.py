"""Parameters of XGBoost for a candidate, read from a JSON file that says what is to be others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from duration_assets.errors import SettingsError
from duration_assets.modelling.backtesting import USUAL, ParameterSet

TUNABLE = (
    "colsample_bylevel",
    "colsample_bynode",
    "colsample_bytree",
    "gamma",
    "grow_policy",
    "huber_slope",
    "learning_rate",
    "max_bin",
    "max_delta_step",
    "max_depth",
    "max_leaves",
    "min_child_weight",
    "objective",
    "reg_alpha",
    "reg_lambda",
    "seed",
    "subsample",
)
"""By XGBoost's own names, each by one: `eta` beside `learning_rate` would leave one of them out."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read_parameter_sets(given: Iterable[str]) -> list[ParameterSet]:
    """Read files of parameters.

    Args:
        given: paths, or `default` for the parameters that the models are trained with; nothing
            stands for that too.

    Raises:
        SettingsError: if a file cannot be used, naming it and what is wrong.
    """
    found: dict[str, ParameterSet] = {}
    for each in given:
        parameters = ParameterSet() if each == USUAL else read_parameters(Path(each))
        if parameters.name in found:
            raise SettingsError(
                f"There are two sets of parameters called '{parameters.name}': give one of the "
                "files another name."
            )
        found[parameters.name] = parameters
    return list(found.values()) or [ParameterSet()]


def read_parameters(path: Path) -> ParameterSet:
    """Read a file of parameters, whose name without its ending names them.

    Raises:
        SettingsError: if it cannot be used, saying why.
    """
    try:
        return ParameterSet(_checked_name(path), _checked(_load(path)))
    except SettingsError as error:
        raise SettingsError(f"The parameters in {path} cannot be used: {error}") from error


def _load(path: Path) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise SettingsError(f"{constant} is no number.")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as error:
        raise SettingsError(f"it cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SettingsError(f"it is no JSON ({error}).") from error


def _checked_name(path: Path) -> str:
    if path.stem == USUAL:
        raise SettingsError(
            f"'{USUAL}' stands for the parameters that the models are trained with: give the file "
            "another name."
        )
    if not _NAME.fullmatch(path.stem):
        raise SettingsError(
            "its name goes into the report: let it start with a letter or digit, and have letters, "
            "digits, dots, hyphens and underscores alone."
        )
    return path.stem


def _checked(content: Any) -> dict[str, Any]:
    from duration_assets.modelling.training import check_overrides

    if not isinstance(content, dict):
        raise SettingsError('it must hold one JSON object, such as {"max_depth": 9}.')
    if unknown := sorted(content.keys() - set(TUNABLE)):
        raise SettingsError(
            f"{', '.join(unknown)} cannot be set here. What can be: {', '.join(TUNABLE)}."
        )
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise SettingsError(f"{name} must be a number or a word, and it is {value!r}.")
    check_overrides(content)
    return content
