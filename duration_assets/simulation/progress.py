"""Simulating the months that the command line asks for, with a progress bar for who watches."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from duration_assets.errors import SettingsError
from duration_assets.months import Month
from duration_assets.simulation.writer import Progress as Told
from duration_assets.simulation.writer import simulate_source


def simulate_with_progress(
    folder: Path, service: str, first: str, last: str, rows: int, seed: int
) -> list[Path]:
    """Fill a folder with simulated months, and show on standard error how far it is.

    The bar shows only where standard error is a terminal.

    Args:
        folder: made if it is not there.
        service: its name.
        first: the first month, as in `2023-01`.
        last: the last month, likewise.
        rows: trips a month.
        seed: another seed gives other trips.

    Returns:
        The files, oldest month first.

    Raises:
        SettingsError: if an argument cannot be used, or a real file is in the way.
    """
    months = list(Month.parse(first).through(Month.parse(last)))
    if not months:
        raise SettingsError(f"There are no months from {first} to {last}: --from is after --to.")
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trips"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:

        def started(path: Path) -> Told:
            task = bars.add_task(path.name, total=rows)
            return lambda written, _: bars.update(task, completed=written)

        return simulate_source(folder, [service], months, rows, seed, started)
