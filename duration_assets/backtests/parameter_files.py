"""Parameters of XGBoost for a candidate, read from a JSON file that says what is to be others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from duration_assets.errors import SettingsError
from duration_assets.modelling.backtesting import USUAL, ParameterSet
from duration_assets.modelling.parameters import (
    check_parameters,
    load_json,
    read_text,
    shipped,
)

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
        return ParameterSet(_checked_name(path), _checked(load_json(read_text(path))))
    except SettingsError as error:
        raise SettingsError(f"The parameters in {path} cannot be used: {error}") from error


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
    from duration_assets.modelling.boosting import check_with_xgboost

    parameters = check_parameters(content)
    for tuned in shipped().values():
        check_with_xgboost({**tuned.parameters, **parameters})
    return parameters
