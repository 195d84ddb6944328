"""Three years made by one command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from duration_assets_tests.development import Development, environment_of
from duration_assets_tests.records import Records
from duration_assets_tests.soak.conftest import FIRST, LAST, MONTHS, Say, settings_of_three_years

pytestmark = [
    pytest.mark.soak,
    pytest.mark.real_data,
    pytest.mark.daemon,
    pytest.mark.timeout(3 * 3600),
]


def test_one_command_makes_three_years(workspace: Path, real_data: Path, say: Say) -> None:
    settings = settings_of_three_years(workspace / "home", real_data / "trip-data")
    variables = Development(environment_of(settings), workspace / "dev.log").variables
    began = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "duration_assets", "backfill", "--json"),
            *("--from", str(FIRST), "--to", str(LAST)),
        ],
        env=variables,
        cwd=workspace,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    say(f"the whole command: {time.monotonic() - began:.0f} s")

    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["months"]
    records = Records(settings)
    for name in ("cleaned_trips", "duration_model"):
        assert records.current(name) == [str(month) for month in MONTHS]
    assert records.current("evaluation") == [str(month) for month in MONTHS[1:]]
    counts = records.counts()
    say(f"runs: {dict(counts)}")
    assert counts == {
        ("data", "SUCCESS"): 36,
        ("models", "SUCCESS"): 36,
        ("evaluations", "SUCCESS"): 35,
    }
