"""What a client is told where it gets no answer: a status and an error in OpenAI's form."""

import sys
import traceback
from typing import Any
from uuid import uuid4

from experiments.errors import is_message
from experiments.terminal import plain_lines
from search.attempts import passes
from search.errors import WorkerDied

LATER = 5
"""seconds after which a client may ask again where nothing better is known"""
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class Refusal(Exception):
    """A request that is not answered. `param` names the field that is wrong, `after` the seconds until a retry."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.after = status, message, code, param, after

    def body(self) -> dict[str, Any]:
        """The error in OpenAI's form."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """`Retry-After` in whole seconds, where asking again may help."""
        return {} if self.after is None else {"Retry-After": str(max(1, round(self.after)))}


def wrong(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A request that cannot be answered as it stands."""
    return Refusal(400, message, code=code, param=param)


def refusal_of(error: BaseException) -> Refusal:
    """What a client is told of an error in its search.

    An error that is written for the user is the request's fault; one that passes may be asked again; any other is a
    defect, whose traceback goes to the server's standard error under a number that the client gets.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, WorkerDied):
        return Refusal(503, "an engine has ended; the server has to be started again", code="engine_ended", after=60)
    if passes(error):
        return Refusal(503, "the models are not reachable or too busy", code="engine_busy", after=LATER)
    if is_message(error):
        return wrong(str(error), code="cannot_be_searched")
    number = uuid4().hex[:8]
    trace = "".join(traceback.format_exception(error, chain=False))
    print(f"error {number}:\n{plain_lines(trace)}", file=sys.stderr)
    return Refusal(500, f"the search failed; the server's log has it as error {number}", code="search_failed")
