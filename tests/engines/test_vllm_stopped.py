"""Readings on vLLM that are cancelled: what the engine told goes to their search, and what it did not is said."""

import asyncio
from typing import Any

import pytest

from policies.engines.share import Engine
from scorers.prm import PRM
from search import Scored, Stopped
from search.solve import search_id
from search.tree.cost import NOTHING
from tests.models import QUESTIONS, SERVED, minus, random_paths, vllm

JUDGE = PRM(engine=Engine.VLLM, dtype="float32", **SERVED)  # the same engine as the contract suite's


@vllm
@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.05, 0.2])
def test_cancelled_readings_and_the_others_are_all_that_was_computed(seconds: float) -> None:
    """Half of fifty readings are cancelled, at once or while vLLM works on them."""
    meter = JUDGE.reader.meter
    before, lost = meter.total, meter.abandoned
    paths = [path for seed in (20, 21) for path in random_paths(seed)]

    async def each(path: Any) -> Scored | Stopped:
        try:
            return await JUDGE.score(QUESTIONS[3], path, 0)
        except Stopped as stopped:
            return stopped

    async def run() -> list[Scored | Stopped]:
        search_id.set(f"stopped after {seconds}")
        tasks = [asyncio.ensure_future(each(path)) for path in paths]
        await asyncio.sleep(seconds)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks)

    outcomes = asyncio.run(run())
    spent = sum((outcome.cost for outcome in outcomes), NOTHING)
    assert spent.equals(minus(meter.total, before)) and meter.abandoned == lost
    stopped = [outcome for outcome in outcomes if isinstance(outcome, Stopped)]
    assert sum(isinstance(outcome, Scored) for outcome in outcomes) >= len(paths) // 2
    assert all(one.at_least for one in stopped if one.cost.calls and not one.cost.computed)
    assert stopped or seconds > 0
