"""What groups of features are worth: how the RMSE moves when one of them is left out.

    DURATION_HOME=HOME python -m benchmarks.ablation --from 2023-04 --to 2023-06 --window 12

A group is a level (what past trips are grouped by), a kind (what is known of them) or the first
word of a feature that is the trip's own. Each model is trained anew without the group's columns, as
a backtest trains it. Prints a table in Markdown. The months are there to choose features on: a
month that a model is judged on in earnest must not be among them.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.measuring import values_by_name
from duration_assets.backtests.planning import Trial, plan_trials
from duration_assets.backtests.processes import Call
from duration_assets.backtests.running import FOLDER, scratch_folder, work_of
from duration_assets.backtests.sharing import share_out
from duration_assets.backtests.trial_process import Work, encoded
from duration_assets.modelling.backtesting import Candidate
from duration_assets.modelling.features import LEVELS
from duration_assets.months import Month
from duration_assets.settings import Settings

NOTHING = "nothing"

Errors = dict[str, float]
"""RMSE in minutes by the group that was left out."""


def groups_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Return groups of features by their names alone.

    Args:
        names: as `features.feature_names` gives them, `pair_block_duration` and `hour`.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        # `pair_block` begins like `pair`.
        levels = [level for level in LEVELS if name.startswith(f"{level}_")]
        if levels:
            level = max(levels, key=len)
            groups = [f"level {level}", f"kind {name.removeprefix(f'{level}_')}"]
        else:
            groups = [f"own {name.partition('_')[0]}"]
        for group in groups:
            found.setdefault(group, []).append(name)
    kinds = ("level", "kind", "own")
    return dict(sorted(found.items(), key=lambda item: kinds.index(item[0].partition(" ")[0])))


def errors_without(work: Work) -> Errors:
    """Train and judge with all features, and without each group; for a process of its own."""
    with encoded(work) as trial:
        left_out = {NOTHING: [], **groups_of(trial.feature_names)}
        errors = {}
        for group, names in left_out.items():
            without = trial.without(names)
            errors[group] = without.judge(without.fit(work.threads, work.parameters))["rmse"]
        return errors


def measure(trials: Sequence[Trial], settings: Settings) -> dict[str, list[Errors]]:
    """Return the errors of each trial by feature set.

    Raises:
        RuntimeError: if one fails, with the reason.
    """
    share = share_out(trials, settings.threads, None)
    found: dict[str, list[Errors]] = {}
    with scratch_folder(settings.home / FOLDER) as scratch:
        calls: dict[str, Call] = {
            trial.name: (errors_without, (work_of(trial, settings, share.threads, scratch),))
            for trial in trials
        }
        by_name = {trial.name: trial for trial in trials}
        for name, errors in values_by_name(calls, share.at_once).items():
            found.setdefault(by_name[name].candidate.feature_set, []).append(errors)
    return found


def as_table(found: Mapping[str, Sequence[Errors]]) -> str:
    """Return a table in Markdown: RMSE with all features, and what it gains without each group."""
    groups = dict.fromkeys(group for trials in found.values() for group in trials[0])
    lines = [f"| left out | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for group in groups:
        cells = (_cell(group, trials) for trials in found.values())
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(group: str, trials: Sequence[Errors]) -> str:
    if group not in trials[0]:
        return ""
    if group == NOTHING:
        return f"{statistics.fmean(errors[NOTHING] for errors in trials):.4f}"
    moves = [errors[group] - errors[NOTHING] for errors in trials]
    spread = f" ± {statistics.stdev(moves):.4f}" if len(moves) > 1 else ""
    return f"{statistics.fmean(moves):+.4f}{spread}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--from", dest="first", type=Month.parse, required=True)
    parser.add_argument("--to", dest="last", type=Month.parse, required=True)
    parser.add_argument("--service", default="green")
    parser.add_argument("--feature-set", nargs="+", default=["metered", "request"])
    parser.add_argument("--window", type=int, default=12)
    given = parser.parse_args()
    settings = Settings.load(services=[given.service], feature_sets=given.feature_set)
    candidates = [Candidate(name, given.window) for name in given.feature_set]
    trials = plan_trials(candidates, given.first, given.last, given.service, settings)
    print(f"RMSE in minutes, mean over {given.first} to {given.last}, windows of {given.window}:\n")
    print(as_table(measure(trials, settings)))


if __name__ == "__main__":
    main()
