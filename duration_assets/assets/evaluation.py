"""`evaluation`: how well the model of the month before predicts a month."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import describe_table, result
from duration_assets.assets.model_records import log_judged_card
from duration_assets.assets.other_evaluations import earlier_evaluations, other_evaluations
from duration_assets.assets.validation_matrix import TRIPS_FILE, VALIDATION
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.baselines import LINEAR_FILE, MEDIANS_FILE, Baselines
from duration_assets.modelling.features import FeatureSet, feature_names
from duration_assets.modelling.histograms import HISTOGRAMS_FILE, judged_histogram
from duration_assets.modelling.judging import Judgement, judge, score_trips
from duration_assets.modelling.matrix_files import StoredExamples
from duration_assets.modelling.reports.errors_by_slice import SLICES_FILE, Zones
from duration_assets.modelling.reports.evaluation_report import Subject, evaluation_report
from duration_assets.modelling.reports.report import Report
from duration_assets.modelling.zones import LOOKUP_FILE
from duration_assets.resources.files import content_hash
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking
from duration_assets.resources.zone_lookup import NoZonesError, ZoneLookup
from duration_assets.retention import drop_used_matrices

METRICS_FILE, RELIANCE_FILE, REPORT_FILE = "metrics.json", "reliance.json", "report.html"
_SCORED = "scored"


@dataclass(frozen=True)
class _Judged:
    """What a model was found to be: its figures, what it relies on, and some of its trips."""

    judgement: Judgement
    relies_on: dict[str, float] | None
    described: dict[str, Any]


def build_evaluation(place: Place, feature_set: FeatureSet) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "Metrics and a report of the model of the month before, on this month's kept trips "
            "and, as `all_trips_…`, on all trips of 0 to 180 minutes, beside three baselines.",
            {"mlflow"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def evaluation(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
        zone_lookup: dg.ResourceParam[ZoneLookup],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        matrix = inputs["validation_matrix"][month]
        model = inputs["duration_model"][month.shift(-1)]
        zones, zones_from = _find_zones(zone_lookup)
        earlier = earlier_evaluations(place, month, store)
        others, compared_with = other_evaluations(place, month, matrix, earlier, store)
        run_id = model.summary["run_id"]
        subject = Subject(
            place.service,
            feature_set,
            model.summary["window"],
            model.summary["trips"],
            month,
            run_id,
            matrix.simulated or model.simulated,
            model.summary.get("tuned_through"),
        )
        with store.writing(place.node.key, month) as draft, store.reading(matrix):
            judged = _judge(
                feature_set,
                model,
                matrix,
                zones.table,
                draft.folder / _SCORED,
                has_distance=place.service.distance is not None,
            )
            judgement = judged.judgement
            report = evaluation_report(subject, judgement, zones, judged.relies_on, others)
            files = _write(draft.folder, judged, report)
            tracking.log_evaluation(
                run_id,
                metrics=judgement.metrics,
                tags={"validation_month": str(month)},
                files={f"evaluation/{name}": content for name, content in files.items()},
            )
            log_judged_card(tracking, model, month, judgement.metrics, earlier)
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(draft.folder / METRICS_FILE, draft.folder / SLICES_FILE),
                summary={
                    "metrics": judgement.metrics,
                    "run_id": run_id,
                    "zones": zones_from,
                    "compared_with": compared_with,
                },
            )
        drop_used_matrices(store, matrix.asset, place.node, keep=place.settings.keep_matrices)
        return result(
            partition,
            {
                "mlflow_run": dg.MetadataValue.url(tracking.run_url(run_id)),
                "report": dg.MetadataValue.md(report.to_markdown()),
                **judged.described,
                "trips_kept": matrix.summary["kept"],
                **judgement.metrics,
            },
            check_results(place, partition, store),
        )

    return evaluation


def _find_zones(lookup: ZoneLookup) -> tuple[Zones, dict[str, str] | None]:
    """Return the zone lookup for a report, and what the partition keeps of where it came from."""
    try:
        found = lookup.find()
    except NoZonesError as error:
        return Zones(
            None,
            f"The pairs of boroughs are left out. {error}. Put TLC's {LOOKUP_FILE} there, or set "
            "DURATION_ZONES to where it is, and make this evaluation again.",
        ), None
    return (
        Zones(found.table, f"The boroughs are those of {found.address}."),
        {"address": found.address, "sha256": found.sha256},
    )


def _judge(
    feature_set: FeatureSet,
    model: Partition,
    matrix: Partition,
    zones: pl.DataFrame | None,
    scratch: Path,
    *,
    has_distance: bool,
) -> _Judged:
    """Judge a model; what is written to the folder `scratch` is gone afterwards."""
    from duration_assets.modelling.intervals import IntervalModel
    from duration_assets.modelling.model import load_booster
    from duration_assets.modelling.reliance import mean_contributions

    booster = load_booster(model.folder)
    intervals = IntervalModel.load(model.folder)
    baselines = Baselines.load(model.file(MEDIANS_FILE), model.file(LINEAR_FILE))
    examples = StoredExamples(matrix.file(VALIDATION))
    trips = matrix.file(TRIPS_FILE)
    scored = score_trips(booster, intervals, examples, trips, baselines, scratch)
    relies_on = None
    if scored.sample is not None:
        relies_on = mean_contributions(booster, scored.sample, feature_names(feature_set))
    judged = _Judged(
        judge(scored.trips, zones, intervals, has_distance=has_distance),
        relies_on,
        describe_table(scored.trips, matrix.summary["rows"]),
    )
    shutil.rmtree(scratch)
    return judged


def _write(folder: Path, judged: _Judged, report: Report) -> dict[str, bytes]:
    """Write the files of the partition.

    Returns:
        What MLflow gets of them, by name.
    """
    judgement = judged.judgement
    (folder / METRICS_FILE).write_text(json.dumps(judgement.metrics, sort_keys=True))
    judgement.slices.write_parquet(folder / SLICES_FILE)
    judged_histogram(judgement.cells).write_parquet(folder / HISTOGRAMS_FILE)
    if judged.relies_on is not None:
        (folder / RELIANCE_FILE).write_text(json.dumps(judged.relies_on, indent=1))
    files = {f"{name}.png": content for name, content in report.pictures().items()}
    files[REPORT_FILE] = report.to_html().encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files
