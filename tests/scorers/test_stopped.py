"""A scorer that is cancelled tells what its engine had computed, and no scorer says less than the most it may cost."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from policies.hf import HF
from scorers.checkpoints.heads import Head
from scorers.checkpoints.hf_reader import HFReader
from scorers.checks import Checks
from scorers.ensemble import Combine, Ensemble
from scorers.implicit import Implicit
from scorers.prm import PRM
from search import Beam, BestOfN, Cost, Kind, Node, Scored, Step, Stopped, Tree, solve
from search.parts import parts
from search.protocols import Scorer
from search.solve import Searcher
from search.tree.cost import NOTHING
from tests.helpers import until
from tests.models import minus, pause_at

QUESTION = "((5 + 2) * (3 - -4)) ="
LENGTHS = [10, 11, 12, 12, 30, 31, 90, 91, 95, 200]


@pytest.fixture
def reader(random_prm: str) -> HFReader:
    """One that no other test has used."""
    return HFReader(Head.PRM, random_prm, "cpu", "float32", 16)


async def cancelled_at(model: Any, n: int, *requests: Any) -> list[BaseException]:
    """What each request raises when all are cancelled within the model's n-th pass."""

    async def each(request: Any) -> BaseException:
        try:
            return await request
        except asyncio.CancelledError as stopped:
            return stopped

    async def all_of() -> None:
        tasks = [asyncio.ensure_future(each(request)) for request in requests]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            outcomes.extend(await asyncio.gather(*tasks))

    outcomes: list[BaseException] = []
    task = asyncio.ensure_future(all_of())
    with pause_at(model, n, task):
        await asyncio.wait([task])
    return outcomes


def test_a_reading_that_is_cancelled_tells_what_its_pass_cost(reader: HFReader) -> None:
    """Within the first of four passes: its four readings are told, of the others nothing was computed."""
    readings = [reader.read([5] * n, [n - 1]) for n in LENGTHS]
    stopped = asyncio.run(cancelled_at(reader.decoder, 0, *readings))
    assert all(isinstance(each, Stopped) and not each.at_least for each in stopped)
    assert [each.cost.computed for each in stopped] == LENGTHS[:4] + [0] * 6  # type: ignore[attr-defined]
    assert sum((each.cost for each in stopped), NOTHING) == reader.meter.total  # type: ignore[attr-defined]
    assert reader.meter.abandoned == NOTHING


