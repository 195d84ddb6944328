"""`report`: how a feature set is doing, as one web page."""

from __future__ import annotations

from pathlib import Path

import click

from duration_assets.commands.options import feature_set_option, service_option, settings_for
from duration_assets.errors import StoreError


@click.command()
@service_option
@feature_set_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the page; by default reports/<service>-<feature set>.html in the home.",
)
def report(service: str, feature_set: str, output: Path | None) -> None:
    """Write one web page on the champion, errors, intervals, drift and data, month by month.

    It is made from what the home holds, and says what is missing.
    """
    from duration_assets.modelling.reports.overall_report import overall_report
    from duration_assets.overview import overview_of
    from duration_assets.resources.files import write_atomically

    settings = settings_for(service, feature_set)
    made = overall_report(overview_of(service, feature_set, settings))
    path = output or settings.home / "reports" / f"{service}-{feature_set}.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, made.to_html().encode())
    except OSError as error:
        raise StoreError(
            f"The report cannot be written to {path} ({error.strerror}): choose another file with "
            "--output."
        ) from error
    if made.warning:
        click.echo(made.warning)
    click.echo(f"Report: {path}")
