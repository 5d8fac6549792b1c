"""Groups of coroutines: all results in order, results as they come from a bounded pool, and the first error."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator
from typing import Any, TypeVar, cast

Result = TypeVar("Result")


def first_error(error: BaseException) -> BaseException:
    """The first failure in nested groups: the one that cancelled the others. An error that is no group is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = cast(BaseExceptionGroup[BaseException], error).exceptions[0]
    return error


async def together(*work: Coroutine[Any, Any, Result]) -> list[Result]:
    """The results of all, in their order. Where one fails the others are cancelled, and its error is raised."""
    failure: BaseException | None = None
    tasks: list[asyncio.Task[Result]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(each) for each in work]
    except ExceptionGroup as errors:
        failure = first_error(errors)
    if failure is not None:
        # Raised out here, its context is not the group that contains it. The local name would keep its frame alive.
        try:
            raise failure
        finally:
            del failure
    return [task.result() for task in tasks]


async def pool(
    work: Iterable[Coroutine[Any, Any, Result]], concurrency: int, late: list[Result] | None = None
) -> AsyncGenerator[Result, None]:
    """Yields results as coroutines end, `concurrency` >= 1 of them in flight; `work` is read only as they start.

    A failure is raised and cancels the others. Closing the generator, or cancelling who iterates, cancels what is in
    flight; results that were ready by then and not yet yielded are added to `late`.
    """
    waiting = iter(work)
    running: list[asyncio.Task[Result]] = []
    ended: list[asyncio.Task[Result]] = []
    try:
        while _start(waiting, running, concurrency):
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            ended += [task for task in running if task.done()]
            running = [task for task in running if task not in ended]
            # The next ones start before the caller works on these.
            _start(waiting, running, concurrency)
            while ended:
                yield ended.pop(0).result()
    finally:
        ended += [task for task in running if task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        outcomes = await asyncio.gather(*ended, return_exceptions=True)
        if late is not None:
            late += [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


def _start(
    waiting: Iterator[Coroutine[Any, Any, Result]], running: list[asyncio.Task[Result]], concurrency: int
) -> bool:
    """Fills `running` up to `concurrency`; False where nothing runs and nothing waits."""
    while len(running) < concurrency and (work := next(waiting, None)) is not None:
        running.append(asyncio.ensure_future(work))
    return bool(running)
