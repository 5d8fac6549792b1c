"""Workers on Ray: actors, one a node or group of GPUs. Only this module and `ray_connection` import Ray."""

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from experiments.errors import RunError, is_message
from experiments.terminal import note
from experiments.workers.handing import Unfit, WorkerLost
from experiments.workers.knobs import Ray
from experiments.workers.ray_connection import connect
from experiments.workers.runner import Make, Runner

_CPU = 0.01  # of a node: any number of workers fit, but for a node that takes no work, whose CPUs are declared as none
_LONGEST = 300  # characters of a reason in Ray's words
_PATIENCE = 60.0  # seconds between two lines that say what is waited for


class Ready(NamedTuple):
    """What a worker tells of itself once it can work, or why it cannot."""

    host: str
    pid: int
    notes: list[str]
    error: str | None = None


class _Actor:
    """The process of a worker."""

    def __init__(self, make: Make, arguments: Sequence[Any], folder: str, path: Sequence[str]) -> None:
        with suppress(OSError):
            os.chdir(folder)
        sys.path += [place for place in path if place not in sys.path]
        self._make, self._arguments = make, arguments
        self._runner: Runner | None = None

    async def ready(self) -> Ready:
        """Makes the runner and loads its engines, which blocks a thread."""
        host, pid = socket.gethostname(), os.getpid()
        try:
            return Ready(host, pid, await asyncio.to_thread(self._load))
        except Exception as error:
            text = str(error) if is_message(error) else traceback.format_exc()
            return Ready(host, pid, [], text)

    def _load(self) -> list[str]:
        self._runner = self._make(*self._arguments)
        return self._runner.load()

    async def run(self, item: Any) -> Any:
        assert self._runner is not None
        return await self._runner.run(item)


class RayWorker:
    """A worker of a cluster. It begins to start when it is made."""

    def __init__(self, number: int, actor: Any, arguments: Sequence[Any]) -> None:
        self._number, self._class, self._arguments = number, actor, arguments
        self._actor: Any = None
        self.told: Ready | None = None
        self._launch()

    @property
    def name(self) -> str:
        """The same in all its lives, wherever they are."""
        return f"worker {self._number}"

    def _launch(self) -> None:
        self._actor = self._class.remote(*self._arguments)
        self.ready = self._actor.ready.remote()

    async def start(self) -> None:
        if self._actor is None:
            self._launch()
        self.told = told = await _answer(self.ready)
        if told.error is not None:
            raise Unfit(f"on {told.host}: {told.error}")

    async def run(self, item: Any) -> Any:
        return await _answer(self._actor.run.remote(item))

    def end(self) -> None:
        import ray  # pyright: ignore[reportMissingImports]

        if self._actor is not None:
            with suppress(Exception):  # it is dead already, or Ray is
                ray.kill(self._actor)
        self._actor = None


async def _answer(reference: Any) -> Any:
    """What an actor's method returns. Raises WorkerLost, and what the method raises."""
    from ray.exceptions import RayError, RayTaskError  # pyright: ignore[reportMissingImports]

    try:
        return await reference
    except RayTaskError:  # raised by code in the worker
        raise
    except RayError as error:
        raise WorkerLost(_last_line(error)) from None


def _last_line(error: Exception) -> str:
    """The reason in Ray's many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    reason = lines[-1].partition(" Some common causes")[0].rpartition("Worker exit detail: ")[2]
    return reason[:_LONGEST]


class Cluster:
    """A connection to Ray, and workers there that begin to start at once. A context manager."""

    def __init__(self, knobs: Ray, gpus: int, make: Make, arguments: Sequence[Any], at_once: int) -> None:
        """`gpus` is how many each worker needs where the cluster has some and the knobs name no number."""
        self._knobs, self._gpus = knobs, gpus
        self._make, self._arguments, self._at_once = make, arguments, at_once
        self.workers: list[RayWorker] = []
        self._connected = False

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Raises RunError where Ray is not installed, the cluster cannot be reached, or no node can hold a worker."""
        self._connected = connect(self._knobs.address)
        try:
            self._launch()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the workers, and the connection if it was made here. Idempotent."""
        if not (self.workers or self._connected):
            return
        import ray  # pyright: ignore[reportMissingImports]

        for worker in self.workers:
            worker.end()
        if self._connected:
            ray.shutdown()
        self.workers, self._connected = [], False

    def _launch(self) -> None:
        import ray  # pyright: ignore[reportMissingImports]

        count, gpus = layout(self._knobs, self._gpus, [n["Resources"] for n in ray.nodes() if n["Alive"]])
        actor = ray.remote(
            num_cpus=_CPU,
            num_gpus=gpus,
            max_restarts=0,
            max_concurrency=self._at_once + 8,
            scheduling_strategy="SPREAD",
        )(_Actor)
        arguments = (self._make, self._arguments, os.getcwd(), [place for place in sys.path if place])
        self.workers = [RayWorker(number, actor, arguments) for number in range(1, count + 1)]

    def all_ready(self) -> None:
        """Waits until all workers have answered once."""
        import ray  # pyright: ignore[reportMissingImports]

        ray.wait([worker.ready for worker in self.workers], num_returns=len(self.workers))

    def first_ready(self) -> Ready:
        """Waits until one worker can work. Raises RunError where none ever will."""
        import ray  # pyright: ignore[reportMissingImports]
        from ray.exceptions import RayError  # pyright: ignore[reportMissingImports]

        open_ones, why = {worker.ready: worker for worker in self.workers}, ""
        while open_ones:
            ended, _ = ray.wait(list(open_ones), num_returns=1, timeout=_PATIENCE)
            if not ended:
                note(f"waiting for the first of {len(self.workers)} workers")
                continue
            reference = ended[0]
            del open_ones[reference]
            try:
                told: Ready = ray.get(reference)
                why = f"on {told.host}: {told.error}"
            except RayError as error:
                why = _last_line(error)
                continue
            if told.error is None:
                return told
        raise RunError(f"no worker can work; the last one, {why}")


def dumps(part: Any) -> bytes:
    """An object as Ray would send it."""
    from ray import cloudpickle  # pyright: ignore[reportMissingImports]

    return cloudpickle.dumps(part)


def loads(sent: bytes) -> Any:
    """An object that `dumps` has made in the driver of this worker."""
    from ray import cloudpickle  # pyright: ignore[reportMissingImports]

    return cloudpickle.loads(sent)


def layout(knobs: Ray, gpus: int, nodes: Sequence[dict[str, float]]) -> tuple[int, int]:
    """How many workers there are to be, and with how many GPUs each. Raises RunError where no node can hold one."""
    if knobs.gpus is not None:
        gpus = knobs.gpus
    elif not any(node.get("GPU", 0) for node in nodes):
        gpus = 0
    if knobs.count is not None:
        return knobs.count, gpus
    count = sum(int(node.get("GPU", 0) // gpus) if gpus else node.get("CPU", 0) >= 1 for node in nodes)
    if not count:
        raise RunError(f"no node of the cluster has {gpus} GPUs, as a worker needs; set ray.gpus or ray.count")
    return count, gpus
