"""Starts servers, looks after them and starts those anew that have ended; all of them end with this process."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from policies.engines.guard import guard, start_guard
from policies.engines.models import ModelError
from policies.engines.vllm_log import SETTING, is_own_setting
from policies.engines.vllm_serve import Serve
from policies.engines.waiting import waits

_LOOK = 0.5  # seconds between two looks
_TRIES = 3  # starts in a row without being well, before it is given up
_ENDING = 20.0  # seconds that a server has to end by itself


class Supervised:
    """One server as a process; its output goes to a file in `logs`."""

    def __init__(self, of: Serve, logs: Path) -> None:
        self.of, self.log = of, logs / f"{of.url.rpartition(':')[2]}.log"
        self.well = False
        self.process: subprocess.Popen[bytes] | None = None
        self._failed, self._waits, self._not_before = 0, waits(1.0), 0.0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def may_start(self) -> bool:
        return not self.running and time.monotonic() >= self._not_before

    def start(self) -> None:
        """In a session of its own, which no signal from a terminal reaches."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            environment = {**os.environ, **self.of.environment}
            if is_own_setting(environment.get(SETTING, "")):  # else its log would go to this process' file
                del environment[SETTING]
            self.process = subprocess.Popen(
                self.of.words, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        guard(self.process.pid)

    def look(self, say: Callable[[str], None]) -> None:
        """Notes whether it is well, and says what has changed. Raises ModelError where it does not start."""
        if self.process is None:
            return
        if not self.running:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)  # what it left behind, which holds the GPU's memory
            self._failed = 0 if self.well else self._failed + 1
            if self._failed >= _TRIES:
                raise ModelError(f"{self.of.name} does not start at {self.of.url}: {self.tail()}")
            say(f"{self.of.url} has ended ({self.of.name}, exit code {self.process.returncode}); it is started anew")
            self.process, self.well, self._not_before = None, False, time.monotonic() + next(self._waits)
        elif not self.well and _is_well(self.of.url):
            self.well, self._waits = True, waits(1.0)
            say(f"{self.of.url} serves {self.of.name}")

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, and where the rest is."""
        with suppress(OSError):
            return "\n".join(
                [*self.log.read_text("utf-8", "replace").splitlines()[-lines:], f"(all of it: {self.log})"]
            )
        return "it has written no log"

    def end(self) -> None:
        if self.running and self.process is not None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGTERM)


def _is_well(url: str) -> bool:
    with suppress(OSError):
        return urllib.request.urlopen(f"{url}/health", timeout=2).status == 200
    return False


def supervise(servers: Sequence[Serve], logs: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Starts the servers and, with each step of the iterator, looks after them; closing it ends them.

    One that measures its GPUs' memory starts alone there. Raises ModelError where one does not start.
    """
    start_guard()
    all_of_them = [Supervised(server, logs) for server in servers]
    try:
        while True:
            for server in all_of_them:
                server.look(say)
                if server.may_start and not _in_the_way(server, all_of_them):
                    say(f"{server.of.url} starts {server.of.name}; a large model takes minutes (log: {server.log})")
                    server.start()
            yield
            time.sleep(_LOOK)
    finally:
        _end(all_of_them)


def _in_the_way(server: Supervised, others: Sequence[Supervised]) -> bool:
    """Whether another one is starting on its GPUs, and one of the two measures their memory."""
    return any(
        other is not server
        and other.running
        and not other.well
        and (other.of.measures or server.of.measures)
        and not set(other.of.gpus).isdisjoint(server.of.gpus)
        for other in others
    )


def _end(servers: Sequence[Supervised]) -> None:
    for server in servers:
        server.end()
    until = time.monotonic() + _ENDING
    while any(server.running for server in servers) and time.monotonic() < until:
        time.sleep(0.05)
    for server in servers:
        if server.process is not None:
            with suppress(OSError):
                os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
