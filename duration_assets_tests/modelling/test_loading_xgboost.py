from __future__ import annotations

import subprocess
import sys

import pytest


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_xgboost_is_loaded_alone_and_scikit_learn_can_still_be_imported() -> None:
    assert (
        printed(
            "import sys; from duration_assets.modelling.loading_xgboost import load_alone; "
            "load_alone(); print('xgboost' in sys.modules, 'sklearn' in sys.modules); "
            "import sklearn.feature_extraction; print(sklearn.feature_extraction.DictVectorizer())"
        )
        == "True False\nDictVectorizer()"
    )


@pytest.mark.parametrize("first", ["sklearn", "xgboost"])
def test_what_is_loaded_already_stays_whole(first: str) -> None:
    assert (
        printed(
            f"import {first}; from duration_assets.modelling.loading_xgboost import load_alone; "
            "load_alone(); import xgboost; print(xgboost.XGBRegressor().get_params()['n_jobs'])"
        )
        == "None"
    )
