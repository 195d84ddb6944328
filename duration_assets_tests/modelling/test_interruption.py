from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from duration_assets.modelling.matrix_files import Examples
from duration_assets.modelling.quantile_matrix import quantile_matrix


class InterruptedExamples:
    """Examples whose reading a person stops after the first chunk."""

    def __iter__(self) -> Iterator[Examples]:
        yield Examples(np.ones((50, 2), np.float32), np.ones(50, np.float32))
        raise KeyboardInterrupt


def test_an_interruption_while_examples_are_read_stops_the_training() -> None:
    examples = InterruptedExamples()
    with pytest.raises(KeyboardInterrupt):
        quantile_matrix(examples, threads=1, bins=16)
