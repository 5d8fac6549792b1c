"""The queue: what shares a batch, who fails with whom, cancelled items, dead workers, event loops that come and go."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from policies.engines.batching import Batcher, Ticket
from search import WorkerDied
from tests.helpers import Loop, settle, until


class Machine:
    """Doubles numbers; remembers its batches; does as `before` says."""

    def __init__(self, before: Callable[[list[int]], Any] = lambda items: None) -> None:
        self.batches: list[list[int]] = []
        self.before = before

    def __call__(self, tickets: Sequence[Ticket[int]]) -> list[int]:
        items = [ticket.item for ticket in tickets]
        self.batches.append(items)
        self.before(items)
        return [2 * item for item in items]


async def ask_all(batcher: Batcher[int, int], items: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*(batcher(item) for item in items), return_exceptions=True)


def test_who_asks_together_shares_a_batch() -> None:
    machine = Machine()
    assert asyncio.run(ask_all(Batcher(machine, size=4), range(10))) == [2 * i for i in range(10)]
    assert machine.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_who_asks_a_turn_later_shares_the_first_batch_too() -> None:
    async def main() -> None:
        batcher = Batcher(machine, size=4)

        async def later() -> int:
            return await asyncio.create_task(batcher(2))

        assert await asyncio.gather(batcher(1), later()) == [2, 4]

    machine = Machine()
    asyncio.run(main())
    assert machine.batches == [[1, 2]]


def test_while_a_batch_runs_the_next_one_gathers() -> None:
    async def main() -> None:
        batcher = Batcher(machine, size=64)
        first = asyncio.create_task(batcher(0))
        await until(lambda: machine.batches)
        later = [asyncio.create_task(batcher(i)) for i in range(1, 30)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *later)

    go = threading.Event()
    machine = Machine(lambda items: go.wait(10))
    asyncio.run(main())
    assert machine.batches == [[0], list(range(1, 30))]


def test_a_batch_holds_one_group_and_lengths_that_are_close() -> None:
    machine = Machine()
    batcher = Batcher(machine, size=3, group=lambda item: item % 2, length=lambda item: item // 10)
    items = [500, 10, 480, 11, 520, 20, 13, 900]
    assert asyncio.run(ask_all(batcher, items)) == [2 * item for item in items]
    assert machine.batches == [[480, 500, 520], [10, 20, 900], [11, 13]], (
        "the oldest item's group, nearest in length, sorted"
    )


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
def test_a_wrong_number_of_results_is_an_error_and_nobody_waits_for_ever(results: Any) -> None:
    async def main() -> list[Any]:
        batcher: Batcher[int, int] = Batcher(lambda tickets: results, size=5)
        return await asyncio.wait_for(ask_all(batcher, range(3)), 10)

    failures = asyncio.run(main())
    assert all(isinstance(failure, TypeError if results is None else RuntimeError) for failure in failures)
    assert results is None or f"returned {len(results)} results for 1 items" in str(failures[0])


def test_stop_iteration_is_an_error_like_any_other() -> None:
    """No future can hold a StopIteration: the waiters would wait for ever."""

    def before(items: list[int]) -> None:
        if 1 in items:
            next(iter(()))

    async def main() -> list[Any]:
        return await asyncio.wait_for(ask_all(Batcher(Machine(before), size=5), range(3)), 10)

    answers = asyncio.run(main())
    assert answers[0] == 0 and answers[2] == 4 and "StopIteration" in str(answers[1])


def test_a_dead_worker_fails_every_waiter() -> None:
    """Those in the batch, those behind it, and none of those who come later."""
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


def test_a_cancelled_item_leaves_and_affects_nobody_else() -> None:
    async def main() -> None:
        batcher = Batcher(machine, size=3)
        tasks = [asyncio.create_task(batcher(i)) for i in range(6)]
        await until(lambda: machine.batches)
        tasks[1].cancel()  # in the batch that runs
        tasks[4].cancel()  # waiting for the next one
        await asyncio.sleep(0)
        go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [answer for answer in answers if isinstance(answer, int)] == [0, 4, 6, 10]
        assert [tasks[i].cancelled() for i in (1, 4)] == [True, True]

    go = threading.Event()
    machine = Machine(lambda items: go.wait(10))
    asyncio.run(main())
    assert machine.batches == [[0, 1, 2], [3, 5]]


def test_cancelled_turns_true_while_the_batch_runs() -> None:
    seen: list[list[bool]] = []

    def work(tickets: Sequence[Ticket[int]]) -> list[None]:
        seen.append([ticket.cancelled for ticket in tickets])
        started.set()
        end = time.monotonic() + 10
        while not any(ticket.cancelled for ticket in tickets) and time.monotonic() < end:
            time.sleep(0.001)
        seen.append([ticket.cancelled for ticket in tickets])
        return [None] * len(tickets)

    async def main() -> None:
        batcher: Batcher[int, None] = Batcher(work, size=2)
        tasks = [asyncio.create_task(batcher(i)) for i in range(2)]
        await asyncio.to_thread(started.wait, 10)
        tasks[1].cancel()
        assert await tasks[0] is None

    started = threading.Event()
    asyncio.run(main())
    assert seen == [[False, False], [False, True]]


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


def test_it_outlives_its_event_loop() -> None:
    machine = Machine()
    batcher = Batcher(machine, size=4)
    for _ in range(3):
        assert asyncio.run(ask_all(batcher, range(3))) == [0, 2, 4]

    async def abandoned() -> None:
        tasks = [asyncio.create_task(batcher(i)) for i in range(10, 16)]
        await asyncio.sleep(0.01)
        assert tasks

    machine.before = lambda items: time.sleep(0.05)
    asyncio.run(abandoned())
    machine.before = lambda items: None
    assert asyncio.run(ask_all(batcher, range(3))) == [0, 2, 4]
    assert machine.batches[-1] == [0, 1, 2], "nothing of the abandoned loop is left in the queue"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_over_its_work_is_forgotten() -> None:
    go = threading.Event()
    machine = Machine(lambda items: go.wait(10) if items == [10] else None)
    batcher = Batcher(machine, size=1)
    old = asyncio.new_event_loop()
    left = [old.create_task(batcher(i)) for i in (10, 11)]
    old.run_until_complete(until(lambda: machine.batches))
    old.close()
    go.set()
    assert asyncio.run(asyncio.wait_for(ask_all(batcher, range(3)), 10)) == [0, 2, 4]
    assert machine.batches == [[10], [0], [1], [2]] and not any(task.done() for task in left)


def test_two_loops_at_once_are_refused() -> None:
    """Each would answer the other's waiters from the wrong thread, and they might never wake."""
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


def test_batches_run_in_one_thread_and_not_in_the_loops() -> None:
    threads: list[str] = []
    batcher = Batcher(Machine(lambda items: threads.append(threading.current_thread().name)), size=1)
    asyncio.run(ask_all(batcher, range(4)))
    assert len(set(threads)) == 1 and threads[0].startswith("batcher")
