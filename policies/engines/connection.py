"""Requests to one server over HTTP, each made once; how a failure is told from an answer."""

import json
import resource
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from policies.engines.models import ModelError
from policies.engines.urls import KEY, SOCKET, base, key

IDLE = 2.0  # seconds that an unused connection is kept: vLLM's server closes it after 5, others earlier
CONNECTING = 10.0  # seconds; an answer may take any time
FILES = 65_536  # open connections, where the system allows so many


class Answer(NamedTuple):
    """Status, text and the seconds that `Retry-After` names."""

    status: int
    text: str
    after: float | None

    def json(self) -> Any:
        return json.loads(self.text)

    def message(self) -> str:
        """What the server says of an error, in one line."""
        found: Any = self.text
        with suppress(ValueError):
            found = json.loads(self.text)
        if isinstance(found, dict):
            found = found.get("error", found.get("detail", found))
        if isinstance(found, dict):
            found = found.get("message", found)
        return " ".join(str(found).split())[:300]


class Lost(Exception):
    """No answer came; `sent`: the server may have worked on the request."""

    def __init__(self, why: str, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Connection:
    """Keeps connections to a server; used in one event loop. `variable` names the key in the environment.

    `outside`: the server is not of one's own network, and may stand behind the proxy that the environment names.
    """

    def __init__(self, url: str, variable: str = KEY, outside: bool = False) -> None:
        self.url, self._variable, self._outside = url, variable, outside
        self._session: Any = None

    async def get(self, path: str, seconds: float = 10.0) -> Answer:
        """Raises Lost where no answer comes within so many seconds."""
        return await self._send("GET", path, None, seconds)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Raises Lost where the connection fails; waits for an answer as long as it lives."""
        return await self._send("POST", path, json.dumps(body).encode(), None)

    async def _send(self, method: str, path: str, data: bytes | None, seconds: float | None) -> Answer:
        aiohttp = library()
        if self._session is None:
            self._session = self._opened()
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECTING)
        address = ("http://localhost" if self.url.startswith(SOCKET) else base(self.url)) + path
        more = {"headers": {"Content-Type": "application/json"}} if data else {}
        request = self._session.request(method, address, data=data, timeout=limits, allow_redirects=False, **more)
        try:
            async with request as response:
                text = await response.text()
                return Answer(response.status, text, _seconds(response.headers.get("Retry-After")))
        except (aiohttp.InvalidURL, aiohttp.ClientConnectorDNSError) as error:
            raise ModelError(f"url={self.url} cannot be reached: {error}; correct it") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Lost(f"it cannot be reached: {error}", sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Lost(f"the connection was lost: {type(error).__name__} {error}".strip(), sent=True) from error

    def _opened(self) -> Any:
        aiohttp = library()
        allow_files()
        secret = key(self._variable)
        kept: dict[str, Any] = {"limit": 0, "keepalive_timeout": IDLE}
        if self.url.startswith(SOCKET):
            connector = aiohttp.UnixConnector(self.url.removeprefix(SOCKET), **kept)
        else:
            connector = aiohttp.TCPConnector(**kept, socket_factory=_watched_socket)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return aiohttp.ClientSession(connector=connector, headers=headers, trust_env=self._outside)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _watched_socket(address: Any) -> socket.socket:
    """A socket that notices within a minute that the machine at its other end is gone."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


def _seconds(after: str | None) -> float | None:
    """Of a Retry-After header in seconds; a date is not read."""
    with suppress(ValueError):
        return max(0.0, float(after)) if after else None
    return None


@cache
def library() -> Any:
    """aiohttp. Raises ModelError where it is not installed."""
    try:
        import aiohttp
    except ImportError as error:
        raise ModelError("url= needs aiohttp, which is not installed: pip install 'stepsearch[remote]'") from error
    return aiohttp


@cache
def allow_files() -> None:
    """Raises the limit of open files, of which each request under way needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
