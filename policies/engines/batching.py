"""Auto-batching: many coroutines await one item each, a model sees them together."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from search.errors import TookTooLong, WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")


class Ticket(Generic[Item]):
    """An item in the queue; `cancelled` turns true, even while its batch runs, once nobody waits for it."""

    __slots__ = ("cancelled", "future", "group", "item", "length")

    def __init__(self, item: Item, future: "asyncio.Future[Any]", group: Hashable = None, length: int = 0) -> None:
        self.item, self.future, self.group, self.length = item, future, group, length
        self.cancelled = False


class Batcher(Generic[Item, Result]):
    """Collects awaited items into batches for a blocking function that runs in a thread of its own.

    `run(tickets) -> results`, one per ticket and in their order; it may skip the work of a cancelled ticket and return
    anything for it. While a batch runs, the next one gathers. A batch holds at most `size` items of one `group`, the
    oldest item's; within it items are ordered by `length`, so that little is padded.

    A batch may take `timeout` seconds (None: any time); `thread` makes the thread that it runs in.

    A cancelled item leaves and affects nobody else. A failing batch is retried item by item, so that a poison item
    fails alone. A dead worker fails every waiter.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Ticket[Item]]], Sequence[Result]],
        size: int,
        group: Callable[[Item], Hashable] = lambda item: None,
        length: Callable[[Item], int] = lambda item: 0,
        thread: Callable[[str], Executor] = lambda name: ThreadPoolExecutor(1, thread_name_prefix=name),
        timeout: float | None = None,
    ) -> None:
        self._run, self._size, self._group, self._length = run, size, group, length
        self._new_thread, self._timeout = thread, timeout
        self._waiting: list[Ticket[Item]] = []
        self._running: list[Ticket[Item]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread: Executor | None = None

    async def __call__(self, item: Item) -> Result:
        loop = asyncio.get_running_loop()
        ticket = Ticket(item, loop.create_future(), self._group(item), self._length(item))
        self._leave_old_loop(loop)
        self._waiting.append(ticket)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        try:
            return await ticket.future
        finally:
            ticket.cancelled = not ticket.future.done() or ticket.future.cancelled()

    def _leave_old_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forgets a closed loop and its items. Raises RuntimeError where another thread's loop still runs."""
        if self._worker is None or self._worker.done() or self._worker.get_loop() is loop:
            return
        if self._worker.get_loop().is_running():
            raise RuntimeError("a Batcher serves one event loop at a time, and another thread's is at it")
        self._worker, self._waiting = None, []

    async def _work(self) -> None:
        """Runs batches until nothing waits."""
        try:
            # One turn of the loop lets all callers that are ready join the first batch.
            await asyncio.sleep(0)
            while self._take():
                await self._serve(self._running)
        except GeneratorExit:  # the worker of a closed loop is collected; a new loop has its own
            raise
        except BaseException as death:
            for ticket in self._running + self._waiting:
                _settle(ticket, failure=_dead(death))
            # All waiters know of any other failure; it must not end the event loop too.
            if isinstance(death, asyncio.CancelledError):
                raise

    def _take(self) -> bool:
        """Moves the oldest item and those of its group nearest to it in length to `_running`, shortest first."""
        self._running, self._waiting = [], [ticket for ticket in self._waiting if not ticket.future.done()]
        if self._waiting:
            oldest = self._waiting[0]
            same = [ticket for ticket in self._waiting if ticket.group == oldest.group]
            nearest = sorted(same, key=lambda ticket: abs(ticket.length - oldest.length))[: self._size]
            self._running = sorted(nearest, key=lambda ticket: ticket.length)
            taken = set(map(id, nearest))
            self._waiting = [ticket for ticket in self._waiting if id(ticket) not in taken]
        return bool(self._running)

    async def _serve(self, batch: list[Ticket[Item]]) -> None:
        if self._thread is None:
            self._thread = self._new_thread(f"batcher-{threading.active_count()}")
        try:
            results = await self._in_time(self._thread, batch)
        except Exception as failure:
            results = None
            if len(batch) == 1:
                _settle(batch[0], failure=failure)
                return
        if results is not None:
            for ticket, result in zip(batch, results, strict=True):
                _settle(ticket, result)
            return
        # Not inside the handler: its traceback would keep the failed batch in memory, which may be why it failed.
        for ticket in batch:
            if not ticket.future.done():
                await self._serve([ticket])

    async def _in_time(self, thread: Executor, batch: list[Ticket[Item]]) -> list[Result]:
        """Runs a batch in the thread. After `timeout` seconds the thread is left to itself and TookTooLong raised."""
        clock = asyncio.timeout(self._timeout)
        try:
            async with clock:
                return await asyncio.get_running_loop().run_in_executor(thread, self._checked, batch)
        except TimeoutError as error:
            if not clock.expired():
                raise
            self._thread = None
            raise TookTooLong(f"no answer within {self._timeout:g} s") from error

    def _checked(self, batch: list[Ticket[Item]]) -> list[Result]:
        """Runs in the thread. Raises RuntimeError unless there is one result per ticket."""
        try:
            results = list(self._run(batch))
        except StopIteration as failure:
            raise RuntimeError("the batch function raised StopIteration") from failure  # which no future can hold
        if len(results) != len(batch):
            raise RuntimeError(f"the batch function returned {len(results)} results for {len(batch)} items")
        return results


def _dead(cause: BaseException) -> WorkerDied:
    died = WorkerDied(f"the batch worker ended: {cause!r}")
    died.__cause__ = cause
    return died


def _settle(ticket: Ticket[Any], result: Any = None, failure: BaseException | None = None) -> None:
    if ticket.future.done():
        return
    if failure is None:
        ticket.future.set_result(result)
    else:
        ticket.future.set_exception(failure)
