"""What happens around every step.

Its run shows as alive, learns if its failure passes, and its process ends soon once it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from duration_assets.errors import DurationError
from duration_assets.garbage import not_searched_at_the_end
from duration_assets.resources.live_runs import LiveRuns

RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
"""Dagster's own tag: whether a run that failed in a step is started again."""

Step = TypeVar("Step", bound=Callable[..., Any])


def as_step(home: Path) -> Callable[[Step], Step]:
    """Return a decorator for the function of an asset, which stands under Dagster's own.

    Args:
        home: the home folder.
    """

    def decorate(make: Any) -> Any:
        if isgeneratorfunction(make):

            @wraps(make)
            def step(context: dg.AssetExecutionContext, **resources: Any) -> Any:
                with _around(context, home):
                    yield from make(context, **resources)

        else:

            @wraps(make)
            def step(context: dg.AssetExecutionContext, **resources: Any) -> Any:
                with _around(context, home):
                    return make(context, **resources)

        return step

    return decorate


@contextmanager
def _around(context: dg.AssetExecutionContext, home: Path) -> Iterator[None]:
    LiveRuns(home).hold(context.run.run_id)
    not_searched_at_the_end()
    try:
        yield
    except Exception as error:
        passes = isinstance(error, DurationError) and error.passes
        # A run that is started again has the tags of the first.
        if passes or RETRY_TAG in context.run.tags:
            context.instance.add_run_tags(context.run.run_id, {RETRY_TAG: str(passes).lower()})
        raise
