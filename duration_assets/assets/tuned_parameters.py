"""`tuned_parameters`: the parameters found for a feature set, and the trials that found them.

A partition is the last month that had a part in it. Nothing reads it: what models are trained with
is the file of the package, or the one that a setting names, so that no model changes unasked.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.tags import BACKFILL_ID_TAG
from pydantic import Field

from duration_assets.assets.common import Place, month_of
from duration_assets.assets.descriptions import preview, result
from duration_assets.backtests.planning import Trial
from duration_assets.backtests.trial_process import Work
from duration_assets.backtests.tuning import FOLDER, TuningMonths, plan_tuning, search_key
from duration_assets.errors import SettingsError
from duration_assets.lineage import TUNING_SPAN
from duration_assets.modelling.features import FeatureSet
from duration_assets.modelling.parameters import (
    TunedParameters,
    as_text,
    found_beside,
    parameters_of,
    tuned_parameters,
)
from duration_assets.modelling.tuning import Search, Tried, best_of
from duration_assets.months import Month
from duration_assets.pools import TRAINING
from duration_assets.progress import Progress
from duration_assets.resources.partition import Draft, Partition
from duration_assets.resources.search_run import SearchRun
from duration_assets.resources.store import Store
from duration_assets.resources.tracking import Tracking

PARAMETERS_FILE, TRIALS_FILE = "parameters.json", "trials.json"
_SHOWN = 10


class TuningOptions(dg.Config):
    """What a search takes. More trials than there are go on from those of before."""

    months: int = Field(4, ge=1, le=TUNING_SPAN, description="Validation months.")
    trials: int = Field(30, ge=1, description="Trials in all, those of before included.")
    rows: int | None = Field(None, ge=1_000, description="Trips to train a trial on at most.")
    timeout: float | None = Field(
        None, gt=0, description="Seconds after which no further trial is begun."
    )


class _Told:
    """Passes trials on to MLflow, and says how they went."""

    def __init__(self, run: SearchRun, say: Callable[[str], None]) -> None:
        self.run, self.say, self.best = run, say, 1.0

    @contextmanager
    def trial(
        self, number: int, parameters: Mapping[str, Any]
    ) -> Iterator[Callable[[Tried], None]]:
        began = time.monotonic()
        with self.run.trial(number, parameters) as log:

            def tell(tried: Tried) -> None:
                log(tried)
                self.best = min(self.best, tried.value or 1.0)
                said = "given up" if tried.value is None else f"{tried.value:.5f}"
                seconds = time.monotonic() - began
                self.say(f"Trial {number}: {said} (best {self.best:.5f}, {seconds:.1f} s)")

            yield tell


def build_tuned_parameters(place: Place, feature_set: FeatureSet) -> dg.AssetsDefinition:
    """Build the asset for a service and feature set."""

    @dg.asset(
        **place.spec_options(
            "Parameters of XGBoost found on rolling months up to this one, by the mean of the RMSE "
            "divided by that of the parameters in use. It takes long, and is made when a person "
            "asks for it.",
            {"optuna", "mlflow", "xgboost"},
        ),
        partitions_def=place.partitions,
        pool=TRAINING,
    )
    @place.step
    def tuned_parameters(
        context: dg.AssetExecutionContext,
        config: TuningOptions,
        store: dg.ResourceParam[Store],
        tracking: dg.ResourceParam[Tracking],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        _refuse_backfill(context.run.tags)
        through = month_of(context)
        service = place.service.name
        planned = plan_tuning(service, feature_set.name, through, config.months, place.settings)
        tags = _tags(place, feature_set, through, config)
        with store.writing(place.node.key, through) as draft:
            with tracking.search_run(
                run_name=f"{service}/{feature_set.name}/tuning {through}",
                log=context.log,
                tags={**tags, "simulated": str(_simulated(planned)).lower()},
            ) as run:
                tried = _search(place, planned, config, draft, run, context, progress)
                tuned = _found(place, through, planned, config, tried)
                files = _write(draft.folder, tuned, tried)
                run.log_outcome({"rmse_ratio": best_of(tried).value or 1.0}, files)
            partition = _commit(place, draft, planned, tuned, tried, run.run_id)
        return _describe(partition, tried, tracking.run_url(run.run_id))

    return tuned_parameters


def _refuse_backfill(tags: Mapping[str, str]) -> None:
    """Refuse a search that comes with others: it takes long, and a backfill means none.

    Raises:
        SettingsError: in a run of a backfill.
    """
    if BACKFILL_ID_TAG in tags:
        raise SettingsError(
            "A search is started alone: materialize one month of tuned_parameters on its own page, "
            "or use `duration-prediction tune`. A backfill makes all else."
        )


def _tags(
    place: Place, feature_set: FeatureSet, through: Month, config: TuningOptions
) -> dict[str, str]:
    return {
        "service": place.service.name,
        "feature_set": feature_set.name,
        "tuned_through": str(through),
        "rows": str(config.rows or "all"),
    }


def _simulated(planned: Sequence[Trial]) -> bool:
    return any(trial.simulated for trial in planned)


def _search(
    place: Place,
    planned: Sequence[Trial],
    config: TuningOptions,
    draft: Draft,
    run: SearchRun,
    context: dg.AssetExecutionContext,
    progress: Progress,
) -> list[Tried]:
    """Search; what is written to the draft's folder meanwhile is gone afterwards."""
    settings, scratch = place.settings, draft.folder / "scratch"
    service, feature_set = place.service.name, place.feature_set

    def say(line: str) -> None:
        progress.say(line, context.log)

    work = Work(
        feature_set=feature_set,
        window=planned[0].window,
        judged=planned[0].judged,
        parameters={},
        most_rows=config.rows or settings.max_training_rows,
        threads=settings.threads,
        scratch=scratch,
    )
    months = TuningMonths(planned, work, lambda month: say(f"Encoding {month} and its window"))
    key = search_key(planned, work.most_rows)
    search = Search(
        settings.home / FOLDER / service / feature_set / f"{key[:16]}.db",
        parameters_of(feature_set, settings.parameters),
        [str(trial.fold.validation_month) for trial in planned],
        months.rmse,
        _Told(run, say),
    )
    tried = search.run(config.trials, config.timeout)
    shutil.rmtree(scratch, ignore_errors=True)
    return tried


