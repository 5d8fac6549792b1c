"""The queue: what shares a batch, cancelled items, event loops that come and go."""

import asyncio
import gc
import threading
import time
from collections.abc import Sequence

from policies.engines.batching import Batcher, Ticket
from tests.engines.machine import Machine, ask_all
from tests.helpers import until
from tests.patience import patience


def test_requests_made_together_share_a_batch() -> None:
    machine = Machine()
    assert asyncio.run(ask_all(Batcher(machine, size=4), range(10))) == [2 * i for i in range(10)]
    assert machine.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_request_made_one_turn_later_shares_the_first_batch() -> None:
    async def main() -> None:
        batcher = Batcher(machine, size=4)

        async def later() -> int:
            return await asyncio.create_task(batcher(2))

        assert await asyncio.gather(batcher(1), later()) == [2, 4]

    machine = Machine()
    asyncio.run(main())
    assert machine.batches == [[1, 2]]


def test_while_a_batch_runs_the_next_one_fills() -> None:
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
        end = time.monotonic() + patience(10)
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


def test_a_queue_outlives_its_event_loop() -> None:
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


def test_a_loop_that_was_closed_before_its_work_ended_is_forgotten() -> None:
    def before(items: list[int]) -> None:
        if items == [10]:
            go.wait(10)
        if items == [0]:
            gc.collect()  # the worker of the old loop, which must not speak for the new one

    go = threading.Event()
    machine = Machine(before)
    batcher = Batcher(machine, size=1)
    old = asyncio.new_event_loop()
    old.set_exception_handler(lambda *_: None)  # asyncio logs each task that is collected with its loop
    left = [old.create_task(batcher(i)) for i in (10, 11)]
    old.run_until_complete(until(lambda: machine.batches))
    old.close()
    go.set()
    assert asyncio.run(asyncio.wait_for(ask_all(batcher, range(3)), 10)) == [0, 2, 4]
    assert machine.batches == [[10], [0], [1], [2]] and not any(task.done() for task in left)


def test_batches_run_in_one_thread_that_is_not_the_event_loops() -> None:
    threads: list[str] = []
    batcher = Batcher(Machine(lambda items: threads.append(threading.current_thread().name)), size=1)
    asyncio.run(ask_all(batcher, range(4)))
    assert len(set(threads)) == 1 and threads[0].startswith("batcher")
