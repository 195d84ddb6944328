from __future__ import annotations

import io

import numpy as np
from PIL import Image

from duration_assets.modelling.features import FEATURE_SETS, feature_names
from duration_assets.modelling.plots import bars_by_feature


def test_the_longest_name_of_a_feature_fits_into_the_picture() -> None:
    names = {name for each in FEATURE_SETS.values() for name in feature_names(each)}
    longest = sorted(names, key=len)[-5:]
    png = bars_by_feature(dict.fromkeys(longest, 1.0), "minutes", "Reliance")
    with Image.open(io.BytesIO(png)) as picture:
        left = np.asarray(picture.convert("L"))[:, :2]
    assert (left > 250).all()