def _found(
    place: Place,
    through: Month,
    planned: Sequence[Trial],
    config: TuningOptions,
    tried: Sequence[Tried],
) -> TunedParameters:
    best, months = best_of(tried), ", ".join(str(each.fold.validation_month) for each in planned)
    window = max(len(trial.window) for trial in planned)
    rows = f"{config.rows:,} trips of each" if config.rows else "all trips of each"
    reference = tuned_parameters(place.feature_set, place.settings.parameters)
    # Months of the course's parameters are not planned.
    assert reference is not None
    return found_beside(
        reference,
        best.parameters,
        through,
        len(tried),
        f"trial {best.number} of {len(tried)}, on {months} with windows of {window} months, "
        f"{rows}: {best.value:.5f} of the RMSE of the parameters before",
    )


def _write(folder: Path, tuned: TunedParameters, tried: Sequence[Tried]) -> dict[str, bytes]:
    """Write the files of the partition, and return them by name."""
    trials = [
        {
            "number": each.number,
            "rmse_ratio": each.value,
            "pruned": each.pruned,
            "rmse": dict(each.rmse),
            "parameters": dict(each.parameters),
        }
        for each in tried
    ]
    files = {
        PARAMETERS_FILE: as_text({tuned.feature_set: tuned}).encode(),
        TRIALS_FILE: json.dumps(trials, indent=1).encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


def _commit(
    place: Place,
    draft: Draft,
    planned: Sequence[Trial],
    tuned: TunedParameters,
    tried: Sequence[Tried],
    run_id: str,
) -> Partition:
    inputs: dict[str, str] = {}
    for trial in planned:
        inputs |= trial.made_from["inputs"]
    best = best_of(tried)
    return draft.commit(
        data_version=hashlib.sha256(tuned.version.encode()).hexdigest(),
        code_version=place.node.code_version,
        inputs=inputs,
        summary={
            **tuned.as_dict(),
            "rmse_ratio": best.value,
            "best_trial": best.number,
            "rmse": dict(best.rmse),
            "reference_rmse": dict(tried[0].rmse),
            "run_id": run_id,
        },
        simulated=_simulated(planned),
    )


def _describe(partition: Partition, tried: Sequence[Tried], run_url: str) -> dg.MaterializeResult:
    summary = partition.summary
    done = sorted(
        (each for each in tried if each.value is not None), key=lambda each: each.value or 1.0
    )
    table = pl.DataFrame(
        [
            {"trial": each.number, "rmse_ratio": each.value, **each.parameters}
            for each in done[:_SHOWN]
        ],
        strict=False,
    )
    return result(
        partition,
        {
            "mlflow_run": dg.MetadataValue.url(run_url),
            "rmse_ratio": summary["rmse_ratio"],
            "tuned_through": summary["tuned_through"],
            "trials": summary["trials"],
            "parameters": dg.MetadataValue.json(summary["parameters"]),
            "best_trials": preview(table),
            "source": summary["source"],
        },
    )
