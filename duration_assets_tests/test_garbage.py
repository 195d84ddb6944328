from __future__ import annotations

import subprocess
import sys

import pytest

# What is registered first is called last.
SAY = "import atexit, gc; atexit.register(lambda: print('kept', gc.get_freeze_count() > 0)); "


@pytest.mark.parametrize(
    "code",
    [
        "from duration_assets.garbage import not_searched_at_the_end as end; end(); end()",
        "from duration_assets.cli import main; main(['train', '--help'])",
    ],
)
def test_a_process_does_not_look_for_garbage_as_it_ends(code: str) -> None:
    said = subprocess.run([sys.executable, "-c", SAY + code], capture_output=True, check=True)
    assert said.stdout.splitlines()[-1] == b"kept True"
