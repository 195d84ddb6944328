from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from duration_assets.modelling.feature_descriptions import NOT_DESCRIBED, describe_feature
from duration_assets.modelling.features import FEATURE_SETS, feature_names
from duration_assets.modelling.model_card import CardFacts, MonthAfter, card_beginning, model_card
from duration_assets.modelling.parameters import parameters_of
from duration_assets.modelling.training_record import TrainingRecord
from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets_tests.trainings import RUN_ID, month_record, training

METRICS = {
    "rmse": 4.4,
    "mae": 2.9,
    "bias": -0.1,
    "share_within_5_minutes": 0.85,
    "all_trips_rmse": 9.5,
    "baseline_pair_median_rmse": 7.25,
}
TWO_YEARS = list(Month(2021, 3).through(Month(2023, 2)))


def facts(record: TrainingRecord, after: MonthAfter | None = None) -> CardFacts:
    name = f"{record.service}-{record.feature_set}-duration"
    return CardFacts(record, RUN_ID, "models:/m-1", name, after)


def month_after(earlier: int) -> MonthAfter:
    months = list(Month(2022, 1).through(Month(2022, 12)))[:earlier]
    return MonthAfter(
        "2023-03",
        METRICS,
        {str(month): {**METRICS, "rmse": 4.0 + n} for n, month in enumerate(months)},
    )


def card(feature_set: str = "metered", **changes: Any) -> str:
    return model_card(facts(training(feature_set, **changes)))


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
@pytest.mark.parametrize("earlier", [None, 0, 1, 12])
@pytest.mark.parametrize("months", [TWO_YEARS, TWO_YEARS[-1:]])
def test_no_card_shows_a_missing_value_or_a_loose_end(
    feature_set: str, earlier: int | None, months: list[Month]
) -> None:
    judged = None if earlier is None else month_after(earlier)
    known = training(feature_set, months)
    unknown = replace(known.months[0], raw=None, kept=None, other_months=None)
    for record in (known, replace(known, months=(unknown, *known.months[1:]))):
        for text in (model_card(facts(record, judged)), card_beginning(facts(record, judged))):
            assert not re.search(r"\bNone\b|\bnan\b|\{|\}|\[\]|  |\.\.", without_source(text))
            tables = [line for line in text.splitlines() if line.startswith("|")]
            assert all(line.endswith(" |") and "|  |" not in line for line in tables)


def without_source(text: str) -> str:
    return text.replace("https://there/{service}_{month}.parquet", "there")


def test_a_card_says_what_the_model_is_and_how_to_load_it() -> None:
    text = card()
    assert text.startswith("# green/metered, trained up to 2023-02\n")
    assert "how long a trip takes from pickup to dropoff, in minutes." in text
    assert "Green taxi (`green`)." in text
    assert "`metered`, pickup time, zones described by past trips, and the metered" in text
    assert "gradient-boosted trees, 143 rounds." in text
    assert 'mlflow.pyfunc.load_model("models:/m-1")' in text
    assert "registered as `green-metered-duration`" in text
    assert f"`duration-prediction reproduce {RUN_ID}`" in text
    rate = parameters_of("metered")["learning_rate"]
    assert f"| `learning_rate` | {rate} |" in text
    assert "| rounds | 143 |" in text


def test_a_card_names_the_file_and_the_kept_trips_of_each_month() -> None:
    text = card()
    for month in training().months:
        assert f"| {month.month} | {month.kept:,} | `{month.raw}` |" in text
    assert "TLC's files of 2 months, 2023-01 to 2023-02: all trips of 1 to 60 minutes," in text
    assert "120,003." in text
    assert "TLC's files of 1 month, 2023-02: all trips" in card(months=[Month(2023, 2)])
    assert "https://there/{service}_{month}.parquet" in text


