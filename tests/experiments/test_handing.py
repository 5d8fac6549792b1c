"""Work that is handed out: each piece gets one result, whoever dies; fast workers take more; what cannot end, ends."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from experiments.errors import RunError
from experiments.workers.handing import LIVES, Died, Handing, Unfit, WorkerLost


class Fake:
    """A worker that needs `seconds` for a piece and dies as `dies` says: a share of pieces, or a piece that kills."""

    def __init__(self, name: str, seconds: float = 0.0, dies: Any = lambda item: False, starts: float = 0.0) -> None:
        self.name, self.seconds, self.dies, self.starts = name, seconds, dies, starts
        self.did, self.has, self.most, self.alive, self.started = [], 0, 0, False, 0

    async def start(self) -> None:
        await asyncio.sleep(self.starts)
        self.alive, self.started = True, self.started + 1

    async def run(self, item: Any) -> Any:
        self.has += 1
        self.most = max(self.most, self.has)
        try:
            await asyncio.sleep(self.seconds)
            if not self.alive or self.dies(item):
                self.alive = False
                raise WorkerLost("killed")
            self.did.append(item)
            return -item
        finally:
            self.has -= 1

    def end(self) -> None:
        self.alive = False


def handed(items: Any, workers: list[Fake], at_once: int = 4) -> tuple[dict[Any, Any], list[str]]:
    """The results by piece, each of which had one, and what was said."""
    ended, said = [], list[str]()

    async def main() -> None:
        async with asyncio.timeout(20):
            await Handing(items, at_once, lambda item, result: ended.append((item, result)), said.append).run(workers)

    asyncio.run(main())
    assert max(Counter(item for item, _ in ended).values(), default=1) == 1
    return dict(ended), said


@pytest.mark.parametrize("count", [0, 1, 3, 50])
@pytest.mark.parametrize("lazily", [False, True])
def test_every_piece_has_its_result(count: int, lazily: bool):
    items = range(count)
    results, _ = handed((i for i in items) if lazily else items, [Fake(f"{i}") for i in range(3)])
    assert results == {i: -i for i in items}


def test_a_fast_worker_takes_more_and_nobody_more_than_its_share():
    fast, slow = Fake("fast", 0.005), Fake("slow", 0.1)
    handed(range(60), [fast, slow], at_once=2)
    assert len(fast.did) > 2 * len(slow.did) > 0
    assert fast.most == slow.most == 2
    first, second = Fake("first", 0.01), Fake("second", 0.01)
    handed(range(10), [first, second], at_once=256)
    assert len(first.did) == len(second.did) == 5, "the first one there does not take all"


@pytest.mark.parametrize("seed", range(20))
def test_any_schedule_of_deaths_loses_nothing_and_doubles_nothing(seed: int):
    rng = random.Random(seed)
    workers = [Fake(f"{i}", rng.random() * 0.004, lambda _: rng.random() < 0.1, rng.random() * 0.01) for i in range(4)]
    steady = Fake("steady", 0.001)
    results, said = handed(range(80), [*workers, steady], at_once=rng.randint(1, 8))
    assert results == {i: -i for i in range(80)}
    assert not any(worker.has for worker in workers)
    assert sum("has died" in line for line in said) == sum(max(0, w.started - w.alive) for w in workers)


def test_a_worker_comes_back_and_its_pieces_are_done_by_others():
    once = iter([True])
    mortal, other = Fake("mortal", 0.002, lambda _: next(once, False)), Fake("other", 0.002)
    results, said = handed(range(40), [mortal, other])
    assert len(results) == 40 and mortal.started == 2 and len(mortal.did) > 4
    assert said.count("mortal has died: killed") == 1


def test_a_piece_that_kills_its_worker_is_done_last_and_ends_the_work():
    workers = [Fake(f"{i}", dies=lambda item: item == 3) for i in range(2)]  # by turns of the loop, not by the clock
    ended = dict[int, int]()
    with pytest.raises(RunError, match=r"no worker is left; the last one: \d has died: killed"):
        asyncio.run(Handing(range(30), 4, lambda i, result: ended.update({i: result}), lambda _: None).run(workers))
    assert set(ended) == set(range(30)) - {3}
    assert sum(worker.started for worker in workers) <= 2 * (LIVES + 1)


def test_an_engine_that_has_ended_is_a_death():
    class Ended(Fake):
        async def run(self, item: Any) -> Any:
            return Died("its engine has ended") if self.started == 1 else await super().run(item)

    results, said = handed(range(9), [Ended("a")])
    assert len(results) == 9 and "a has died: its engine has ended" in said


def test_a_worker_that_is_unfit_is_left_out_and_all_of_them_are_an_error():
    class Broken(Fake):
        async def start(self) -> None:
            raise Unfit("no such model")

    results, said = handed(range(9), [Broken("a"), Fake("b")])
    assert len(results) == 9 and "a cannot work: no such model" in said
    with pytest.raises(RunError, match="no worker is left; the last one: b cannot work: no such model"):
        handed(range(9), [Broken("a"), Broken("b")])


def test_nobody_waits_for_a_worker_that_starts_when_all_is_done():
    late = Fake("late", starts=1000)
    assert len(handed(range(9), [late, Fake("b")])[0]) == 9 and not late.did


def test_what_cannot_be_written_ends_the_work():
    def full(item: Any, result: Any) -> None:
        if item == 5:
            raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        asyncio.run(Handing(range(20), 2, full, lambda _: None).run([Fake("a", 0.001), Fake("b", 0.001)]))


def test_work_that_is_cancelled_leaves_no_task_behind():
    async def main() -> None:
        workers = [Fake("a", 100), Fake("b", 100)]
        running = asyncio.create_task(Handing(range(20), 2, lambda *_: None, lambda _: None).run(workers))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(asyncio.all_tasks()) == 1 and not any(worker.has for worker in workers)

    asyncio.run(main())
