"""Groups of coroutines: order, the first error, and how a bounded pool starts, fails and is closed."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from search.tasks import first_error, pool, together


async def after(turns: int, value: Any) -> Any:
    """`value` after so many turns of the loop; raised where it is an error."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, BaseException):
        raise value
    return value


def test_the_first_error_of_nested_groups() -> None:
    first, second = ValueError("first"), KeyError("second")
    assert first_error(first) is first
    assert first_error(ExceptionGroup("", [ExceptionGroup("", [first, second]), second])) is first


def test_results_stand_in_the_order_of_the_work_and_the_first_error_is_raised_alone() -> None:
    assert asyncio.run(together(after(3, "a"), after(0, "b"))) == ["a", "b"]
    with pytest.raises(ValueError, match="early") as failure:
        asyncio.run(together(after(9, KeyError()), after(1, ValueError("early"))))
    assert failure.value.__context__ is None


def test_a_pool_yields_results_as_they_end_and_reads_no_further_than_it_may_start() -> None:
    def work() -> Iterator[Any]:
        for turns in (5, 1, 1, 1):
            taken.append(turns)
            yield after(turns, turns)

    async def main() -> list[int]:
        results = []
        async for result in pool(work(), concurrency=2):
            results.append(result)
            assert len(taken) <= len(results) + 3
        return results

    taken = list[int]()
    results = asyncio.run(main())
    assert sorted(results) == [1, 1, 1, 5] and results[0] == 1 and len(taken) == 4


def test_a_failure_cancels_the_others_and_no_later_work_starts() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="stop"):
            async for _ in pool((later() for _ in range(1)), 1):
                pass
        with pytest.raises(ValueError, match="stop"):
            async for _ in pool([later(), forever()], 2):
                pass
        assert ended == ["cancelled"] and len(asyncio.all_tasks()) == 1

    async def later() -> None:
        await after(2, ValueError("stop"))

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    ended = list[str]()
    asyncio.run(main())


def test_what_had_ended_when_a_pool_is_closed_is_kept() -> None:
    async def main() -> list[Any]:
        late = list[Any]()
        async with aclosing(
            pool([after(1, "a"), after(1, "b"), after(1, KeyError()), after(99, "c")], 4, late)
        ) as ended:
            assert await anext(ended) == "a"
        return late

    assert asyncio.run(main()) == ["b"]
