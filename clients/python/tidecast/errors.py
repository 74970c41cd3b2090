"""What can go wrong: one exception a kind of answer, with the server's own words."""

from typing import Optional


class TidecastError(Exception):
    """An error that the server answered (RFC 9457), or that there was no answer.

    status: the HTTP status, 0 where there was no answer.  where, found, allowed: which parameter or member was wrong,
    what stood there and what may stand there; None where that is not the matter.
    """

    def __init__(self, message: str, status: int = 0, problem: Optional[dict] = None):
        super().__init__(message)
        problem = problem or {}
        self.status = status
        self.where = problem.get("where")
        self.found = problem.get("found")
        self.allowed = problem.get("allowed")
        self.retry_after: Optional[float] = None  # Seconds, where the server said them.


class BadRequest(TidecastError):
    """The request is wrong; nothing happened (400, 413, 415)."""


class NotFound(TidecastError):
    """There is no such thing (404)."""


class Refused(TidecastError):
    """Refused by the present state: a gate, an approval that is missing, no model in production yet (409)."""


class Unavailable(TidecastError):
    """Not reachable, not ready or too busy (429, 503); trying again later may help, retry_after says when."""


class ServerError(TidecastError):
    """The server's fault (500), or an answer that is none of Tidecast's."""


class TruncatedWarning(UserWarning):
    """The result has more rows than the server gives; what you have is the first of them."""


def error_of(status: int, message: str, problem: Optional[dict] = None) -> TidecastError:
    """The exception for an HTTP status."""
    kinds = {400: BadRequest, 413: BadRequest, 415: BadRequest, 404: NotFound, 409: Refused, 429: Unavailable,
             503: Unavailable}
    return kinds.get(status, ServerError)(message, status, problem)
