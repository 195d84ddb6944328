"""A web server for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from duration_assets_tests.answering import AnsweringServer


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    server = AnsweringServer()
    yield server
    server.stop()
