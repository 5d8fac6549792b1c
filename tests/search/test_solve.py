"""One search and many: how they end, what is kept, failures that stay with their job."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    Beam,
    BestOfN,
    Budget,
    Extension,
    Job,
    Kind,
    KindError,
    KnobError,
    Selection,
    Solved,
    Tree,
    solve,
    solve_all,
)
from tests.helpers import PARALLEL, Counted, Delayed, Loop, settle, shape
from tests.worlds import By


def jobs(count: int, policy: Any = None, **knobs: Any) -> list[Job]:
    policy = policy or Delayed(Toy(), seed=0, most=40)
    return [Job(f"question {i}", BestOfN(n=2), policy, ToyScorer(), seed=i, name=i, **knobs) for i in range(count)]


async def collect(all_jobs: Any, concurrency: int = 64) -> list[Solved]:
    return [solved async for solved in solve_all(all_jobs, concurrency)]


def test_it_returns_the_tree() -> None:
    tree = asyncio.run(solve("question", BestOfN(n=2), Toy(), ToyScorer(), seed=3))
    assert (tree.question, tree.seed, tree.kind, tree.stopped) == ("question", 3, ToyScorer.kind, "done")
    assert Selection()(tree).answer is not None and tree.ledger.seconds > 0


def test_question_and_seed_make_the_tree() -> None:
    def grown(question: str, seed: int) -> dict[str, Any]:
        return shape(asyncio.run(solve(question, BestOfN(n=4), Toy(), ToyScorer(), seed=seed)))

    assert grown("a", 0) == grown("a", 0)
    assert grown("a", 0) != grown("a", 1) and grown("a", 0) != grown("b", 0)


def test_all_are_solved_as_if_alone() -> None:
    solved = asyncio.run(collect(jobs(20), concurrency=7))
    assert sorted(s.job.name for s in solved) == list(range(20)) and not any(s.error for s in solved)
    assert [s.job.name for s in solved] != list(range(20)), "they are yielded as they end"
    for s in solved:
        alone = asyncio.run(solve(s.job.question, s.job.searcher, Toy(), ToyScorer(), seed=s.job.seed))
        assert shape(s.tree) == shape(alone)


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_concurrency_is_bounded_and_jobs_are_taken_when_they_can_start(concurrency: int) -> None:
    class Watched(Delayed):
        async def _late(self, request: Any) -> Any:
            most.append(policy.pending)
            return await super()._late(request)

    def source() -> Iterator[Job]:
        for job in jobs(12, policy):
            taken.append(job)
            yield job

    async def main() -> None:
        ended = 0
        async for _ in solve_all(source(), concurrency):
            ended += 1
            assert len(taken) <= ended + 2 * concurrency  # those that wait to be yielded, those that run
        assert ended == 12

    most, taken = list[int](), list[Job]()
    policy = Counted(Watched(Toy(), seed=0))
    asyncio.run(main())
    assert min(concurrency, 12) < max(most) <= 2 * concurrency, "two samples each"


def test_the_next_jobs_start_while_the_caller_works() -> None:
    async def main() -> None:
        policy = Counted(Toy())
        searches = solve_all(jobs(4, policy), concurrency=2)
        first = await anext(searches)
        for _ in range(40):
            await asyncio.sleep(0)
        assert first.error is None and policy.asked >= 6, "three of four have been asked for two samples each"
        await cast(AsyncGenerator[Solved, None], searches).aclose()

    asyncio.run(main())


def test_a_failure_stays_with_its_job() -> None:
    class Picky(Toy):
        async def extend(self, node: Any, *request: Any, **named: Any) -> Extension:
            await asyncio.sleep(0)
            if node.tree.question == "question 3":
                raise ValueError("not this one")
            return await super().extend(node, *request)

    async def main() -> list[Solved]:
        solved = await collect(jobs(6, Picky()))
        assert not await settle()
        return solved

    loop = Loop()
    by_name = {solved.job.name: solved for solved in loop.run(main())}
    assert not loop.complaints
    assert {name for name, solved in by_name.items() if solved.error} == {3}
    assert str(by_name[3].error) == "not this one" and by_name[3].tree.stopped == "error"
    assert all(by_name[name].tree.stopped == "done" for name in (0, 1, 2, 4, 5))


def test_a_wrong_combination_is_a_failure_of_its_job() -> None:
    wrong = Job("q", Beam(), Toy(), By(lambda steps: 1.0, Kind.OUTCOME))
    (first, second) = asyncio.run(collect([wrong, jobs(1)[0]]))
    errors = [solved.error for solved in (first, second)]
    assert sum(isinstance(error, KindError) for error in errors) == 1 and None in errors


def test_closing_the_iterator_cancels_what_is_in_flight() -> None:
    async def main() -> None:
        policy = Counted(Delayed(Toy(), seed=1, most=200))
        searches = cast(AsyncGenerator[Solved, None], solve_all(jobs(30, policy), concurrency=8))
        async for solved in searches:
            assert solved.error is None
            break
        assert policy.pending
        await searches.aclose()
        assert not policy.pending and not await settle()

    loop = Loop()
    loop.run(main())
    assert not loop.complaints


def test_searches_that_had_ended_when_the_iterator_closed_are_handed_over() -> None:
    """One of eight in flight is taken; the others, and those that replace them, end while the caller works."""

    async def main() -> None:
        late: list[Solved] = []
        searches = cast(AsyncGenerator[Solved, None], solve_all(jobs(30, Toy()), concurrency=8, late=late))
        taken = [(await anext(searches)).job.name]
        for _ in range(200):
            await asyncio.sleep(0)
        await searches.aclose()
        assert len(late) >= 8 and all(solved.error is None and solved.tree.stopped == "done" for solved in late)
        assert len({*taken, *(solved.job.name for solved in late)}) == 1 + len(late)

    asyncio.run(main())


def test_cancelling_who_iterates_cancels_what_is_in_flight() -> None:
    async def main() -> None:
        policy = Counted(Delayed(Toy(), seed=1, most=10**6))
        collecting = asyncio.create_task(collect(jobs(30, policy), concurrency=8))
        for _ in range(50):
            await asyncio.sleep(0)
        assert policy.pending == 16
        collecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await collecting
        assert not policy.pending and not await settle()

    loop = Loop()
    loop.run(main())
    assert not loop.complaints


def test_concurrency_has_a_bound() -> None:
    with pytest.raises(KnobError, match="concurrency is 0; it must be >= 1"):
        asyncio.run(collect(jobs(1), concurrency=0))


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
def test_what_is_done_is_kept_where_a_search_is_cancelled(searcher: Any) -> None:
    async def main() -> None:
        search = asyncio.create_task(solve("question", searcher, Delayed(Toy(), 0), Delayed(ToyScorer(), 1), tree=tree))
        for _ in range(10_000):
            if len(tree.born()) >= 5:
                break
            await asyncio.sleep(0)
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search
        assert not await settle()

    tree, loop = Tree("question"), Loop()
    loop.run(main())
    assert tree.stopped == "cancelled" and len(tree.born()) >= 5 and not loop.complaints
    assert tree.ledger.seconds > 0 and Tree.loads(tree.dumps()).to_json() == tree.to_json()


def test_each_job_has_its_own_budget() -> None:
    solved = asyncio.run(collect([*jobs(2, budget=Budget(samples=1)), *jobs(2)]))
    assert (
        sorted((s.tree.ledger.samples, s.tree.stopped) for s in solved if s.job.budget.samples is None)
        == [(2, "done")] * 2
    )
    assert all(s.tree.stopped == "budget" for s in solved if s.job.budget.samples)
