"""The parameters of XGBoost that models are trained with, by feature set, and what they know.

They stand in a JSON file of the package, or in one that a setting names. How they are found belongs
to `tuning.py`, and what is done with them to `training.py`.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from duration_assets.errors import SettingsError
from duration_assets.months import Month

FIXED: dict[str, Any] = {"objective": "reg:squarederror", "tree_method": "hist", "seed": 42}
"""What is the same for all, unless a file says otherwise."""

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
    "rounds",
    "seed",
    "subsample",
)
"""By XGBoost's own names, each by one: `eta` beside `learning_rate` would leave one of them out.
`rounds`, the number of trees, is told XGBoost apart."""

ROUNDS = "rounds"
"""Among the parameters, how many trees are made."""

SHIPPED = "tuned_parameters.json"
"""The file of the package, beside this module."""

_REQUIRED = ("learning_rate", "max_depth", "max_bin")
"""What training itself looks at, and what has no default here."""


@dataclass(frozen=True)
class TunedParameters:
    """The parameters of a feature set.

    Attributes:
        feature_set: its name.
        found: those that were searched for, by XGBoost's names.
        tuned_through: the last month that had a part in choosing them.
        trials: how many others they were compared with; 0 if they were set by hand.
        source: how they were found, for people.
    """

    feature_set: str
    found: Mapping[str, Any]
    tuned_through: Month
    trials: int
    source: str

    @property
    def parameters(self) -> dict[str, Any]:
        """What the mean model is trained with: XGBoost's parameters, and `rounds`."""
        return {**FIXED, **self.found}

    @property
    def version(self) -> str:
        """Short, and another one where a model would be another, or be tagged otherwise."""
        text = json.dumps([self.parameters, str(self.tuned_through)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in a file for the feature set."""
        return {
            "parameters": dict(self.found),
            "tuned_through": str(self.tuned_through),
            "trials": self.trials,
            "source": self.source,
        }


def tuned_parameters(feature_set: str, file: Path | None = None) -> TunedParameters | None:
    """Return the parameters of a feature set; None for the course's, which has its own.

    Args:
        feature_set: its name.
        file: looked at first; a feature set that it does not have, has the package's.

    Raises:
        SettingsError: if the file cannot be used, saying why.
    """
    if feature_set not in shipped():
        return None
    read = {} if file is None else read_tuned(file)
    return read.get(feature_set, shipped()[feature_set])


def parameters_of(feature_set: str, file: Path | None = None) -> dict[str, Any]:
    """Return what XGBoost is told for a feature set; see `tuned_parameters`. Nothing for course."""
    tuned = tuned_parameters(feature_set, file)
    return {} if tuned is None else tuned.parameters


def tuned_through(feature_set: str, file: Path | None = None) -> str | None:
    """Return the last month that had a part in choosing parameters; None for the course's."""
    tuned = tuned_parameters(feature_set, file)
    return None if tuned is None else str(tuned.tuned_through)


def rounds_apart(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return what XGBoost takes as its parameters, and the rounds, which it is told beside them."""
    told = dict(parameters)
    rounds = told.pop(ROUNDS)
    return told, rounds


@cache
def shipped() -> dict[str, TunedParameters]:
    """Return the parameters of the package by feature set."""
    path = importlib.resources.files("duration_assets.modelling") / SHIPPED
    return _parse(path.read_text(encoding="utf-8"))


def read_tuned(file: Path) -> dict[str, TunedParameters]:
    """Read a file of parameters by feature set.

    A feature set without `rounds`, which were no parameter once, has the package's.

    Raises:
        SettingsError: if it cannot be used, saying why.
    """
    try:
        read = _parse(read_text(file))
        if unknown := sorted(read.keys() - shipped().keys()):
            raise SettingsError(
                f"{', '.join(unknown)}: there is no such feature set with parameters. There are "
                f"{', '.join(shipped())}."
            )
        return {name: _with_rounds(each) for name, each in read.items()}
    except SettingsError as error:
        raise SettingsError(
            f"The parameters in {file} cannot be used: {error} `duration-prediction tune` writes "
            "such files."
        ) from error


def found_beside(
    reference: TunedParameters,
    found: Mapping[str, Any],
    through: Month,
    trials: int,
    source: str,
) -> TunedParameters:
    """Return what a search found, with what it was tried with and did not search for.

    Args:
        reference: the parameters that the search began with; what it knows is not forgotten.
        found: what was searched for.
        through: the last month that was searched on.
        trials: how many there were.
        source: how they were found, for people.
    """
    return TunedParameters(
        reference.feature_set,
        {**reference.found, **found},
        max(through, reference.tuned_through),
        trials,
        source,
    )


def as_text(tuned: Mapping[str, TunedParameters]) -> str:
    """Return parameters by feature set as the text of a file, which `read_tuned` reads."""
    return json.dumps({name: each.as_dict() for name, each in tuned.items()}, indent=1) + "\n"


def read_text(file: Path) -> str:
    """Read a file that a person named.

    Raises:
        SettingsError: if it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SettingsError(f"it is no JSON ({error}).") from error


def load_json(text: str) -> Any:
    """Read JSON as it is defined: without NaN and infinities.

    Raises:
        SettingsError: if it is none.
    """

    def refuse(constant: str) -> NoReturn:
        raise SettingsError(f"{constant} is no number.")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise SettingsError(f"it is no JSON ({error}).") from error


def check_parameters(content: Any) -> dict[str, Any]:
    """Refuse what can be no parameters; what XGBoost makes of the values is its own matter.

    Raises:
        SettingsError: saying what is wrong.
    """
    if not isinstance(content, dict):
        raise SettingsError('it must hold one JSON object, such as {"max_depth": 9}.')
    if unknown := sorted(content.keys() - set(TUNABLE)):
        raise SettingsError(
            f"{', '.join(unknown)} cannot be set here. What can be: {', '.join(TUNABLE)}."
        )
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise SettingsError(f"{name} must be a number or a word, and it is {value!r}.")
    rounds = content.get(ROUNDS, 1)
    if not isinstance(rounds, int) or rounds < 1:
        raise SettingsError(f"rounds must be a whole number from 1 on, and it is {rounds!r}.")
    return content


def _with_rounds(tuned: TunedParameters) -> TunedParameters:
    usual = shipped()[tuned.feature_set].found[ROUNDS]
    return replace(tuned, found={ROUNDS: usual, **tuned.found})


def _parse(text: str) -> dict[str, TunedParameters]:
    content = load_json(text)
    if not isinstance(content, dict):
        raise SettingsError('it must hold a JSON object by feature set, {"metered": …}.')
    return {name: _parse_one(name, each) for name, each in content.items()}


def _parse_one(feature_set: str, content: Any) -> TunedParameters:
    try:
        found = check_parameters(content["parameters"])
        if missing := [name for name in _REQUIRED if name not in found]:
            raise SettingsError(f"{feature_set} lacks {', '.join(missing)}.")
        return TunedParameters(
            feature_set,
            found,
            Month.parse(content["tuned_through"]),
            int(content["trials"]),
            str(content["source"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"{feature_set} must have parameters, tuned_through, trials and source ({error!r})."
        ) from error
