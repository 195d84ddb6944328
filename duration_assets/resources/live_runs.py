"""Which Dagster runs have a process: a file in the home for each, locked while the process lives.

Dagster's own monitoring asks the code server, and knows nothing of a run whose code server is gone
too. What is done about a run without a process belongs in `recovery.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import filelock

from duration_assets.resources.run_owner import Owner

_held_here = ExitStack()
"""What this process holds until it ends; the system lets go of it then, however it ends."""

_runs_held_here: set[Path] = set()


class LiveRuns:
    """The runs of one home."""

    def __init__(self, home: Path) -> None:
        """Remember where the files are; nothing is written yet."""
        self._folder = home / ".runs"

    def hold(self, run_id: str) -> None:
        """Show a run as alive until this process ends; again is the same as once.

        Raises:
            filelock.Timeout: if another process shows it as alive.
        """
        path = self._folder / run_id
        if path not in _runs_held_here:
            with self._alone():
                _held_here.enter_context(Owner(path).alive())
            _runs_held_here.add(path)

    @contextmanager
    def held(self, run_id: str) -> Iterator[None]:
        """Show a run as alive until the block ends, or this process does before."""
        owner, path = Owner(self._folder / run_id), self._folder / run_id
        with ExitStack() as stack:
            with self._alone():
                stack.enter_context(owner.alive())
            _runs_held_here.add(path)
            try:
                yield
            finally:
                _runs_held_here.discard(path)
                with self._alone():
                    owner.forget()

    def known(self) -> dict[str, bool]:
        """Say of each run that was ever held, and not forgotten, whether its process is alive."""
        with self._alone():
            return {owner.name: not owner.is_gone() for owner in Owner.all_in(self._folder)}

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended, unless its process is still about to."""
        owner = Owner(self._folder / run_id)
        with self._alone():
            if owner.is_gone():
                owner.forget()

    def _alone(self) -> filelock.BaseFileLock:
        """Return the lock under which files are made, looked at and removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self._folder.with_suffix(".lock"))
