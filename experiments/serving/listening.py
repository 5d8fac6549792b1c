"""Listens on a port until it is told to end; ends once the searches that run have been answered."""

import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from experiments.errors import ConfigError
from experiments.serving.gate import Gate
from experiments.terminal import note

_CLOSE = 5  # seconds that connections have to end by themselves


def bound(host: str, port: int) -> socket.socket:
    """A socket with that address, which does not listen yet. Raises ConfigError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise ConfigError(f"host={host} port={port}: {error.strerror or error}; choose another port=") from error
    return taken


class Listening(uvicorn.Server):
    """At the first Ctrl-C or SIGTERM no new search begins, and `/health` says so; at the second one it ends at once."""

    def __init__(self, app: FastAPI, gate: Gate) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_CLOSE,
            )
        )
        self._gate = gate

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._gate.closing or sig not in (signal.SIGINT, signal.SIGTERM):
            self.should_exit = self.force_exit = True
            return
        self._gate.closing = True
        if self._gate.places:
            note(f"ending once {self._gate.places} searches are answered; Ctrl-C again ends at once")

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or (self._gate.closing and not self._gate.places)
