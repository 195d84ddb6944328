"""Which process owns an MLflow run: written on the run as tags, and looked up when it is gone."""

from __future__ import annotations

import socket

import psutil

HOST_TAG = "duration_assets.host"
PROCESS_TAG = "duration_assets.process"


def process_tags() -> dict[str, str]:
    """Return the tags that name this process on this host."""
    process = psutil.Process()
    return {
        HOST_TAG: socket.gethostname(),
        PROCESS_TAG: f"{process.pid} {process.create_time():.2f}",
    }


def is_alive(process: str) -> bool:
    """Say whether the process that a run was tagged with is still the one with that number."""
    number, started = process.split()
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
