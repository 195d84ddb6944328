"""A partition as the store knows it, written or being written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duration_assets.errors import MissingPartitionError
from duration_assets.months import Month

MANIFEST = "manifest.json"
"""The file that says what a partition is, in its folder."""


@dataclass(frozen=True)
class Partition:
    """One written partition.

    Attributes:
        asset: the asset's key, `green/cleaned_trips`.
        month: its month.
        data_version: stands for the content: two partitions with the same one are the same.
        code_version: of the code and settings that made it.
        inputs: the data version of each partition it was made from, by `green/raw_trips@2023-01`.
        summary: counts and figures about the content.
        simulated: whether any simulated trip went into it.
        version: the name of the folder that holds the files.
        folder: that folder.
        written: when it was written, ISO 8601 in UTC.
    """

    asset: str
    month: str
    data_version: str
    code_version: str
    inputs: dict[str, str]
    summary: dict[str, Any]
    simulated: bool
    version: str
    written: str
    folder: Path = field(default=Path(), compare=False)

    @property
    def name(self) -> str:
        """The partition's name in the inputs of others."""
        return partition_name(self.asset, Month.parse(self.month))

    @property
    def is_dropped(self) -> bool:
        """Whether its files were dropped after use, and what is known of it was kept."""
        return not self.folder.is_dir()

    def file(self, name: str) -> Path:
        """Return one of its files.

        Raises:
            MissingPartitionError: if it is not there.
        """
        path = self.folder / name
        if self.is_dropped:
            raise MissingPartitionError(
                f"The files of {self.name} were dropped after use, as DURATION_KEEP_MATRICES says: "
                f"materialize {self.asset} for {self.month} to make them again."
            )
        if not path.exists():
            raise MissingPartitionError(
                f"{self.name} holds no {name} any more: materialize {self.asset} for {self.month}."
            )
        return path


@dataclass
class Draft:
    """A partition that is being written: put files into `folder`, then `commit`."""

    folder: Path
    result: Partition | None = None
    _commit: Any = None

    def commit(
        self,
        *,
        data_version: str,
        code_version: str,
        inputs: Mapping[str, str],
        summary: Mapping[str, Any],
        simulated: bool,
    ) -> Partition:
        """Make the files in `folder` the partition, in place of what was there."""
        self.result = self._commit(
            data_version=data_version,
            code_version=code_version,
            inputs=dict(inputs),
            summary=dict(summary),
            simulated=simulated,
        )
        return self.result


def partition_name(asset: str, month: Month) -> str:
    """Return the name of a partition in the inputs of others."""
    return f"{asset}@{month}"
