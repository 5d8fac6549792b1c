"""Addresses of servers, and the keys that they ask for, which no run folder holds."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from search.errors import KnobError

KEY = "VLLM_API_KEY"
"""The environment variable with the key of `vllm serve --api-key`."""
SOCKET = "unix://"
"""Begins the address of a socket in a file, `vllm serve --uds`."""


def check_urls(urls: Sequence[str]) -> None:
    """Raises KnobError unless each is an address of http or https, or of a socket, without a key, and named once."""
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "unix") or not (parts.netloc or url.startswith(f"{SOCKET}/")):
            raise KnobError(f"url={url}: give http://HOST:PORT, https://HOST:PORT or {SOCKET}/PATH of a socket")
        if parts.username or parts.password or parts.query or parts.fragment:
            hidden = f"{parts.scheme}://{parts.hostname}"
            raise KnobError(f"url={hidden}...: leave name, password and key out of it; the key is read from {KEY}")
    if len(set(map(base, urls))) < len(urls):
        raise KnobError(f"url={','.join(urls)}: name each server once")


def base(url: str) -> str:
    """The address before a route, without `/v1` at its end, as people give it to OpenAI's client."""
    return url.rstrip("/").removesuffix("/v1")


def key(variable: str = KEY) -> str | None:
    """The key in an environment variable."""
    return os.environ.get(variable) or None
