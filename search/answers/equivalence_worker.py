"""The parent's end of the process that reads and compares answers, `search.answers.algebra`."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from subprocess import PIPE, Popen
from threading import Thread
from typing import IO, Any

PATIENCE = 120.0  # seconds that a process may wait for its turn on a busy machine, beside the time that it computes
_PROGRAM = Path(__file__).with_name("algebra.py")


class Worker:
    """A running process, and the thread that brings its lines to where they can be awaited with a limit."""

    def __init__(self, seconds: float, command: Sequence[str] = (), patience: float | None = None) -> None:
        """`seconds` of processor time for every question: the process's own timer kills it, even without a parent.

        `command` is another program and its arguments, which may import what this process may; `patience` takes the
        place of PATIENCE.
        """
        # The order of sympy's terms must not differ between runs.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        if command:
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [*sys.path, os.getcwd()]))
        self._patience = patience
        self._process = Popen(
            # -P: this folder's files must not hide other modules
            [sys.executable, "-P", *(command or (str(_PROGRAM), str(seconds)))],
            stdin=PIPE,
            stdout=PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is not for it
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._seconds = seconds
        self._questions = self._process.stdin
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=_carry, args=(self._process.stdout, self._lines), daemon=True)
        self._reader.start()
        try:
            # A site's own start-up files may print something first.
            while json.dumps("ready") not in self._hear(PATIENCE):
                pass
        except OSError as error:
            raise RuntimeError("the process that compares answers did not start; is math-verify installed?") from error

    @property
    def alive(self) -> bool:
        """False also in a fork of the process that started it, for two may not share a pipe."""
        return self._process.poll() is None

    def ask(self, answers: Sequence[str]) -> Any:
        """The reply. Otherwise the process is gone: raises TimeoutError, or BrokenPipeError if it died by itself."""
        try:
            self._questions.write(json.dumps(answers) + "\n")
            self._questions.flush()
        except BrokenPipeError:
            self.stop()
            raise
        return json.loads(self._hear(PATIENCE if self._patience is None else self._patience))

    def _hear(self, patience: float) -> str:
        line = ""
        try:
            line = self._lines.get(timeout=self._seconds + patience)
        except Empty:
            raise TimeoutError("the process did not get to its answer") from None
        finally:
            if not line:  # also when interrupted: a late reply would be taken for the next question's
                self.stop()
        if line:
            return line
        if self._process.returncode == -getattr(signal, "SIGPROF", 0):
            raise TimeoutError(f"no answer after computing for {self._seconds} seconds")
        raise BrokenPipeError("the process died")

    def stop(self) -> None:
        """Kills the process and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        with suppress(OSError):  # an unsent question
            self._questions.close()


def _carry(stdout: IO[str], lines: SimpleQueue[str]) -> None:
    with stdout:
        for line in stdout:
            lines.put(line)
    lines.put("")
