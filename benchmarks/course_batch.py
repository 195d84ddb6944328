"""The course's way to predict a month: dicts, `DictVectorizer`, one booster, a table of results.

The baseline of `batch.py`, with the model that `course_script.py` logged: the booster comes from
MLflow by the id of its run and the vectorizer from its pickle, each trip becomes a dict, and the
predictions are written beside the actual durations. Run as a process of its own:

    python benchmarks/course_batch.py --trips FILE --output FILE --workspace FOLDER
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import mlflow
import pandas as pd
import xgboost
from course_script import encode, read_month  # type: ignore[import-not-found, unused-ignore]


def main() -> None:
    """Predict the kept trips of a month, and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True, help="of course_script.py")
    arguments = parser.parse_args()
    workspace: Path = arguments.workspace
    mlflow.set_tracking_uri(f"sqlite:///{workspace.absolute() / 'mlflow.db'}")
    run_id = (workspace / "run_id.txt").read_text()
    booster = mlflow.xgboost.load_model(f"runs:/{run_id}/models_mlflow")
    vectorizer = pickle.loads((workspace / "models" / "preprocessor.b").read_bytes())
    trips = read_month(arguments.trips)
    year, month = arguments.trips.stem.rpartition("_")[2].split("-")
    trips["ride_id"] = f"{year}/{month}_" + trips.index.astype("str")
    features, _ = encode(trips, vectorizer)
    predicted = booster.predict(xgboost.DMatrix(features))
    prefix = "lpep" if "lpep_pickup_datetime" in trips else "tpep"
    result = pd.DataFrame(
        {
            "ride_id": trips["ride_id"],
            "pickup_time": trips[f"{prefix}_pickup_datetime"],
            "pickup_zone": trips["PULocationID"],
            "dropoff_zone": trips["DOLocationID"],
            "actual_duration": trips["duration"],
            "predicted_duration": predicted,
        }
    )
    result["difference"] = result["actual_duration"] - result["predicted_duration"]
    result["model_version"] = run_id
    result.to_parquet(arguments.output, index=False)


if __name__ == "__main__":
    main()
