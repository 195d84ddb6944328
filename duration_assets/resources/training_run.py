"""What the step that trains may log to its MLflow run. Opening and ending it is `tracking.py`'s."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duration_assets.modelling.training_record import CARD_FILE

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DESCRIPTION_TAG = "mlflow.note.content"
"""MLflow's own."""

_MADE_BY_ANOTHER = ("unique", "duplicate")
"""What databases call a row that is there already: SQLite and Postgres, and MySQL."""


class TrainingRun:
    """The MLflow run of a training that is going on."""

    def __init__(self, run_id: str, client: MlflowClient, tracker: Any) -> None:
        """Wrap a run that `Tracking.training_run` opened."""
        self.run_id = run_id
        self._client = client
        self._tracker = tracker

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log what the model was trained with."""
        self._tracker.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log figures."""
        self._tracker.log_metrics(dict(metrics))

    def log_history(self, name: str, values: Sequence[float]) -> None:
        """Log a metric by boosting round, counted from 1."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for step, value in enumerate(values, start=1)]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + 1000])

    def log_inputs(self, versions: Mapping[str, str], source: str) -> None:
        """Log the data versions of what the model was made from, as MLflow datasets.

        Windows overlap, so that trainings at once have months in common. MLflow looks for a dataset
        and then adds it, and refuses all that a run logs if another run added one in between. The
        next attempt finds it there.

        Args:
            versions: data version by partition name.
            source: where the trips were published.
        """
        import tenacity
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name, version[:36], "duration_assets", source),
                [InputTag("mlflow.data.context", "training")],
            )
            for name, version in versions.items()
        ]
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_was_made_by_another),
            stop=tenacity.stop_after_attempt(10),
            wait=tenacity.wait_random(0, 0.5),
            reraise=True,
        )
        retry(self._client.log_inputs, self.run_id, inputs)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact."""
        self._tracker.log_artifact(str(path), folder)

    def log_bytes(self, content: bytes, path: str) -> None:
        """Log content as an artifact under a path."""
        log_content(self._client, self.run_id, content, path)

    def log_card(self, card: str, beginning: str) -> None:
        """Log the model's card; see the function."""
        log_card(self._client, self.run_id, card, beginning)


def _was_made_by_another(error: BaseException) -> bool:
    from mlflow.exceptions import MlflowException

    text = str(error).lower()
    return isinstance(error, MlflowException) and any(word in text for word in _MADE_BY_ANOTHER)


def log_figures(
    client: MlflowClient, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str]
) -> None:
    """Log figures and tags at once: MLflow's database waits for the disk for each call."""
    from mlflow.entities import Metric, RunTag

    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
        tags=[RunTag(name, text) for name, text in tags.items()],
    )


def log_content(client: MlflowClient, run_id: str, content: bytes, path: str) -> None:
    """Log content as an artifact under a path."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(path).name
        file.write_bytes(content)
        # MLflow takes no "." for a run's own folder.
        client.log_artifact(run_id, str(file), str(Path(path).parent).removeprefix(".") or None)


def log_card(client: MlflowClient, run_id: str, card: str, beginning: str) -> None:
    """Log the card of a run's model, in place of the one before.

    MLflow's databases hold 8,000 characters of a run's description, and 5,000 of a version's.

    Args:
        client: MLflow's.
        run_id: the run of the model's training, which may have ended.
        card: the whole card, Markdown, as an artifact.
        beginning: what of it becomes the description of the run and of its registered models.
    """
    log_content(client, run_id, card.encode(), CARD_FILE)
    client.set_tag(run_id, _DESCRIPTION_TAG, beginning)
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        client.update_model_version(version.name, version.version, beginning)