def test_a_card_says_so_where_trips_are_simulated_or_a_sample() -> None:
    assert "SIMULATED" not in card()
    simulated = card(simulated=True)
    assert "**SIMULATED trips went into this model: its figures say nothing about" in simulated
    assert "The trips are this project's own simulation." in simulated
    assert "TLC's files" not in simulated
    assert "a sample of the trips of 1 to 60 minutes" in card(sampled=True)


def test_a_file_that_is_not_known_is_said_to_be_so() -> None:
    unknown = replace(month_record(Month(2023, 2)), raw=None, kept=None, other_months=None)
    record = replace(training(), months=(unknown,))
    assert "| 2023-02 | not known | not known |" in model_card(facts(record))


def test_every_feature_has_one_line_and_a_course_pair_has_one_for_all() -> None:
    for name, feature_set in FEATURE_SETS.items():
        text = card(name)
        wanted = training(name).features
        described = [describe_feature(feature) for feature in wanted]
        assert NOT_DESCRIBED not in described
        assert len(set(described)) == len(wanted)
        for feature in wanted:
            assert f"| `{feature}` | {describe_feature(feature)} |" in text
        if feature_set.uses_zone_statistics:
            assert wanted == tuple(feature_names(feature_set))
    assert "| `PU_DO` | Pickup and dropoff zone together" in card("course")
    assert "PU_DO=" not in card("course")


def test_a_feature_without_a_description_is_said_to_have_none() -> None:
    text = model_card(facts(replace(training(), features=("weather",))))
    assert "| `weather` | not described |" in text


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_the_limits_are_those_of_the_feature_set(feature_set: str) -> None:
    text = card(feature_set)
    assert "Only trips of 1 to 60 minutes were kept for training: it knows nothing of" in text
    assert "Zones are TLC's ids, 1 to 265." in text
    assert "14 of the window's kept trips say that they began in another month" in text
    assert "It knows nothing of weather, events" in text
    metered = "It needs the metered distance, which is known only after the trip"
    assert (metered in text) is (feature_set != "request")
    unseen = "Of a pair of zones that did not occur in the window it knows nothing"
    assert (unseen in text) is (feature_set == "course")
    assert ("RMSE 4.500 minutes" in text) is (feature_set != "course")


def test_what_should_be_known_of_a_service_stands_in_its_cards() -> None:
    record = replace(training(), service="yellow")
    assert SERVICES["yellow"].note in model_card(facts(record))


def test_errors_come_in_as_they_are_known() -> None:
    before = card()
    assert "RMSE 3.250, MAE 2.125 minutes" in before
    assert "not judged when this card was written" in before
    alone = model_card(facts(training(), month_after(0)))
    assert "not judged" not in alone
    assert "On 2023-03, the month after, which it has never seen:" in alone
    assert "| RMSE, minutes | 4.400 |\n" in alone
    one = model_card(facts(training(), month_after(1)))
    assert "beside 1 earlier model of this feature set" in one
    assert "| RMSE, minutes | 4.400 | 4.000 | one alone | 4.000 | 4.000 |" in one
    three = model_card(facts(training(), month_after(3)))
    assert "beside 3 earlier models of this feature set" in three
    assert "(2022-01 to 2022-03)" in three
    assert "| RMSE, minutes | 4.400 | 5.000 | 1.000 | 4.000 | 6.000 |" in three


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_the_beginning_fits_into_mlflows_descriptions_and_says_where_the_rest_is(
    feature_set: str,
) -> None:
    record = replace(training(feature_set, TWO_YEARS), service="yellow", simulated=True)
    every = {f"metric_{n}": 1.0 for n in range(20)} | dict.fromkeys(METRICS, 12.345)
    judged = MonthAfter("2023-03", every, {str(month): every for month in TWO_YEARS})
    beginning = card_beginning(facts(record, judged))
    assert len(beginning) < 5_000
    assert beginning.endswith(f"is the artifact `model_card.md` of the run `{RUN_ID}`.\n")
    whole = model_card(facts(record, judged))
    assert whole.startswith(beginning.rpartition("\n\n")[0])


def test_the_same_facts_give_the_same_card() -> None:
    assert card() == card()
