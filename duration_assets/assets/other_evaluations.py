"""The evaluations that a report compares a model with, as the store holds them at the moment.

They are no inputs: a report that is older than one of them is not out of date, because none of its
own figures depends on them. The partition keeps the data version of each that was shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from duration_assets.assets.common import Place
from duration_assets.modelling.reports.evaluation_report import Others
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store

COURSE = "course"
_MOST_MONTHS = 24


def earlier_evaluations(place: Place, month: Month, store: Store) -> dict[Month, Partition]:
    """Find the evaluations of all months before one, oldest first."""
    earlier = (each for each in store.months(place.node.key) if each < month)
    return {each: found for each in earlier if (found := store.find(place.node.key, each))}


def other_evaluations(
    place: Place,
    month: Month,
    matrix: Partition,
    earlier: Mapping[Month, Partition],
    store: Store,
) -> tuple[Others, dict[str, str]]:
    """Find the evaluations to show beside that of a month.

    Args:
        place: of the evaluation.
        month: the month.
        matrix: the validation matrix of the month.
        earlier: as of `earlier_evaluations`; the newest of them are shown.
        store: where the partitions are.

    Returns:
        Their metrics, and the data version of each by its partition's name.
    """
    before = dict(list(earlier.items())[-_MOST_MONTHS:])
    course, note = _of_the_course(place, month, matrix, store)
    shown = [*before.values(), *([course] if course else [])]
    others = Others(
        {each: found.summary["metrics"] for each, found in before.items()},
        course.summary["metrics"] if course else None,
        note,
    )
    return others, {found.name: found.data_version for found in shown}


def _of_the_course(
    place: Place, month: Month, matrix: Partition, store: Store
) -> tuple[Partition | None, str]:
    """Return the evaluation of the course's model on the same trips, or why there is none."""
    service = place.service.name
    own = f"{service}/{COURSE}/evaluation"
    if COURSE not in place.settings.feature_sets or place.node.key == own:
        return None, ""
    found = store.find(own, month)
    if found is None:
        return None, (
            f"The course's model is left out: the store held no evaluation of it on {month} when "
            "this report was made."
        )
    trips = f"{service}/cleaned_trips@{month}"
    its_matrix = store.find(f"{service}/{COURSE}/validation_matrix", month)
    is_about_it = its_matrix and found.inputs.get(its_matrix.name) == its_matrix.data_version
    if its_matrix and is_about_it and its_matrix.inputs[trips] == matrix.inputs[trips]:
        return found, ""
    return None, (
        f"The course's model is left out: it was judged on other trips of {month}, before the "
        "month changed."
    )
