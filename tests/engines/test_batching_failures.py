"""Failures in the queue: which items they reach, dead workers, two event loops; no waiter hangs."""

import asyncio
import threading
from typing import Any

import pytest

from policies.engines.batching import Batcher
from search import WorkerDied
from tests.engines.machine import Machine, ask_all
from tests.helpers import Loop, settle, until


def test_a_poison_item_fails_alone() -> None:
    def before(items: list[int]) -> None:
        if 3 in items:
            raise ValueError("poison")

    machine = Machine(before)
    answers = asyncio.run(ask_all(Batcher(machine, size=5), range(6)))
    assert answers[:3] + answers[4:] == [0, 2, 4, 8, 10]
    assert isinstance(answers[3], ValueError) and str(answers[3]) == "poison"
    assert machine.batches == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4], [5]], "retried item by item, then on"


def test_an_item_that_cannot_be_measured_fails_alone() -> None:
    batcher = Batcher(Machine(), size=5, length=lambda item: 1 // item)
    answers = asyncio.run(ask_all(batcher, range(3)))
    assert isinstance(answers[0], ZeroDivisionError) and answers[1:] == [2, 4]


@pytest.mark.parametrize("results", [[], [1, 2], [1, 2, 3, 4], None])
def test_a_wrong_number_of_results_is_an_error_and_no_waiter_hangs(results: Any) -> None:
    async def main() -> list[Any]:
        batcher: Batcher[int, int] = Batcher(lambda tickets: results, size=5)
        return await asyncio.wait_for(ask_all(batcher, range(3)), 10)

    failures = asyncio.run(main())
    assert all(isinstance(failure, TypeError if results is None else RuntimeError) for failure in failures)
    assert results is None or f"returned {len(results)} results for 1 items" in str(failures[0])


def test_stop_iteration_is_an_error_like_any_other() -> None:
    """No future can hold a StopIteration: without care its waiters would hang."""

    def before(items: list[int]) -> None:
        if 1 in items:
            next(iter(()))

    async def main() -> list[Any]:
        return await asyncio.wait_for(ask_all(Batcher(Machine(before), size=5), range(3)), 10)

    answers = asyncio.run(main())
    assert answers[0] == 0 and answers[2] == 4 and "StopIteration" in str(answers[1])


def test_a_dead_worker_fails_every_waiter() -> None:
    """Items in the batch and items queued behind it fail; later ones do not."""
    alive = False

    def before(items: list[int]) -> None:
        if not alive:
            raise SystemExit("out of memory")

    async def main() -> None:
        nonlocal alive
        batcher = Batcher(Machine(before), size=2)
        answers = await asyncio.wait_for(ask_all(batcher, range(5)), 10)
        assert all(isinstance(answer, WorkerDied) for answer in answers)
        assert all(isinstance(answer.__cause__, SystemExit) for answer in answers)
        alive = True
        assert await batcher(7) == 14
        assert not await settle()

    loop = Loop()
    loop.run(main())
    assert not loop.complaints


def test_a_worker_that_dies_during_a_retry_fails_every_waiter() -> None:
    def before(items: list[int]) -> None:
        raise ValueError if len(items) > 1 else SystemExit

    async def main() -> list[Any]:
        return await asyncio.wait_for(ask_all(Batcher(Machine(before), size=3), range(5)), 10)

    assert all(isinstance(answer, WorkerDied) for answer in asyncio.run(main()))


def test_a_batch_that_nobody_waits_for_is_not_retried() -> None:
    async def main() -> None:
        batcher = Batcher(machine, size=2)
        tasks = [asyncio.create_task(batcher(i)) for i in range(2)]
        await until(lambda: machine.batches)
        tasks[0].cancel()
        await asyncio.sleep(0)
        go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[1], ValueError)

    def fail(items: list[int]) -> None:
        go.wait(10)
        raise ValueError

    go = threading.Event()
    machine = Machine(fail)
    asyncio.run(main())
    assert machine.batches == [[0, 1], [1]]


def test_two_loops_at_once_are_refused() -> None:
    """Each loop would answer the other's waiters from the wrong thread, and they might never wake."""
    go = threading.Event()
    machine = Machine(lambda items: go.wait(10))
    batcher = Batcher(machine, size=1)
    first = threading.Thread(target=lambda: asyncio.run(ask_all(batcher, [1])))
    first.start()
    asyncio.run(until(lambda: machine.batches))
    with pytest.raises(RuntimeError, match="one event loop at a time"):
        asyncio.run(batcher(2))
    go.set()
    first.join()
    assert asyncio.run(batcher(3)) == 6


def test_no_task_is_left_and_nothing_is_logged() -> None:
    async def main() -> None:
        batcher = Batcher(Machine(lambda items: 1 // items[0]), size=1)
        answers = await ask_all(batcher, [1, 0, 2])
        assert [type(answer) for answer in answers] == [int, ZeroDivisionError, int]
        assert not await settle()

    loop = Loop()
    loop.run(main())
    assert not loop.complaints
