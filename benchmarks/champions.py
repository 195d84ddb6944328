"""What the gate is worth: the champions of two years against always taking the newest model.

    python -m benchmarks.champions --home .duration --from 2022-01 --to 2023-12

The home has the models and the cleaned trips of these months. Month by month, as time would bring
them, the gate decides on the trips of a month, and the champion is judged on the trips of the
month after, beside the challenger of the decision: the newest model that was judged by then. Each
model is asked once about each month that needs it; its answers are kept in `--cache`, so that a
replay with another margin asks for few.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from duration_assets.assets.champion_decisions import score_by_both
from duration_assets.assets.common import kept_trips
from duration_assets.modelling.champion_gate import (
    CHALLENGER_MINUTES,
    CHAMPION_MINUTES,
    Comparison,
    Gate,
    compare,
    objections,
)
from duration_assets.modelling.cleaning import KEPT_FILE
from duration_assets.modelling.loading_xgboost import load_alone
from duration_assets.modelling.zones import read_zones
from duration_assets.months import Month
from duration_assets.resources.partition import Partition
from duration_assets.resources.store import Store
from duration_assets.services import service_named
from duration_assets.settings import Settings

Compare = Callable[[Month, Month, Month], Comparison]
"""Takes the training months of a champion and a challenger, and the month to compare them on."""


@dataclass(frozen=True)
class Step:
    """A decision, and what came of it in the month after.

    Attributes:
        month: what was decided on.
        champion: the training month of the champion after it.
        newest: the training month of the newest model.
        promoted: whether the champion changed.
        why_not: what the challenger was refused for.
        champion_rmse: of the champion in the month after, in minutes.
        newest_rmse: of the newest model in the month after.
    """

    month: str
    champion: str
    newest: str
    promoted: bool
    why_not: str
    champion_rmse: float
    newest_rmse: float


def replay(first: Month, last: Month, gate: Gate, judged: Compare) -> list[Step]:
    """Decide on the months from `first` to the one before `last`, each judged on the month after.

    The model that was newest at the beginning is the first champion: it is the one that stood when
    the first month came.

    Args:
        first: the first month that is decided on.
        last: the last month that a champion is judged on.
        gate: what a challenger has to pass.
        judged: compares two models on a month.
    """
    champion = first.shift(-2)
    steps = []
    for month in first.through(last.shift(-1)):
        challenger = month.shift(-1)
        against = objections(judged(champion, challenger, month), gate)
        if not against:
            champion = challenger
        after = judged(champion, challenger, month.shift(1))
        steps.append(
            Step(
                str(month),
                str(champion),
                str(challenger),
                not against,
                " ".join(against),
                after.champion_rmse,
                after.challenger_rmse,
            )
        )
    return steps


@dataclass(frozen=True)
class Worth:
    """What the gate is worth.

    Attributes:
        champion_rmse: the mean over the months, in minutes.
        newest_rmse: of always taking the newest model.
        ratio: of the two.
        promotions: how often the champion changed.
        newest_promotions: how often the newest model did: each month.
    """

    champion_rmse: float
    newest_rmse: float
    ratio: float
    promotions: int
    newest_promotions: int


def worth(steps: list[Step]) -> Worth:
    """Add a replay up."""
    champion = float(np.mean([step.champion_rmse for step in steps]))
    newest = float(np.mean([step.newest_rmse for step in steps]))
    promotions = sum(step.promoted for step in steps)
    return Worth(champion, newest, champion / newest, promotions, len(steps))


class Home:
    """Models and months of a home; what two models answered about a month is kept."""

    def __init__(
        self, store: Store, service: str, feature_set: str, gate: Gate, zones: Path | None
    ) -> None:
        """Look at a home; nothing in it changes."""
        self.store = store
        self.service = service_named(service)
        self.prefix = f"{service}/{feature_set}"
        self.gate = gate
        self.zones = None if zones is None else read_zones(zones.read_bytes(), str(zones))

    def judge(self, scratch: Path) -> Compare:
        """Return what compares two models, with its files in a folder."""

        def judged(champion: Month, challenger: Month, month: Month) -> Comparison:
            parts = {CHAMPION_MINUTES: champion, CHALLENGER_MINUTES: challenger}
            columns = [
                pl.scan_parquet(self._predicted(model, month, scratch)).select(
                    pl.col("minutes").alias(name)
                )
                for name, model in parts.items()
            ]
            trips = pl.concat([self._trips(month), *columns], how="horizontal")
            return compare(
                trips,
                month,
                self.zones,
                self.gate,
                has_distance=self.service.distance is not None,
            )

        return judged

    def _trips(self, month: Month) -> pl.LazyFrame:
        return pl.scan_parquet(self._cleaned(month).file(KEPT_FILE))

    def _cleaned(self, month: Month) -> Partition:
        return self.store.require(f"{self.service.name}/cleaned_trips", month, "the replay")

    def _predicted(self, model: Month, month: Month, scratch: Path) -> Path:
        """Return a file with a model's minutes for each kept trip of a month, made once."""
        asked = self.store.require(f"{self.prefix}/duration_model", model, "the replay")
        trips = self._cleaned(month)
        file = scratch / f"{asked.summary['run_id']}_{trips.data_version[:16]}.parquet"
        if not file.exists():
            with tempfile.TemporaryDirectory(dir=scratch) as name:
                folder = Path(name)
                found = score_by_both(kept_trips(trips), {"minutes": asked.folder}, folder)
                found.select("minutes").collect().write_parquet(folder / file.name)
                (folder / file.name).rename(file)
        return file


