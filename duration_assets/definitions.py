"""Puts everything together for Dagster, which loads `defs`.

`build_definitions` is the seam for tests and the command line: it takes settings and resources and
touches nothing. Loading it imports neither MLflow nor XGBoost nor scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
from dagster._utils.warnings import BetaWarning, PreviewWarning

from duration_assets.assets.champion import build_champion
from duration_assets.assets.champion_by_hand import build_hand_jobs
from duration_assets.assets.cleaned_trips import build_cleaned_trips
from duration_assets.assets.common import Place
from duration_assets.assets.duration_model import build_duration_model
from duration_assets.assets.evaluation import build_evaluation
from duration_assets.assets.raw_trips import build_raw_trips
from duration_assets.assets.training_matrix import build_training_matrix
from duration_assets.assets.validation_matrix import build_validation_matrix
from duration_assets.assets.zone_statistics import build_zone_statistics
from duration_assets.automation.carrying_on import automation_sensor
from duration_assets.automation.conditions import condition_of
from duration_assets.automation.failure_alert import failure_alert
from duration_assets.automation.source_sensor import source_sensor
from duration_assets.automation.standing_check import standing_check
from duration_assets.lineage import Node, data_nodes, feature_set_nodes
from duration_assets.modelling.features import feature_set_named
from duration_assets.progress import LogProgress
from duration_assets.resources.registry import Registry
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.resources.trip_source import TripSource
from duration_assets.resources.zone_lookup import ZoneLookup
from duration_assets.services import service_named
from duration_assets.settings import Settings

MONITORS: dict[str, Callable[[Place], dg.AssetsDefinition]] = {}
"""What builds the assets that watch the champion at work, by the last part of their keys."""


@dg.definitions
def defs() -> dg.Definitions:
    """Build what the settings in the environment ask for; Dagster calls this."""
    return build_definitions(Settings.load())


def build_definitions(
    settings: Settings, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Build assets, checks, jobs and sensors.

    Args:
        settings: which services and feature sets, and all else.
        resources: in place of `build_resources(settings)`.
    """
    with warnings.catch_warnings():
        # Checks by partition and windows that reach before the first month: used knowingly.
        warnings.simplefilter("ignore", PreviewWarning)
        warnings.simplefilter("ignore", BetaWarning)
        return _build(settings, resources)


def _build(settings: Settings, resources: Mapping[str, Any] | None) -> dg.Definitions:
    assets: list[dg.AssetsDefinition] = []
    places: list[Place] = []
    hand_jobs: list[dg.JobDefinition] = []
    sensors: list[dg.SensorDefinition] = [automation_sensor()]
    for service in settings.services:
        raw, cleaned, statistics = _places(data_nodes(service, settings), service, settings)
        places += [raw, cleaned, statistics]
        assets += [
            build_raw_trips(raw),
            build_cleaned_trips(cleaned),
            build_zone_statistics(statistics),
        ]
        sensors.append(source_sensor(raw, job_name(raw.node)))
        for name in settings.feature_sets:
            feature_set = feature_set_named(name)
            nodes = feature_set_nodes(service, name, settings)
            found = _places(nodes, service, settings)
            preprocessor, matrix, model, validation, evaluation, champion, *watching = found
            places += found
            assets += [
                build_training_matrix(preprocessor, matrix, feature_set),
                build_duration_model(model, feature_set),
                build_validation_matrix(validation),
                build_evaluation(evaluation, feature_set),
                build_champion(champion),
                *(MONITORS[place.node.key.rpartition("/")[2]](place) for place in watching),
            ]
            hand_jobs += build_hand_jobs(champion)
    jobs = _jobs(places)
    sensors += [standing_check(settings, jobs), failure_alert(settings)]
    return dg.Definitions(
        assets=assets,
        jobs=[*jobs, *hand_jobs],
        sensors=sensors if settings.sensors else [],
        resources=dict(resources or build_resources(settings)),
        # A partition's run is a chain of steps: it gains nothing from a process for each.
        executor=dg.in_process_executor,
    )


def build_resources(settings: Settings) -> dict[str, Any]:
    """Build the resources that the settings ask for; nothing is opened or written yet."""
    return {
        "store": Store(settings.home / "store", settings.lock_timeout),
        "trip_source": TripSource(
            settings.source,
            timeout=settings.source_timeout,
            attempts=settings.source_attempts,
        ),
        "zone_lookup": ZoneLookup.of(settings),
        "progress": LogProgress(),
        "tracking": Tracking.of(settings),
        "registry": Registry.of(settings),
    }


def job_name(node: Node) -> str:
    """Return the name of the job that makes an asset's group for a month."""
    return "_".join([*node.key.split("/")[:-1], node.group])


def _places(nodes: list[Node], service: str, settings: Settings) -> list[Place]:
    return [
        Place(
            node,
            service_named(service),
            settings,
            # Dagster adds a sensor of its own for conditions that no sensor looks at.
            condition_of(node, nodes) if settings.sensors else None,
        )
        for node in nodes
    ]


def _jobs(places: list[Place]) -> list[Any]:
    """Return a job for each group of a service or feature set."""
    keys: dict[str, list[dg.AssetKey]] = {}
    for place in places:
        keys.setdefault(job_name(place.node), []).append(
            dg.AssetKey.from_user_string(place.node.key)
        )
    return [
        dg.define_asset_job(name, selection=dg.AssetSelection.assets(*assets))
        for name, assets in keys.items()
    ]
