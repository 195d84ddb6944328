"""`drift`: how a month differs from what the champion of the month before was trained on."""

import json

import dagster as dg

from duration_assets.assets.champion_partition import MODEL_FOLDER
from duration_assets.assets.common import Place, kept_trips, month_of
from duration_assets.assets.descriptions import result
from duration_assets.assets.drift_inputs import Known, known_to, observed
from duration_assets.automation.drift_alert import tell_of_drift
from duration_assets.checks import check_results, check_specs
from duration_assets.modelling.drift import flagged, measure, predict_month, problems
from duration_assets.modelling.histograms import HISTOGRAMS_FILE
from duration_assets.modelling.reports.drift_report import Comparison, Watched, drift_report
from duration_assets.months import Month
from duration_assets.resources.files import content_hash
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking

MEASURES_FILE, REPORT_FILE = "measures.json", "report.html"


def build_drift(place: Place) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "How the month's trips, and the predictions of the champion of the month before, "
            "differ from the champion's training window and from its earlier errors.",
            {"mlflow"},
        ),
        partitions_def=place.partitions,
        check_specs=check_specs(place),
    )
    @place.step
    def drift(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult:
        month = month_of(context)
        inputs = place.inputs(month, store)
        cleaned = inputs["cleaned_trips"][month]
        champion = inputs["champion"][month.shift(-1)]
        run_id = champion.summary["champion_run_id"]
        known = known_to(place, champion, month, store)
        compared = _compare(place, cleaned, champion, known)
        report = drift_report(_watched(place, champion, known, cleaned), compared)
        with store.writing(place.node.key, month) as draft:
            measures = json.dumps(compared.measures, indent=1)
            page = report.to_html()
            (draft.folder / MEASURES_FILE).write_text(measures)
            (draft.folder / REPORT_FILE).write_text(page)
            compared.predicted.histogram.write_parquet(draft.folder / HISTOGRAMS_FILE)
            tracking.log_evaluation(
                run_id,
                metrics={},
                tags={},
                files={
                    f"drift/{month}/{REPORT_FILE}": page.encode(),
                    f"drift/{month}/{MEASURES_FILE}": measures.encode(),
                },
            )
            partition = place.commit(
                draft,
                inputs,
                data_version=content_hash(
                    draft.folder / MEASURES_FILE, draft.folder / HISTOGRAMS_FILE
                ),
                summary={
                    "measures": compared.measures,
                    "limits": compared.limits,
                    "flagged": flagged(compared.measures, compared.limits),
                    "errors": compared.predicted.errors,
                    "notes": list(known.notes),
                    "champion_run_id": run_id,
                    "champion_version": champion.summary["champion_version"],
                    "window": [str(each) for each in known.months],
                    "compared_with": known.compared_with,
                },
            )
        if store.months(cleaned.asset)[-1] == month:
            # Of a month long past, nobody wants to be told.
            found = problems(partition.summary)
            tell_of_drift(
                place.settings, place.node.key, month, found, context.run.run_id, context.log
            )
        return result(
            partition,
            {
                "mlflow_run": dg.MetadataValue.url(tracking.run_url(run_id)),
                "report": dg.MetadataValue.md(report.to_markdown()),
                "champion_version": champion.summary["champion_version"],
                "flagged": ", ".join(partition.summary["flagged"]) or "nothing",
                **compared.measures,
            },
            check_results(place, partition, store),
        )

    return drift


def _compare(place: Place, cleaned: Partition, champion: Partition, known: Known) -> Comparison:
    from duration_assets.modelling.model import DurationModel

    model = DurationModel.load(champion.file(MODEL_FOLDER))
    predicted, now = predict_month(model, kept_trips(cleaned)), observed(cleaned)
    return Comparison(
        now,
        known.window,
        predicted,
        known.usual,
        measure(now, known.window, predicted, known.usual),
        place.settings.drift_limits,
    )


def _watched(place: Place, champion: Partition, known: Known, cleaned: Partition) -> Watched:
    return Watched(
        place.service,
        place.feature_set,
        Month.parse(cleaned.month),
        champion.summary["champion_version"],
        champion.summary["champion_run_id"],
        [str(each) for each in known.months],
        cleaned.simulated or champion.simulated,
        known.notes,
    )