def chart(steps: list[Step], path: Path) -> None:
    """Draw both errors by month, and when the champion changed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    months = [str(Month.parse(step.month).shift(1)) for step in steps]
    axes.plot(months, [step.newest_rmse for step in steps], label="always the newest")
    axes.plot(months, [step.champion_rmse for step in steps], label="the champion", linestyle="--")
    changed = [(name, step) for name, step in zip(months, steps, strict=True) if step.promoted]
    axes.scatter(
        [name for name, _ in changed],
        [step.champion_rmse for _, step in changed],
        label="a new champion",
        color="black",
        zorder=3,
    )
    axes.set_ylabel("RMSE, minutes")
    axes.tick_params(axis="x", rotation=90)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def lines(steps: list[Step], found: Worth) -> Iterator[str]:
    """Yield what is printed."""
    for step in steps:
        mark = "promoted" if step.promoted else f"kept: {step.why_not}"
        yield (
            f"{step.month}: champion {step.champion} {step.champion_rmse:.4f}, "
            f"newest {step.newest} {step.newest_rmse:.4f}, {mark}"
        )
    yield (
        f"mean RMSE {found.champion_rmse:.5f} of the champions, {found.newest_rmse:.5f} of the "
        f"newest: {found.ratio:.5f} times; {found.promotions} promotions against "
        f"{found.newest_promotions}"
    )


def main() -> None:
    """Replay, print, and write the figures and the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--service", default="green")
    parser.add_argument("--feature-set", default="metered")
    parser.add_argument("--from", dest="first", type=Month.parse, default=Month(2022, 1))
    parser.add_argument("--to", dest="last", type=Month.parse, default=Month(2023, 12))
    parser.add_argument("--zones", type=Path, help="TLC's zone lookup; without, no borough pairs.")
    defaults = Settings.model_fields
    for name in ("margin", "confidence", "slice_share", "slice_limit"):
        default = defaults[f"champion_{name}"].default
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    parser.add_argument("--cache", type=Path, default=Path("champions-cache"))
    parser.add_argument("--results", type=Path, default=Path("champions.json"))
    parser.add_argument("--chart", type=Path, default=Path("docs/images/champions.png"))
    given = parser.parse_args()
    load_alone()
    gate = Gate(given.margin, given.confidence, given.slice_share, given.slice_limit)
    home = Home(Store(given.home / "store"), given.service, given.feature_set, gate, given.zones)
    given.cache.mkdir(parents=True, exist_ok=True)
    steps = replay(given.first, given.last, gate, home.judge(given.cache))
    found = worth(steps)
    print(*lines(steps, found), sep="\n")
    kept = {"gate": asdict(gate), **asdict(found), "steps": [asdict(step) for step in steps]}
    given.results.write_text(json.dumps(kept, indent=1) + "\n")
    chart(steps, given.chart)


if __name__ == "__main__":
    main()
