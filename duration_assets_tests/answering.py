"""A web server that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"PAR1" + b"x" * 3_000_000 + b"PAR1"


@dataclass(frozen=True)
class Answer:
    """What the server sends.

    Attributes:
        status: of HTTP.
        body: the bytes, in pieces.
        length: the bytes that it announces.
        headers: further headers.
        stalls: whether it then keeps the connection and sends nothing more.
    """

    status: int = 200
    body: tuple[bytes, ...] = (CONTENT,)
    length: int = len(CONTENT)
    headers: Mapping[str, str] = field(default_factory=dict)
    stalls: bool = False


def refused(status: int, **headers: str) -> Answer:
    """Return an answer without a file."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, (), 0, shown)


SILENCE = Answer(0, (), 0, stalls=True)
"""The connection is accepted, and nothing is sent."""
HANGING_UP = Answer(0, (), 0)
"""The connection is closed without an answer."""
CUT_SHORT = Answer(body=(CONTENT[:1000],))
STALLED = Answer(body=(CONTENT[:1000],), stalls=True)


@dataclass(frozen=True)
class Request:
    """What was asked, and what was posted with it."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes = b""


class AnsweringServer:
    """Runs in a thread until `stop`; `answer` takes a path and how often it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[str, int], Answer] = lambda path, count: Answer()
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                posted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append(Request(self.path, dict(self.headers), self.command, posted))
                answer = outer.answer(self.path, outer.paths.count(self.path))
                if answer.status:
                    self.send_response(answer.status)
                    self.send_header("Content-Length", str(answer.length))
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                try:
                    for piece in answer.body if self.command == "GET" else ():
                        self.wfile.write(piece)
                except ConnectionError:
                    """Who asked has seen enough."""
                if answer.stalls:
                    outer.stopping.wait()
                self.close_connection = True

            do_HEAD = do_GET  # noqa: N815 - named by the protocol
            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in time."""
        return [request.path for request in self.requests]

    def stop(self) -> None:
        """Let go of every connection, and end the thread."""
        self.stopping.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
