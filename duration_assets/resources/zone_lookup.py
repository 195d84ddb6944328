"""The zone lookup of a home: fetched once from beside the months, and kept by its content.

It is one small file without a month, and no figure of a model depends on it: reports name boroughs
with it. Where it cannot be had, a report says so and does without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duration_assets.addresses import without_secrets
from duration_assets.errors import BadFileError, SettingsError
from duration_assets.modelling.zones import LOOKUP_FILE, read_zones
from duration_assets.resources.files import write_atomically
from duration_assets.resources.transport import InterruptionError, RefusalError, transport_for
from duration_assets.resources.trip_source import TripSource
from duration_assets.settings import TLC_BUCKET, TLC_ZONES

if TYPE_CHECKING:
    import polars as pl

    from duration_assets.settings import Settings

_LONGEST_WAIT = 10.0
"""Seconds without an answer after which a report does without boroughs."""
_LARGEST = 5_000_000
"""Bytes; TLC's has 12 thousand."""


@dataclass(frozen=True)
class FoundZones:
    """A zone lookup.

    Attributes:
        table: as of `zones.read_zones`.
        address: where it came from, without credentials.
        sha256: of its bytes, in hexadecimal.
    """

    table: pl.DataFrame
    address: str
    sha256: str


class NoZonesError(Exception):
    """There is no zone lookup; the message says where it was looked for, and why in vain."""


class ZoneLookup:
    """Finds the zone lookup of a home."""

    def __init__(
        self,
        address: str,
        store: Path,
        *,
        timeout: float = _LONGEST_WAIT,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember where it is; nothing is fetched.

        Args:
            address: of the file, a path or a URL.
            store: the folder in which it is kept.
            timeout: seconds without an answer after which a request is given up.
            storage_options: for the fsspec file system of a folder or a bucket.
        """
        self.address = address
        self.store = store
        self.timeout = min(timeout, _LONGEST_WAIT)
        self.storage_options = dict(storage_options or {})

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the one that the settings name, or that lies beside their months."""
        beside = TripSource(settings.source).beside(LOOKUP_FILE)
        address = settings.zones or (TLC_ZONES if settings.source == TLC_BUCKET else beside)
        return cls(address, settings.home / "store", timeout=settings.source_timeout)

    def find(self) -> FoundZones:
        """Return the zone lookup; a file on this machine is read anew, others are fetched once.

        Raises:
            NoZonesError: if there is none.
        """
        try:
            return self._kept() or self._fetched()
        except (RefusalError, InterruptionError, BadFileError, SettingsError) as error:
            raise NoZonesError(
                f"{without_secrets(self.address)} was looked for, and cannot be used: {error}"
            ) from None

    @property
    def _note(self) -> Path:
        return self.store / "zones.json"

    @property
    def _protocol(self) -> str:
        protocol, separator, _ = self.address.partition("://")
        return protocol if separator else "file"

    def _content(self, sha256: str) -> Path:
        return self.store / "content" / f"{sha256}.csv"

    def _kept(self) -> FoundZones | None:
        if self._protocol == "file":
            return None
        try:
            note = json.loads(self._note.read_text())
            if note["address"] != without_secrets(self.address):
                return None
            content = self._content(note["sha256"]).read_bytes()
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return FoundZones(read_zones(content, note["address"]), note["address"], note["sha256"])

    def _fetched(self) -> FoundZones:
        shown = without_secrets(self.address)
        content = self._read()
        table = read_zones(content, "what stands there")
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._content(sha256).exists():
            write_atomically(self._content(sha256), content)
        note = json.dumps({"address": shown, "sha256": sha256}, indent=1)
        write_atomically(self._note, note.encode())
        return FoundZones(table, shown, sha256)

    def _read(self) -> bytes:
        content = bytearray()
        transport = transport_for(self._protocol, self.timeout, self.storage_options)
        with transport.open(self.address) as incoming:
            for chunk in incoming.chunks:
                content += chunk
                if len(content) > _LARGEST:
                    raise BadFileError(f"it has more than {_LARGEST:,} bytes")
        if incoming.size is not None and len(content) != incoming.size:
            raise InterruptionError(f"{len(content):,} of {incoming.size:,} bytes came")
        return bytes(content)
