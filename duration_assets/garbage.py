"""Python's search for garbage, in processes that load much, keep it, and end."""

from __future__ import annotations

import atexit
import gc
from functools import cache


def seldom_searched() -> None:
    """Let Python look for garbage more seldom.

    Dagster and MLflow load many objects that stay. To look through them again and again takes a
    second of a command's time.
    """
    gc.set_threshold(100_000, 50, 50)


@cache
def not_searched_at_the_end() -> None:
    """Let this process end without one more search.

    Of the same objects Python takes leave one by one, which takes about a second more; the system
    takes back their memory anyway.
    """
    atexit.register(gc.freeze)
