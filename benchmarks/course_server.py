"""The course's way to serve: Flask, a DictVectorizer and its booster, behind gunicorn.

The baseline of `serving.py`, written from the course's description. `train` makes the files; the
application `app` reads them from the folder that COURSE_MODEL names:

    python -m benchmarks.course_server MONTH.parquet FOLDER
    COURSE_MODEL=FOLDER gunicorn benchmarks.course_server:app
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

_BOOSTER, _VECTORIZER = "model.ubj", "preprocessor.b"


def train(published: Path, folder: Path) -> None:
    """Train the course's booster on a published month, and leave it with its vectorizer."""
    import xgboost

    from benchmarks.course_script import PARAMETERS, encode, read_month

    trips = read_month(published)
    features, vectorizer = encode(trips)
    matrix = xgboost.DMatrix(features, label=trips.duration.values)
    xgboost.train(PARAMETERS, matrix, num_boost_round=30).save_model(folder / _BOOSTER)
    (folder / _VECTORIZER).write_bytes(pickle.dumps(vectorizer))


def make_app(folder: Path) -> Any:
    """Make the Flask application with one route, as the course has it."""
    import xgboost
    from flask import Flask, jsonify, request

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(folder / _BOOSTER)
    # Written by `train` just before.
    vectorizer = pickle.loads((folder / _VECTORIZER).read_bytes())
    application = Flask("duration-prediction")

    @application.post("/predict")
    def predict() -> Any:
        ride = request.get_json()
        features = {
            "PU_DO": f"{ride['PULocationID']}_{ride['DOLocationID']}",
            "trip_distance": ride["trip_distance"],
        }
        minutes = booster.predict(xgboost.DMatrix(vectorizer.transform(features)))
        return jsonify({"duration": float(minutes[0]), "model_version": "course"})

    return application


def __getattr__(name: str) -> Any:
    """Make the application when gunicorn asks for it, and not at import."""
    if name == "app":
        return make_app(Path(os.environ["COURSE_MODEL"]))
    raise AttributeError(name)


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
