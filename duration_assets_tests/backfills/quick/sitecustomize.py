"""Imported by Python when it starts: lets Dagster's backfill daemon look every few seconds.

It looks every 30 seconds, a constant, and most of a test would be waiting for it.
"""

import sys

if "dagster._daemon" in sys.orig_argv:
    import dagster._daemon.controller

    dagster._daemon.controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 3
