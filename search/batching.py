"""Auto-batching: many coroutines await one item each, a model sees them together."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Ticket(Generic[Item]):
    """An item under way; `cancelled` turns true, also while its batch runs, once nobody waits for it any more."""

    __slots__ = ("cancelled", "future", "item")

    def __init__(self, item: Item, future: "asyncio.Future[Any]") -> None:
        self.item, self.future, self.cancelled = item, future, False


class Batcher(Generic[Item, Result]):
    """Collects awaited items into batches for a blocking function that runs in a thread of its own.

    `run(tickets) -> results`, one a ticket and in their order; it may skip the work of a cancelled ticket and return
    anything for it. While a batch runs, the next one gathers. A batch holds at most `size` items of one `group`, the
    oldest item's; within it items are ordered by `length`, so that little is padded.

    A cancelled item leaves and affects nobody else. A failing batch is retried item by item, so that a poison item
    fails alone. A dead worker fails every waiter.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Ticket[Item]]], Sequence[Result]],
        size: int,
        group: Callable[[Item], Hashable] = lambda item: None,
        length: Callable[[Item], int] = lambda item: 0,
    ) -> None:
        self._run, self._size, self._group, self._length = run, size, group, length
        self._waiting: list[Ticket[Item]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread: Executor | None = None

    async def __call__(self, item: Item) -> Result:
        loop = asyncio.get_running_loop()
        ticket = Ticket(item, loop.create_future())
        self._waiting.append(ticket)
        if self._worker is None or self._worker.done() or self._worker.get_loop() is not loop:
            self._worker = loop.create_task(self._work())
        try:
            return await ticket.future
        finally:
            ticket.cancelled = not ticket.future.done() or ticket.future.cancelled()

    async def _work(self) -> None:
        """Runs batches until nothing waits."""
        try:
            # One turn of the loop, so that all who are about to ask share the first batch.
            await asyncio.sleep(0)
            while batch := self._take():
                await self._serve(batch)
        except BaseException as death:
            self._fail_all(death)
            raise

    def _take(self) -> list[Ticket[Item]]:
        """The oldest item's group, the items nearest to it in length, shortest first."""
        self._waiting = [ticket for ticket in self._waiting if not ticket.future.done()]
        if not self._waiting:
            return []
        oldest = self._waiting[0].item
        group, length = self._group(oldest), self._length(oldest)
        same = [ticket for ticket in self._waiting if self._group(ticket.item) == group]
        nearest = sorted(same, key=lambda ticket: abs(self._length(ticket.item) - length))[: self._size]
        taken = set(map(id, nearest))
        self._waiting = [ticket for ticket in self._waiting if id(ticket) not in taken]
        return sorted(nearest, key=lambda ticket: self._length(ticket.item))

    async def _serve(self, batch: list[Ticket[Item]]) -> None:
        try:
            results = await self._in_thread(batch)
        except Exception as failure:
            if len(batch) == 1:
                _settle(batch[0], failure=failure)
                return
            for ticket in batch:
                if not ticket.cancelled:
                    await self._serve([ticket])
            return
        except BaseException as death:
            for ticket in batch:
                _settle(ticket, failure=_dead(death))
            raise
        for ticket, result in zip(batch, results, strict=True):
            _settle(ticket, result)

    async def _in_thread(self, batch: list[Ticket[Item]]) -> Sequence[Result]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"batcher-{threading.active_count()}")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, batch)

    def _fail_all(self, death: BaseException) -> None:
        waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            _settle(ticket, failure=_dead(death))


class WorkerDied(RuntimeError):
    """The thread or task that ran the batches is gone; nobody will answer."""


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
