from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from duration_assets.simulation.writer import CHUNK

MEASURE = """
import resource, sys
from pathlib import Path
from duration_assets.months import Month
from duration_assets.services import SERVICES
from duration_assets.simulation.writer import write_month

service, folder, rows = sys.argv[1:]
write_month(SERVICES[service], Month(2024, 5), Path(folder) / f"{rows}.parquet", int(rows))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_megabytes(service: str, rows: int, folder: Path) -> float:
    command = [sys.executable, "-c", MEASURE, service, str(folder), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("service", ["yellow", "fhvhv"])
def test_memory_does_not_grow_with_the_rows(service: str, tmp_path: Path) -> None:
    small, large = (peak_megabytes(service, parts * CHUNK, tmp_path) for parts in (3, 12))
    # Nine further parts would be over 400 megabytes.
    assert large < small + 100