def test_a_cancelled_reading_whose_batch_failed_costs_nothing(
    reader: HFReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[BaseException]:
        return await cancelled_at(reader.decoder, 0, reader.read([5] * 10, [9]), reader.read([5] * 10, [9]))

    plain = reader.score
    monkeypatch.setattr(reader, "score", lambda hidden: plain(hidden)[99:100])  # too few, and the batch fails
    for stopped in asyncio.run(run()):
        assert isinstance(stopped, Stopped) and stopped.cost == NOTHING


def test_who_is_cancelled_again_does_not_wait(reader: HFReader) -> None:
    """The cost goes to nobody then. The pass is held until both have happened."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(*_: Any) -> None:
        begun.set()
        assert go_on.wait(30)

    async def run() -> None:
        reading = asyncio.ensure_future(reader.read([5] * 10, [9]))
        await until(begun.is_set)
        for done in (False, True):
            reading.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert reading.done() == done
        go_on.set()
        with pytest.raises(asyncio.CancelledError) as stopped:
            reading.result()
        assert not isinstance(stopped.value, Stopped)
        await reader.read([5] * 20, [19])  # behind it

    hook = reader.decoder.register_forward_pre_hook(hold)
    asyncio.run(run())
    hook.remove()
    assert reader.meter.abandoned.computed == 10 and reader.meter.total.computed == 30


@pytest.mark.parametrize("searcher", [BestOfN(8), Beam(8, 2)], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("within", [0, 1, 4])
def test_ledgers_of_cancelled_searches_are_what_the_reward_model_computed(
    searcher: Searcher, within: int, random_policy: str
) -> None:
    """Two searches of the shipped reward model share its queue; one is cancelled within a pass, at the n-th of all."""
    policy = HF(random_policy, delimiter=" + ", max_steps=3, max_step_tokens=12, max_tokens=30)
    prm = PRM(batch_size=2)
    meter = prm.reader.meter
    before, lost, doomed = meter.total, meter.abandoned, Tree("(7 * 7) =")

    async def run() -> Tree:
        task = asyncio.ensure_future(solve(doomed.question, searcher, policy, prm, tree=doomed))
        other = asyncio.ensure_future(solve(QUESTION, searcher, policy, prm))
        with pause_at(prm.reader.decoder, within, task):  # type: ignore[attr-defined]
            await asyncio.wait([task, other])
        assert task.cancelled()
        return other.result()

    other = asyncio.run(run())
    spent, abandoned = minus(meter.total, before), minus(meter.abandoned, lost)
    charged = other.ledger.scorer_tokens_computed + doomed.ledger.scorer_tokens_computed
    assert abandoned == NOTHING and charged == spent.computed
    flops = (other.ledger.scorer_flops or 0) + (doomed.ledger.scorer_flops or 0)
    assert flops == pytest.approx(spent.flops)
    assert other.ledger.scorer_calls + doomed.ledger.scorer_calls == spent.calls


# combinators


@dataclass
class Slow:
    """A scorer that waits for `seconds`, and tells a token for every request that was cancelled, if it `tells`."""

    seconds: float
    tells: bool = True
    kind: Kind = Kind.CORRECTNESS
    most: Cost | None = None
    asked: list[int] = field(default_factory=list[int])

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        self.asked.append(since)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            if not self.tells:
                raise
            raise Stopped(Cost(computed=1, flops=0)) from None
        return Scored([0.5] * (len(steps) - since), Cost(computed=10, flops=0))

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        return self.most


def stopped_after(seconds: float, scorer: Scorer) -> Stopped:
    async def run() -> None:
        await asyncio.sleep(0)
        task = asyncio.ensure_future(scorer.score("", [Step("1 = 1"), Step("2 = 2")], 0))
        await asyncio.sleep(seconds)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError) as stopped:
        asyncio.run(run())
    assert isinstance(stopped.value, Stopped)
    return stopped.value


@pytest.mark.parametrize("rule", Combine)
def test_an_ensemble_that_is_cancelled_tells_the_sum(rule: Combine) -> None:
    """One member has answered, one is at it and tells; the third is asked only where all are at once."""
    third = rule is not Combine.TIERED
    fast, slow = Slow(0.0), Slow(9.0)
    stopped = stopped_after(0.05, Ensemble((fast, slow, Slow(9.0)), rule))
    assert (stopped.cost.computed, stopped.cost.calls, stopped.at_least) == (11 + third, 2 + third, False)
    stopped = stopped_after(0.05, Ensemble((fast, Slow(9.0, tells=False)), rule))
    assert (stopped.cost.computed, stopped.at_least) == (10, True)
    both = Ensemble((fast, Ensemble((slow, Slow(9.0)), rule)), rule)
    assert stopped_after(0.05, both).cost.computed == 11 + third


def test_a_part_that_never_began_cost_nothing() -> None:
    async def run() -> None:
        with parts() as asked:
            task = asyncio.ensure_future(asked.ask(Slow(9.0, tells=False).score, "", [], 0))
            task.cancel()
            await task

    with pytest.raises(Stopped) as stopped:
        asyncio.run(run())
    assert stopped.value.cost == NOTHING and not stopped.value.at_least


def test_implicit_rewards_that_are_cancelled_tell_both_readings(random_policy: str) -> None:
    scorer = Implicit(model=random_policy, reference=random_policy)
    reader: Any = scorer.readers[0]
    before = reader.meter.total
    (stopped,) = asyncio.run(cancelled_at(reader.decoder, 0, scorer.score(QUESTION, [Step("1\n\n"), Step("2")], 0)))
    assert isinstance(stopped, Stopped) and not stopped.at_least
    assert stopped.cost == minus(reader.meter.total, before) and stopped.cost.computed > 0


def test_checks_that_are_cancelled_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("scorers.checks.check", lambda *_: time.sleep(0.2))
    assert stopped_after(0.05, Checks()).cost == NOTHING
