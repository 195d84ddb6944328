from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction import DictVectorizer

from duration_assets.modelling.cleaning import canonical_trips
from duration_assets.modelling.pair_preprocessor import PairPreprocessor
from duration_assets_tests.months import GREEN, green_rows


def trips_of(rows: pl.DataFrame) -> pl.DataFrame:
    return canonical_trips(rows.with_row_index("row").lazy(), GREEN).collect()


def as_dicts(trips: pl.DataFrame) -> list[dict[str, object]]:
    return [
        {"PU_DO": f"{pickup}_{dropoff}", "trip_distance": distance}
        for pickup, dropoff, distance in trips.select(
            "pickup_zone", "dropoff_zone", "distance"
        ).iter_rows()
    ]


def assert_same_matrix(
    preprocessor: PairPreprocessor, seen: pl.DataFrame, new: pl.DataFrame
) -> None:
    vectorizer = DictVectorizer(sparse=True)
    for ours, theirs in (
        (preprocessor.transform(seen), vectorizer.fit_transform(as_dicts(seen))),
        (preprocessor.transform(new), vectorizer.transform(as_dicts(new))),
    ):
        theirs.sort_indices()
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours.indptr, theirs.indptr)
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        np.testing.assert_array_equal(ours.data, theirs.data)
    assert preprocessor.feature_names == list(vectorizer.get_feature_names_out())


def test_the_matrix_is_the_one_that_dict_vectorizer_makes_also_for_unseen_pairs() -> None:
    seen = trips_of(green_rows([5.0] * 3, DOLocationID=[151, 9, 151], trip_distance=[0.0, 2, 3]))
    new = trips_of(green_rows([5.0] * 2, DOLocationID=[151, 1], trip_distance=[7.5, 0.0]))
    assert_same_matrix(PairPreprocessor.fit(seen.lazy()), seen, new)


def test_the_file_for_the_course_is_a_real_fitted_dict_vectorizer() -> None:
    seen = trips_of(green_rows([5.0] * 2, DOLocationID=[151, 9]))
    ours = PairPreprocessor.fit(seen.lazy())
    row = ours.as_dict_vectorizer().transform([{"PU_DO": "43_9", "trip_distance": 2.0}])
    assert row.toarray().tolist() == [[0.0, 1.0, 2.0]]


def test_a_saved_preprocessor_reads_back_the_same(tmp_path: Path) -> None:
    seen = trips_of(green_rows([5.0] * 2, DOLocationID=[151, 9]))
    PairPreprocessor.fit(seen.lazy()).save(tmp_path / "pairs.parquet")
    again = PairPreprocessor.load(tmp_path / "pairs.parquet")
    assert again.feature_names == ["PU_DO=43_151", "PU_DO=43_9", "trip_distance"]


@pytest.mark.real_data
def test_a_real_month_gives_the_matrix_of_dict_vectorizer(real_data: Path) -> None:
    folder = real_data / "trip-data"
    seen, new = (
        trips_of(pl.read_parquet(folder / f"green_tripdata_{month}.parquet").head(20_000))
        for month in ("2023-01", "2023-02")
    )
    assert_same_matrix(PairPreprocessor.fit(seen.lazy()), seen, new)
