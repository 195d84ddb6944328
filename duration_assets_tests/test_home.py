from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from duration_assets.errors import HomeError
from duration_assets.home import open_home
from duration_assets.resources.partition import MANIFEST
from duration_assets_tests.months import settings_for


def land_a_month(home: Path) -> None:
    manifest = home / "store" / "green" / "raw_trips" / "2023-01" / MANIFEST
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.touch()


def test_a_source_that_no_month_came_from_can_be_put_right(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for source in ("https://mistyped/{month}", "https://right/{month}"):
        with open_home(settings_for(home, source)):
            pass
    land_a_month(home)
    with pytest.raises(HomeError, match="was filled from https://right"):
        open_home(settings_for(home, "https://mistyped/{month}"))


def test_a_home_remembers_its_source_but_no_secret_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = "example/{service}/{month}"
    for secret in ("hidden-one", "hidden-two"):
        source = f"https://me:{secret}@{path}?key={secret}"
        with open_home(settings_for(home, source)):
            land_a_month(home)
    with pytest.raises(HomeError, match="was filled from https://example") as caught:
        open_home(settings_for(home, "https://me:hidden-three@other/{month}"))
    written = (home / "home.json").read_text()
    assert "hidden" not in written + str(caught.value)


def test_a_folder_by_the_same_words_elsewhere_is_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here, elsewhere = tmp_path / "home", tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(here)
    for words in ("months", "./months", here / "months"):
        with open_home(settings_for(home, words)):
            land_a_month(home)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(HomeError, match=r"was filled from .*here/months"):
        open_home(settings_for(home, "months"))


def test_dagsters_database_and_the_environment_have_to_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, variable = tmp_path / "home", "DURATION_DAGSTER_POSTGRES_URL"
    with open_home(settings_for(home, tmp_path)):
        pass
    monkeypatch.setenv(variable, "postgresql+psycopg2://me:hidden@127.0.0.1:9/dagster")
    with pytest.raises(HomeError, match=f"{variable} is set, and .* does not read it") as caught:
        open_home(settings_for(home, tmp_path))
    assert "hidden" not in str(caught.value)
    monkeypatch.delenv(variable)
    (home / "dagster" / "dagster.yaml").write_text(f"storage: {{env: {variable}}}")
    with pytest.raises(HomeError, match=f"reads {variable}, and that is not set"):
        open_home(settings_for(home, tmp_path))


def test_a_dagster_yaml_that_is_there_is_kept(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", tmp_path)
    assert settings.dagster_home is not None
    settings.dagster_home.mkdir(parents=True)
    own = settings.dagster_home / "dagster.yaml"
    own.write_text("telemetry: {enabled: false}\n")
    with open_home(settings):
        pass
    assert own.read_text() == "telemetry: {enabled: false}\n"


def test_what_opens_a_home_loads_nothing_that_reads_trips() -> None:
    code = "import sys, duration_assets.home; print({'numpy', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
