"""How a request is refused: with a status and a reason that says what to change."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
        status: of HTTP.
        reason: what is wrong with it, for who asked; nothing of the server's insides.
    """

    def __init__(self, status: int, reason: str) -> None:
        """Take both."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
