"""Who may come in: the key, the name that the server was called by, and the size and type of a body."""

import hmac
import ipaddress
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request

from experiments.serving.refusals import Refusal, wrong
from experiments.serving.schema import LONGEST

KEY = "STEPSEARCH_API_KEY"
"""The environment's variable that holds the key."""


class Door:
    """Checks of a request. Without a key the server answers only to names of this machine.

    So no page of another site reaches it through the browser of who runs it: not under a name that the site owns
    (by the Host header), and not with a form (by the type of the body).
    """

    def __init__(self, key: str | None, host: str) -> None:
        self._key = None if key is None else key.encode()
        self._names = {"localhost", "127.0.0.1", "::1", host}

    @property
    def locked(self) -> bool:
        """Whether a key is needed."""
        return self._key is not None

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises Refusal: 401 for a wrong key, 403 for another name than the server's."""
        if self._key is None:
            self.check_name(headers)
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
            raise Refusal(401, "the key is missing or wrong: Authorization: Bearer KEY", code="invalid_api_key")

    def check_name(self, headers: Mapping[str, str]) -> None:
        """Raises Refusal where a server without a key is called by a name that is not this machine's."""
        host = headers.get("host", "")
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self._key is None and name not in self._names:
            raise Refusal(
                403, f"this server has no key and does not answer to the name {name!r:.80}", code="wrong_host"
            )


async def read_body(request: Request) -> bytes:
    """The body. Raises Refusal where it is no JSON by its type, or too long."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "send JSON, with Content-Type: application/json", code="not_json")
    parts, size = list[bytes](), 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LONGEST:
                raise Refusal(413, f"the body is longer than {LONGEST:,} bytes", code="too_long")
            parts.append(part)
    except ClientDisconnect:
        raise wrong("the body has no end", code="client_left") from None
    if not size:
        raise wrong("the body is empty")
    return b"".join(parts)


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
