"""The course's way, from its description: one script, pandas, dicts, XGBoost, MLflow.

The baseline of every comparison, kept as slow as its users know it: every column is read, the
duration is computed row by row, and the features go through a list of dicts. It differs from the
course in the addresses alone: the folder of the months and MLflow's store are arguments.

Run as a process of its own:

    python benchmarks/course.py --year 2023 --month 1 --source FOLDER --workspace FOLDER
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import xgboost
from scipy.sparse import csr_matrix
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import root_mean_squared_error

PARAMETERS = {
    "learning_rate": 0.09585355369315604,
    "max_depth": 30,
    "min_child_weight": 1.060597050922164,
    "objective": "reg:squarederror",
    "reg_alpha": 0.018060244040060163,
    "reg_lambda": 0.011658731377413597,
    "seed": 42,
}


def read_month(path: Path) -> pd.DataFrame:
    """Read a published file and keep its trips of 1 to 60 minutes, n rows of all columns.

    Args:
        path: a month's file of the green or the yellow service.
    """
    trips = pd.read_parquet(path)
    prefix = "lpep" if "lpep_pickup_datetime" in trips else "tpep"
    length = trips[f"{prefix}_dropoff_datetime"] - trips[f"{prefix}_pickup_datetime"]
    trips["duration"] = length.apply(lambda each: each.total_seconds() / 60)
    trips = trips[(trips.duration >= 1) & (trips.duration <= 60)]
    zones = ["PULocationID", "DOLocationID"]
    trips[zones] = trips[zones].astype(str)
    trips["PU_DO"] = trips["PULocationID"] + "_" + trips["DOLocationID"]
    return trips


def encode(
    trips: pd.DataFrame, vectorizer: DictVectorizer | None = None
) -> tuple[csr_matrix, DictVectorizer]:
    """Turn n trips into a sparse matrix of n rows; fits the vectorizer if there is none yet."""
    dicts = trips[["PU_DO", "trip_distance"]].to_dict(orient="records")
    if vectorizer is None:
        vectorizer = DictVectorizer(sparse=True)
        return vectorizer.fit_transform(dicts), vectorizer
    return vectorizer.transform(dicts), vectorizer


def train(
    training: tuple[csr_matrix, Any],
    validation: tuple[csr_matrix, Any],
    vectorizer: DictVectorizer,
    folder: Path,
) -> tuple[str, float]:
    """Fit 30 rounds and log everything; returns MLflow's run id and the RMSE in minutes."""
    with mlflow.start_run() as run:
        train_matrix = xgboost.DMatrix(training[0], label=training[1])
        valid_matrix = xgboost.DMatrix(validation[0], label=validation[1])
        mlflow.log_params(PARAMETERS)
        booster = xgboost.train(
            PARAMETERS,
            train_matrix,
            num_boost_round=30,
            evals=[(valid_matrix, "validation")],
            early_stopping_rounds=50,
        )
        rmse = root_mean_squared_error(validation[1], booster.predict(valid_matrix))
        mlflow.log_metric("rmse", rmse)
        preprocessor = folder / "models" / "preprocessor.b"
        preprocessor.parent.mkdir(exist_ok=True)
        preprocessor.write_bytes(pickle.dumps(vectorizer))
        mlflow.log_artifact(str(preprocessor), artifact_path="preprocessor")
        mlflow.xgboost.log_model(booster, name="models_mlflow", model_format="xgb")
        return run.info.run_id, float(rmse)


def main() -> None:
    """Train on a month, judge on the next, and say how long each stage took, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--year", type=int, required=True)
    parser.add_argument("--month", type=int, required=True)
    parser.add_argument("--service", default="green")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    arguments = parser.parse_args()
    marks = [("start", time.perf_counter())]
    mlflow.set_tracking_uri(f"sqlite:///{arguments.workspace.absolute() / 'mlflow.db'}")
    mlflow.set_experiment("nyc-taxi-experiment")
    marks.append(("mlflow", time.perf_counter()))
    year, month = arguments.year, arguments.month
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    seen, later = (
        read_month(arguments.source / f"{arguments.service}_tripdata_{y}-{m:02d}.parquet")
        for y, m in ((year, month), following)
    )
    marks.append(("reading and cleaning", time.perf_counter()))
    training, vectorizer = encode(seen)
    validation, _ = encode(later, vectorizer)
    marks.append(("features", time.perf_counter()))
    run_id, rmse = train(
        (training, seen.duration.values),
        (validation, later.duration.values),
        vectorizer,
        arguments.workspace,
    )
    marks.append(("training and logging", time.perf_counter()))
    (arguments.workspace / "run_id.txt").write_text(run_id)
    print(f"MLflow run_id: {run_id}")
    stages = {name: later - earlier for (_, earlier), (name, later) in pairwise(marks)}
    print(json.dumps({"rmse": rmse, "stages": stages}))


if __name__ == "__main__":
    main()
