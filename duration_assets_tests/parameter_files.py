"""Files of parameters, as `DURATION_PARAMETERS` names one, with others than the package's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from duration_assets.modelling.parameters import as_text, shipped


def metered_parameters(file: Path, **changes: Any) -> Path:
    """Write those of `metered` with some changed, by XGBoost's names."""
    metered = shipped()["metered"]
    file.write_text(as_text({"metered": replace(metered, found={**metered.found, **changes})}))
    return file
