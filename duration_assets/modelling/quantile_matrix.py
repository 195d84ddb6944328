"""Examples as XGBoost's own compact matrix, which it makes chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from duration_assets.modelling.loading_xgboost import let_threads_sleep
from duration_assets.modelling.matrix_files import Examples

if TYPE_CHECKING:
    import xgboost


def quantile_matrix(
    examples: Iterable[Examples],
    threads: int,
    bins: int,
    reference: xgboost.DMatrix | None = None,
) -> xgboost.QuantileDMatrix:
    """Let XGBoost read a matrix chunk by chunk.

    Args:
        examples: the chunks; XGBoost goes through them several times.
        threads: threads to use.
        bins: how many values it tells apart in a column.
        reference: a matrix whose bins to use, for examples that a model is to be judged on.
    """
    let_threads_sleep()
    import xgboost

    class Chunks(xgboost.DataIter):
        left: Iterator[Examples]
        stopped: BaseException | None = None

        def reset(self) -> None:
            self.left = iter(examples)

        def next(self, input_data: Callable[..., None]) -> bool:
            try:
                chunk = None if self.stopped else next(self.left, None)
                if chunk is None:
                    return False
                input_data(data=chunk.features, label=chunk.durations)
            except Exception:
                raise
            except BaseException as stop:
                # XGBoost takes an interruption for the end of the examples.
                self.stopped = stop
                return False
            return True

    chunks = Chunks()
    try:
        return xgboost.QuantileDMatrix(chunks, ref=reference, nthread=threads, max_bin=bins)
    finally:
        if chunks.stopped is not None:
            raise chunks.stopped
