"""`backtest`: judge feature sets, windows and parameters side by side over past months."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duration_assets.commands.display import bar_with_lines
from duration_assets.commands.options import MONTH, json_option, service_option, settings_for
from duration_assets.commands.stopping import interrupted_when_ended
from duration_assets.months import Month
from duration_assets.setting_values import FEATURE_SETS
from duration_assets.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from duration_assets.backtests.report import Results
    from duration_assets.modelling.backtesting import Candidate

_WINDOW = click.IntRange(1, 24)


def _several(convert: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Return a callback for an option that is given several times, or once with commas."""

    def split(
        context: click.Context, parameter: click.Parameter, given: Sequence[str]
    ) -> list[Any]:
        parts = [part.strip() for text in given for part in text.split(",") if part.strip()]
        if given and not parts:
            raise click.BadParameter("it names nothing.", context, parameter)
        return [convert(part, parameter, context) for part in parts]

    return split


@click.command()
@click.option("--from", "first", type=MONTH, required=True, help="First month to judge on.")
@click.option("--to", "last", type=MONTH, required=True, help="Last month to judge on.")
@service_option
@click.option(
    "--feature-set",
    "feature_sets",
    multiple=True,
    default=("metered",),
    show_default=True,
    callback=_several(click.STRING.convert),
    help=f"{', '.join(FEATURE_SETS)}; several with commas, or again and again.",
)
@click.option(
    "--window",
    "windows",
    multiple=True,
    metavar="MONTHS",
    callback=_several(_WINDOW.convert),
    help="Months to train on, 1 to 24; several likewise. The course's is always 1.",
)
@click.option(
    "--parameters",
    multiple=True,
    metavar="FILE",
    help="JSON file of XGBoost's parameters that are to be others, or 'default' for the usual "
    "ones; several again and again.",
)
@click.option(
    "--tuned-to",
    type=MONTH,
    help="Last month that parameters were tuned on: shaded. By default that of the usual ones.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Trainings side by side; by default a core for each."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the report; by default backtests/<from>_<to> in the home.",
)
@json_option
@click.pass_context
def backtest(
    context: click.Context,
    first: Month,
    last: Month,
    service: str,
    feature_sets: list[str],
    windows: list[int],
    parameters: tuple[str, ...],
    tuned_to: Month | None,
    jobs: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Judge feature sets, windows and parameters side by side over past months.

    For each month, each of them is trained on the months before it as the models are, and judged on
    it. What was tried before is not tried again, so that the same command again makes what is left.
    """
    from rich.console import Console

    from duration_assets.backtests.planning import plan_trials
    from duration_assets.backtests.report import SIMULATED, Results, figures
    from duration_assets.backtests.report_files import write_report
    from duration_assets.backtests.running import FOLDER, try_all
    from duration_assets.disk_space import full_disk_explained

    settings = _settings(service, feature_sets)
    tried_out = _candidates(feature_sets, windows or [settings.window], parameters)
    folder = output or settings.home / FOLDER / f"{first}_{last}"
    with (
        interrupted_when_ended(),
        full_disk_explained(settings),
        bar_with_lines("Backtest", "trainings") as display,
    ):
        trials = plan_trials(tried_out, first, last, service, settings)
        results = Results(
            service,
            first,
            last,
            settings.first_month_of(service),
            tried_out,
            try_all(trials, settings, jobs, display),
            any(trial.simulated for trial in trials),
            tuned_to or _tuned_to(feature_sets, settings),
        )
        write_report(results, folder)
    if as_json:
        click.echo(json.dumps({**figures(results), "output": str(folder)}))
    else:
        if results.simulated:
            click.echo(SIMULATED)
        Console().print(_table(results))
        click.echo(f"Report: {folder / 'report.html'}")
    if failures := results.tried.failures:
        click.echo(f"{len(failures)} failed. To try them again: the same command.", err=True)
        context.exit(1)


def _settings(service: str, feature_sets: Sequence[str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: if one cannot be used, or a feature set does not go with the service.
    """
    for feature_set in feature_sets:
        settings = settings_for(service, feature_set)
    return settings


def _tuned_to(feature_sets: Sequence[str], settings: Settings) -> Month | None:
    from duration_assets.modelling.parameters import tuned_parameters

    found = (tuned_parameters(each, settings.parameters) for each in feature_sets)
    return max((each.tuned_through for each in found if each is not None), default=None)


def _candidates(
    feature_sets: Sequence[str], windows: Sequence[int], parameters: Sequence[str]
) -> list[Candidate]:
    from duration_assets.backtests.parameter_files import read_parameter_sets
    from duration_assets.modelling.backtesting import candidates
    from duration_assets.modelling.loading_xgboost import load_alone

    if parameters:
        # XGBoost says whether it can use them.
        load_alone()
    return candidates(feature_sets, windows, read_parameter_sets(parameters))


def _table(results: Results) -> Table:
    from rich import box
    from rich.table import Table

    title = f"{results.service}, judged on {results.first} to {results.last}; errors in minutes"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    headings = ["candidate", "months", "RMSE", "±", "worst", "MAE"]
    headings += ["of course's"] if results.has_course else []
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="left" if not table.columns else "right")
    for each in results.summaries():
        ratio = f"{each.ratio_to_course:.3f}" if each.ratio_to_course else ""
        table.add_row(
            each.candidate,
            str(each.months),
            f"{each.rmse.mean:.4f}",
            f"{each.rmse.deviation:.4f}" if each.rmse.deviation is not None else "",
            f"{each.rmse.worst:.4f} ({each.rmse.worst_month})",
            f"{each.mae.mean:.4f}",
            *([ratio] if results.has_course else []),
        )
    return table
