from __future__ import annotations

import pandas as pd
import pytest

from duration_assets import exploring
from duration_assets.asking import explanation, model_in_use
from duration_assets.resources.registry import CHAMPION, registered_name
from duration_assets_tests.homes import Home
from duration_assets_tests.months import FEBRUARY, JANUARY, MARCH

NAME = registered_name("green", "metered")


@pytest.fixture
def home(filled: Home, monkeypatch: pytest.MonkeyPatch) -> exploring.Home:
    monkeypatch.setenv("DURATION_HOME", str(filled.settings.home))
    return exploring.Home.open()


def test_without_a_champion_the_newest_judged_model_answers_and_says_how_to_get_one(
    home: exploring.Home,
) -> None:
    found = model_in_use(home)
    assert not found.is_champion
    assert found.training_month == FEBRUARY
    assert f"There is no champion of {NAME} yet" in str(found)
    assert "duration-prediction promote" in str(found)


def test_the_champion_answers_also_where_a_newer_model_was_judged(
    home: exploring.Home, filled: Home
) -> None:
    client = filled.tracking._client()
    client.set_registered_model_alias(NAME, CHAMPION, "1")
    try:
        found = model_in_use(home)
    finally:
        client.delete_registered_model_alias(NAME, CHAMPION)
    assert found.is_champion
    assert str(found) == f"The champion is {NAME}/1, trained up to 2023-01."
    by_month = home.predictions(JANUARY, MARCH)
    pd.testing.assert_frame_equal(home.predictions(found.model, MARCH), by_month)


def test_the_parts_of_a_prediction_add_up_to_it(home: exploring.Home) -> None:
    model = home.model(FEBRUARY)
    trips = home.predictions(model, MARCH).head(3)
    for row in range(len(trips)):
        parts = explanation(model, trips[row : row + 1])
        assert parts.sum() == pytest.approx(trips["predicted"].iloc[row], abs=1e-3)
        assert parts.index[0] == "mean prediction"
        assert list(parts[1:].abs()) == sorted(parts[1:].abs(), reverse=True)
        assert set(parts.index[1:]) == set(model.preprocessor.feature_names)
