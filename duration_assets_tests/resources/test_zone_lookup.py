from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from duration_assets.modelling.zones import LOOKUP_FILE
from duration_assets.resources.zone_lookup import NoZonesError, ZoneLookup
from duration_assets.settings import TLC_BUCKET, TLC_ZONES, Settings
from duration_assets_tests.answering import SILENCE, Answer, AnsweringServer, refused
from duration_assets_tests.months import settings_for

LOOKUP = b'LocationID,Borough,Zone,service_zone\n1,EWR,"Newark Airport",EWR\n'
OTHER = LOOKUP.replace(b"EWR", b"Newark")


def answering(content: bytes) -> Answer:
    return Answer(body=(content,), length=len(content))


@pytest.fixture
def web(server: AnsweringServer, tmp_path: Path) -> ZoneLookup:
    server.answer = lambda _path, _count: answering(LOOKUP)
    return ZoneLookup(f"{server.url}/{LOOKUP_FILE}", tmp_path / "store", timeout=5)


def lookup_of(source: str, home: Path, **changes: object) -> ZoneLookup:
    return ZoneLookup.of(settings_for(home, source, **changes))


def test_it_lies_beside_the_months_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / LOOKUP_FILE).write_bytes(LOOKUP)
    found = lookup_of(str(tmp_path), tmp_path / "home").find()
    assert found.table.rows() == [(1, "EWR", "Newark Airport")]
    assert found.address == str(tmp_path / LOOKUP_FILE)
    assert found.sha256 == hashlib.sha256(LOOKUP).hexdigest()
    kept = tmp_path / "home" / "store" / "content" / f"{found.sha256}.csv"
    assert kept.read_bytes() == LOOKUP


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (TLC_BUCKET, TLC_ZONES),
        ("https://host/trips/", f"https://host/trips/{LOOKUP_FILE}"),
        ("https://host/all/{service}/{month}.parquet", f"https://host/all/{LOOKUP_FILE}"),
        ("s3://bucket/trips/{month}/{service}.parquet", f"s3://bucket/trips/{LOOKUP_FILE}"),
        ("s3://bucket", f"s3://bucket/{LOOKUP_FILE}"),
        ("/{month}/{service}", f"/{LOOKUP_FILE}"),
        ("/odd{{folder}}/{service}_{month}.parquet", f"/odd{{folder}}/{LOOKUP_FILE}"),
    ],
)
def test_it_lies_beside_the_months_of_any_source(source: str, address: str, tmp_path: Path) -> None:
    assert lookup_of(source, tmp_path).address == address


def test_it_lies_beside_the_months_of_a_folder_that_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "odd {folder}"
    odd.mkdir()
    monkeypatch.chdir(odd)
    for source in ("{service}_{month}.parquet", ".", "./{month}/{service}.parquet"):
        assert lookup_of(source, tmp_path).address == str(odd / LOOKUP_FILE)


def test_a_setting_puts_it_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DURATION_ZONES", "/somewhere/zones.csv")
    assert ZoneLookup.of(Settings.load(home=tmp_path)).address == "/somewhere/zones.csv"


def test_one_on_the_web_is_fetched_once_for_a_home(
    web: ZoneLookup, server: AnsweringServer
) -> None:
    first = web.find()
    server.answer = lambda _path, _count: refused(500)
    again = ZoneLookup(web.address, web.store).find()
    assert again.table.equals(first.table)
    assert (again.address, again.sha256) == (first.address, first.sha256)
    assert server.paths == [f"/{LOOKUP_FILE}"]


def test_one_at_another_address_is_fetched_anew(web: ZoneLookup, server: AnsweringServer) -> None:
    first = web.find()
    server.answer = lambda _path, _count: answering(OTHER)
    found = ZoneLookup(f"{server.url}/other.csv", web.store).find()
    assert found.table["borough"].to_list() == ["Newark"]
    assert found.sha256 != first.sha256
    assert len(server.paths) == 2


def test_one_that_was_kept_and_is_gone_is_fetched_again(
    web: ZoneLookup, server: AnsweringServer
) -> None:
    found = web.find()
    (web.store / "content" / f"{found.sha256}.csv").unlink()
    assert web.find().sha256 == found.sha256
    assert len(server.paths) == 2


def test_one_in_a_folder_is_read_anew_each_time(tmp_path: Path) -> None:
    lookup = lookup_of(str(tmp_path), tmp_path / "home")
    with pytest.raises(NoZonesError):
        lookup.find()
    (tmp_path / LOOKUP_FILE).write_bytes(LOOKUP)
    assert lookup.find().table["borough"].to_list() == ["EWR"]
    (tmp_path / LOOKUP_FILE).write_bytes(OTHER)
    assert lookup.find().table["borough"].to_list() == ["Newark"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refused(404), "status 404"),
        (refused(403), "status 403"),
        (SILENCE, "no answer in time"),
        (answering(b"<html>Sorry</html>"), "no zone lookup"),
        (Answer(body=(LOOKUP,), length=len(LOOKUP) + 9), "cannot be used"),
        (answering(b"x" * 5_000_001), "more than 5,000,000 bytes"),
    ],
)
def test_what_cannot_be_had_is_named_with_the_reason_and_nothing_is_kept(
    answer: Answer, reason: str, web: ZoneLookup, server: AnsweringServer
) -> None:
    server.answer = lambda _path, _count: answer
    web.timeout = 0.3
    with pytest.raises(NoZonesError, match=reason) as caught:
        web.find()
    assert str(caught.value).startswith(f"{web.address} was looked for")
    assert not web.store.exists()
    server.answer = lambda _path, _count: answering(LOOKUP)
    web.timeout = 5
    assert len(web.find().table) == 1


def test_no_password_gets_into_the_message_or_the_home(
    server: AnsweringServer, tmp_path: Path
) -> None:
    secret = server.url.replace("http://", "http://me:secret@") + "/zones.csv?key=secret"
    lookup = ZoneLookup(secret, tmp_path)
    server.answer = lambda _path, _count: refused(404)
    with pytest.raises(NoZonesError) as caught:
        lookup.find()
    assert "secret" not in str(caught.value)
    server.answer = lambda _path, _count: answering(LOOKUP)
    assert "secret" not in lookup.find().address
    assert "secret" not in (tmp_path / "zones.json").read_text()
    assert len(ZoneLookup(secret, tmp_path).find().table) == 1
    assert len(server.paths) == 2


def test_an_address_that_nothing_can_be_asked_at_is_no_failure(tmp_path: Path) -> None:
    with pytest.raises(NoZonesError, match="gopher"):
        ZoneLookup("gopher://host/zones.csv", tmp_path).find()
    with pytest.raises(NoZonesError):
        ZoneLookup(str(tmp_path), tmp_path).find()
