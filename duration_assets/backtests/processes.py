"""Functions in processes of their own, several side by side, whose ends are seen one by one.

Each call gets a new process: its memory goes back to the system with it, and one that is killed
takes no other with it. Knows nothing of trips.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from duration_assets.errors import DurationError

Call = tuple[Callable[..., Any], Sequence[Any]]
"""A function that a new process can import, and its arguments, all of which can be pickled."""


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Attributes:
        name: of the call.
        value: what it returned.
        error: what is wrong, in one line; None if nothing is.
        details: the traceback of an error that is not explained by its message.
    """

    name: str
    value: Any = None
    error: str | None = None
    details: str | None = None


def each_in_a_process(calls: Mapping[str, Call], at_once: int) -> Generator[Ended]:
    """Call functions, each in a new process, and yield how each ended as soon as it has.

    Close the generator to stop: processes that still work are killed then, and so they are after
    an interruption.

    Args:
        calls: by name, in the order in which they are begun.
        at_once: how many work side by side.
    """
    waiting = deque(calls.items())
    working: dict[Connection, tuple[str, SpawnProcess]] = {}
    try:
        while waiting or working:
            while waiting and len(working) < at_once:
                name, call = waiting.popleft()
                process, answers = _start(call)
                working[answers] = name, process
            for ready in wait(list(working)):
                assert isinstance(ready, Connection)
                name, process = working[ready]
                ended = _ended(name, process, ready)
                del working[ready]
                yield ended
    finally:
        for _, process in working.values():
            process.kill()
        for answers, (_, process) in working.items():
            process.join()
            answers.close()


def _start(call: Call) -> tuple[SpawnProcess, Connection]:
    # A process that is forked would share locks with threads that are not there.
    context = get_context("spawn")
    answers, to_parent = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(to_parent, *call), daemon=True)
    with _interruptions_held():
        process.start()
    # The end of the process is then the end of what can be read.
    to_parent.close()
    return process, answers


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Let a process that is started never see Ctrl-C, which a terminal sends to all.

    What is held back here reaches this process afterwards.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _work(to_parent: Connection, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Call the function and send how it ended; what a process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = {"value": function(*arguments)}
    except DurationError as error:
        answer = {"error": str(error)}
    except Exception as error:
        said = traceback.format_exception_only(error)[-1].strip()
        answer = {"error": said, "details": traceback.format_exc()}
    to_parent.send(answer)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _ended(name: str, process: SpawnProcess, answers: Connection) -> Ended:
    try:
        answer = answers.recv()
    except EOFError:
        process.join()
        return Ended(name, error=_why(process.exitcode))
    finally:
        answers.close()
    process.join()
    return Ended(name, **answer)


def _why(code: int | None) -> str:
    """Say in words how a process ended that gave no answer."""
    if code == -signal.SIGKILL:
        return "Its process was killed, as systems do that are out of memory: try fewer --jobs."
    if code is not None and code < 0:
        return f"Its process was ended by {signal.Signals(-code).name}."
    return f"Its process ended with exit code {code}."
