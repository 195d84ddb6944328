"""What a search for parameters logs to MLflow: a run, and below it a run for each trial.

Opening and ending the search's run is `tracking.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duration_assets.modelling.tuning import Tried
from duration_assets.resources.training_run import log_content, log_figures

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own: it shows such runs below the other."""


class SearchRun:
    """The MLflow run of a search that is going on."""

    def __init__(self, run_id: str, client: MlflowClient, tags: Mapping[str, str]) -> None:
        """Wrap a run that `Tracking.search_run` opened.

        Args:
            run_id: its id.
            client: MLflow's.
            tags: what its trials have in common with it, the owner among them.
        """
        self.run_id = run_id
        self._client = client
        self._tags = dict(tags)
        self._experiment_id = client.get_run(run_id).info.experiment_id

    @contextmanager
    def trial(
        self, number: int, parameters: Mapping[str, object]
    ) -> Iterator[Callable[[Tried], None]]:
        """Open the run of a trial; it is finished once it was told what the trial came to."""
        from mlflow.entities import Param

        run_id = self._client.create_run(
            self._experiment_id,
            run_name=f"trial {number}",
            tags={**self._tags, _PARENT_TAG: self.run_id, "trial": str(number)},
        ).info.run_id
        status = "KILLED"
        try:
            given = [Param(name, str(value)) for name, value in parameters.items()]
            self._client.log_batch(run_id, params=given)
            yield lambda tried: self._log(run_id, tried)
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            self._client.set_terminated(run_id, status)

    def log_outcome(self, metrics: Mapping[str, float], files: Mapping[str, bytes]) -> None:
        """Log what the search came to."""
        log_figures(self._client, self.run_id, metrics, {})
        for path, content in files.items():
            log_content(self._client, self.run_id, content, path)

    def _log(self, run_id: str, tried: Tried) -> None:
        metrics = {f"rmse_{month}": rmse for month, rmse in tried.rmse.items()}
        if tried.value is not None:
            metrics["rmse_ratio"] = tried.value
        log_figures(self._client, run_id, metrics, {"pruned": str(tried.pruned).lower()})
