"""One tick of the sensor as the daemon makes it, in a process that can be killed within it.

The settings come from the environment. As a program it takes the point of the tick to die at.
"""

from __future__ import annotations

import logging
import signal
import sys

from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration


def tick(point: str | None) -> None:
    """Make one tick, and die at `point` of it."""
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(
            executable_path=sys.executable, module_name="duration_assets.definitions"
        ),
        location_name="duration_assets",
    )
    flags = {} if point is None else {"green_source": {point: signal.SIGKILL}}
    with (
        DagsterInstance.get() as instance,
        create_test_daemon_workspace_context(
            InProcessWorkspaceLoadTarget(origin), instance
        ) as workspace,
    ):
        for error in execute_sensor_iteration(
            workspace,
            logging.getLogger("daemon"),
            threadpool_executor=None,
            submit_threadpool_executor=None,
            debug_crash_flags=flags,
        ):
            if error is not None:
                raise RuntimeError(error)


if __name__ == "__main__":
    tick(sys.argv[1])
