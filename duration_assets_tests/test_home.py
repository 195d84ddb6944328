from __future__ import annotations

from pathlib import Path

import pytest

from duration_assets.errors import HomeError
from duration_assets.home import open_home
from duration_assets_tests.months import settings_for


def test_a_home_remembers_its_source_but_no_secret_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = "example/{service}/{month}"
    for secret in ("hidden-one", "hidden-two"):
        source = f"https://me:{secret}@{path}?key={secret}"
        with open_home(settings_for(home, source)):
            pass
    with pytest.raises(HomeError, match="was filled from https://example") as caught:
        open_home(settings_for(home, "https://me:hidden-three@other/{month}"))
    written = (home / "home.json").read_text()
    assert "hidden" not in written + str(caught.value)
