"""Writing simulated months as Parquet files, part by part, so that memory does not grow."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.services import SERVICES, Service, service_named
from duration_assets.simulation.character import CHARACTERS
from duration_assets.simulation.city import City, traffic_of
from duration_assets.simulation.columns import table_of
from duration_assets.simulation.demand import Demand
from duration_assets.simulation.flaws import put_flaws
from duration_assets.simulation.marks import Recipe, is_made_from
from duration_assets.simulation.schemas import Layout, published_layout

CHUNK = 250_000
"""Rows drawn and written at a time: each is a row group with the next span of the month."""

Progress = Callable[[int, int], None]
"""Called with the rows written and the rows to be written."""


def write_month(
    service: Service,
    month: Month,
    path: Path,
    rows: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write a simulated month in TLC's layout for its service and era.

    The same arguments give the same bytes. The file appears whole or not at all, and takes the
    place of no file that is not marked as simulated.

    Args:
        service: one of TLC's.
        month: the month in its name.
        path: the file to write.
        rows: how many trips.
        seed: another seed gives other trips.
        progress: called after each part.

    Raises:
        SettingsError: if there is no such month, an argument is out of range, a real file is in
            the way, or the folder cannot be written.
    """
    layout = published_layout(service, month)
    check_amounts(rows, seed)
    recipe = Recipe(service.name, str(month), rows, seed)
    is_made_from(path, recipe)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(temporary, layout, recipe, _tables(service, month, layout, rows, seed), progress)
            # Again: a real file may have been put there in the meantime.
            is_made_from(path, recipe)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error}.") from error


def simulate_source(
    folder: Path,
    services: Iterable[str],
    months: Iterable[Month],
    rows: int,
    seed: int = 0,
    progress: Callable[[Path], AbstractContextManager[Progress]] | None = None,
) -> list[Path]:
    """Fill a folder with simulated months under TLC's file names.

    Files that were simulated with the same arguments are kept, with others replaced.

    Args:
        folder: made if it is not there.
        services: names of services.
        months: of each service.
        rows: trips of each file.
        seed: another seed gives other trips.
        progress: called with each file that is to be written; what it opens is told of the rows.

    Returns:
        The files, in the order of the services and months.

    Raises:
        SettingsError: as of `write_month`, and before anything is written if an argument is wrong.
    """
    check_amounts(rows, seed)
    months = list(months)
    wanted = [(service_named(name), month) for name in services for month in months]
    paths = [folder / f"{service.name}_tripdata_{month}.parquet" for service, month in wanted]
    made = [
        is_made_from(path, Recipe(service.name, str(month), rows, seed))
        for path, (service, month) in zip(paths, wanted, strict=True)
    ]
    for service, month in wanted:
        published_layout(service, month)
    for path, (service, month), is_made in zip(paths, wanted, made, strict=True):
        if not is_made:
            with nullcontext() if progress is None else progress(path) as told:
                write_month(service, month, path, rows, seed, told)
    return paths


def check_amounts(rows: int, seed: int) -> None:
    """Refuse amounts that cannot be simulated.

    Raises:
        SettingsError: if there are no rows, or the seed is negative.
    """
    if rows < 1:
        raise SettingsError(f"{rows} trips cannot be simulated: ask for 1 or more.")
    if seed < 0:
        raise SettingsError(f"The seed {seed} is negative: use 0 or more.")


def _tables(
    service: Service, month: Month, layout: Layout, rows: int, seed: int
) -> Iterator[pa.Table]:
    """Yield the month in parts, each with the next span of time."""
    which = list(SERVICES).index(service.name)
    generator = np.random.default_rng([seed, month.year, month.month, which])
    character = CHARACTERS[service.name]
    demand = Demand(character, month, rows, generator)
    traffic = traffic_of(demand, generator)
    city = City(character, month)
    lowest, highest = character.together_null
    # Squared, because most months have few.
    null_share = lowest + (highest - lowest) * generator.random() ** 2
    for start in range(0, rows, CHUNK):
        pickups = demand.pickups(start, min(CHUNK, rows - start), generator)
        trips = put_flaws(city.trips(pickups, traffic, generator), character, month, generator)
        yield table_of(trips, service, month, layout, null_share, generator)


def _write(
    path: Path,
    layout: Layout,
    recipe: Recipe,
    tables: Iterator[pa.Table],
    progress: Progress | None,
) -> None:
    marks = {**(layout.schema.metadata or {}), **recipe.marks()}
    with pq.ParquetWriter(
        path,
        layout.schema.with_metadata(marks),
        compression=layout.compression,
        compression_level=layout.compression_level,
    ) as writer:
        written = 0
        for table in tables:
            writer.write_table(table)
            written += table.num_rows
            if progress is not None:
                progress(written, recipe.rows)
