"""Hands whole pieces of work to workers, one by one, so that fast workers take more; a worker may die at any time."""

import asyncio
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from experiments.errors import RunError
from search.tasks import first_error

LIVES = 5  # deaths of a worker without one piece of work done between them, after which it is not started again

Item = TypeVar("Item")


class WorkerLost(Exception):
    """A worker's process, its machine or its engine has ended. The message says how."""


class Unfit(Exception):
    """A worker that runs and cannot do this work, now or later. The message says why."""


class Died(NamedTuple):
    """What a worker gives in place of a result where its engine has ended."""

    why: str


class Worker(Protocol):
    """A process that does pieces of work, many at once."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Returns once it can work; anew after `end`. Raises WorkerLost, and Unfit."""
        ...

    async def run(self, item: Any) -> Any:
        """The result of a piece of work, or `Died`. Raises WorkerLost."""
        ...

    def end(self) -> None:
        """Ends the process, if it runs. Idempotent."""
        ...


class Handing(Generic[Item]):
    """Work that is handed out until each piece has one result.

    A worker has at most `at_once` pieces, and at most its share of what is left, where `items` has a length. What a
    dead worker had goes to the others, after everything else: a piece that kills its worker meets them last. `ended`
    is given each piece with its result, `say` a line about each worker.
    """

    def __init__(
        self,
        items: Iterable[Item],
        at_once: int,
        ended: Callable[[Item, Any], None],
        say: Callable[[str], None] = print,
    ) -> None:
        self._left = len(items) if isinstance(items, Sized) else None  # pieces without a result
        self._items, self._next, self._again = iter(items), deque[Item](), deque[Item]()
        self._at_once, self._ended, self._say = at_once, ended, say
        self._out = 0  # pieces that workers have
        self._workers, self._deaths = 0, Counter[str]()
        self._why, self._over, self._wakes = "there are none", asyncio.Event(), set[asyncio.Event]()

    async def run(self, workers: Sequence[Worker]) -> None:
        """Raises RunError once no worker is left that could work, and what `ended` raises."""
        self._workers = len(workers)
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(self._tend(worker))
        except BaseExceptionGroup as errors:
            failure = first_error(errors)
        if failure is not None:
            raise failure
        if not self._done():
            raise RunError(f"no worker is left; the last one: {self._why}")

    async def _tend(self, worker: Worker) -> None:
        """Keeps a worker at work; starts it anew where it has died."""
        while self._deaths[worker.name] < LIVES and not self._done():
            try:
                if not await self._started(worker):
                    return
                await self._feed(worker)
            except WorkerLost as lost:
                self._deaths[worker.name] += 1
                self._why = f"{worker.name} has died: {lost}"
                self._say(self._why)
                worker.end()
            except Unfit as error:
                self._deaths[worker.name] = LIVES
                self._why = f"{worker.name} cannot work: {error}"
                self._say(self._why)
        self._workers -= 1
        self._wake()

    async def _started(self, worker: Worker) -> bool:
        """Starts a worker; False where all work was done before it could begin."""
        start, over = asyncio.ensure_future(worker.start()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((start, over), return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                return False
            start.result()
            return True
        finally:
            start.cancel()
            over.cancel()

    async def _feed(self, worker: Worker) -> None:
        """Gives a worker pieces until all work is done. Raises WorkerLost; what the worker had is then to be done."""
        wake, numbers, has = asyncio.Event(), itertools.count(), dict[int, Item]()
        self._wakes.add(wake)

        async def one(number: int) -> None:
            result = await worker.run(has[number])
            if isinstance(result, Died):
                raise WorkerLost(result.why)
            self._end(has.pop(number), result)
            self._deaths[worker.name] = 0
            wake.set()

        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while not self._done():
                    while len(has) < self._room() and (taken := self._taken()):
                        number = next(numbers)
                        has[number] = taken[0]
                        group.create_task(one(number))
                    await wake.wait()
                    wake.clear()
        except BaseExceptionGroup as errors:
            lost, other = errors.split(WorkerLost)
            failure = first_error(other or lost or errors)
        finally:
            self._wakes.discard(wake)
            self._again += has.values()
            self._out -= len(has)
            self._wake()
        if failure is not None:
            raise failure

    def _room(self) -> int:
        """How many pieces a worker may have."""
        share = self._at_once if self._left is None else math.ceil(self._left / max(1, self._workers))
        return max(1, min(self._at_once, share))

    def _taken(self) -> list[Item]:
        """The next piece, alone; empty where none waits."""
        self._look()
        queue = self._next or self._again
        taken = [queue.popleft()] if queue else []
        self._out += len(taken)
        return taken

    def _look(self) -> None:
        """Reads the next piece, which tells whether there is one."""
        if not self._next:
            self._next += itertools.islice(self._items, 1)

    def _end(self, item: Item, result: Any) -> None:
        self._out -= 1
        self._left = None if self._left is None else self._left - 1
        self._ended(item, result)
        if self._done():
            self._over.set()
            self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    def _done(self) -> bool:
        self._look()
        return not (self._next or self._again or self._out)
