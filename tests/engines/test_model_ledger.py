"""Ledgers against an independent count by hooks on the models, for every searcher."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from policies.engines.hf_writer import HFWriter
from policies.hf import HF
from scorers.checkpoints.forms import token_id
from scorers.prm import PRM, STEP_TAG
from scorers.self_certainty import SelfCertainty
from search import MCTS, Beam, BestOfN, Budget, ParticleFilter, Searcher, Tree, solve
from search.solve import Job
from tests.models import minus, pause_at, run_all, total, unpadded

QUESTION = "((5 + 2) * (3 - -4)) ="
SEARCHERS = [BestOfN(4), Beam(4, 2), MCTS(simulations=4), ParticleFilter(4)]


class Count:
    """Counts a model's forward passes: new positions without padding, all positions, and FLOPs of each pass."""

    def __init__(self, engine: Any) -> None:
        self.real = self.padded = self.prompts = self.passes = 0
        self.flops, self._engine = 0.0, engine
        self.read: list[tuple[int, ...]] = []
        model = engine.model if isinstance(engine, HFWriter) else engine.decoder
        self._hook = model.register_forward_pre_hook(self._pass, with_kwargs=True)

    def _pass(self, module: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        ids = inputs["input_ids"]
        mask = inputs.get("attention_mask")
        mask = unpadded(ids) if mask is None else mask  # a reward model that is causal is given none
        fresh = inputs.get("past_key_values") is None
        new = mask[:, -ids.shape[1] :]
        self.real += int(new.sum())
        self.padded += ids.numel()
        self.passes += 1
        self.prompts += len(ids) * fresh
        for row, length, computed in zip(ids, mask.sum(1).tolist(), new.sum(1).tolist(), strict=True):
            tag = token_id(self._engine.tokenizer, STEP_TAG)
            heads = 1 if isinstance(self._engine, HFWriter) else int((row == tag).sum())
            self.flops += self._engine.flops.forward(length - computed, computed, heads)
            if fresh:
                self.read.append(tuple(row[: int(length)].tolist()))

    def stop(self) -> None:
        self._hook.remove()


@pytest.fixture
def policy(random_policy: str) -> HF:
    """Steps end with an operator: a random model writes those often. The batch is smaller than the searches."""
    return HF(random_policy, delimiter=" + ", max_steps=3, max_step_tokens=12, max_tokens=30, batch_size=3)


@pytest.fixture
def prm(random_prm: str) -> PRM:
    return PRM(random_prm, delimiter=" + ")


@pytest.fixture
def counts(policy: HF, prm: PRM) -> Iterator[tuple[Count, Count]]:
    both = Count(policy.engine), Count(prm.reader)
    yield both
    for count in both:
        count.stop()


@pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)
def test_the_ledger_equals_the_hooks_count(searcher: Searcher, policy: HF, prm: PRM, counts: tuple[Count, Count]):
    before = policy.engine.meter.total, prm.reader.meter.total, policy.engine.meter.abandoned
    ledger = asyncio.run(solve(QUESTION, searcher, policy, prm)).ledger
    wrote, read = counts
    # Each continuation's last token is drawn and never read.
    assert ledger.prompt_tokens_computed + ledger.generated_tokens - wrote.prompts == wrote.real
    assert ledger.scorer_tokens_computed == read.real > 0
    assert ledger.prompt_tokens_cached == ledger.scorer_tokens_cached == 0
    assert ledger.flops is not None
    spent = [minus(m.total, b) for m, b in zip((policy.engine.meter, prm.reader.meter), before, strict=False)]
    assert ledger.flops == pytest.approx(sum(cost.flops or 0.0 for cost in spent))
    assert spent[0].flops == pytest.approx(wrote.flops)
    # The hook counts a head at every tag, the ledger only where a score was wanted.
    assert spent[1].flops == pytest.approx(read.flops, rel=1e-2)
    assert read.padded < 1.2 * read.real
    assert policy.engine.meter.abandoned == before[2]
    assert spent[0][:3] == (ledger.generated_tokens, ledger.prompt_tokens_computed, 0)


@pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)
def test_no_prefix_is_judged_twice_in_one_search(searcher: Searcher, policy: HF, prm: PRM, monkeypatch: Any):
    judged: list[tuple[int, ...]] = []
    plain = prm.reader.read

    async def spy(ids: list[int], tags: list[int]) -> Any:
        judged.extend(tuple(ids[: tag + 1]) for tag in tags)
        return await plain(ids, tags)

    monkeypatch.setattr(prm.reader, "read", spy)
    tree = asyncio.run(solve(QUESTION, searcher, policy, prm))
    assert len(judged) == len(set(judged)) >= 4
    assert sum(node.score is not None for node in tree.nodes()) >= len(judged)


@pytest.mark.slow
def test_searches_share_batches_and_each_pays_for_itself(policy: HF, prm: PRM, counts: tuple[Count, Count]):
    """All searchers on two problems at once: the ledgers add up to what the models computed."""
    before = policy.engine.meter.total
    ledgers = [solved.tree.ledger for solved in run_all([job(s, q, policy, prm) for s in SEARCHERS for q in "12"])]
    assert total(ledgers, "prompt_tokens_computed") + total(ledgers, "generated_tokens") == (
        counts[0].real + counts[0].prompts
    )
    assert total(ledgers, "scorer_tokens_computed") == counts[1].real
    assert minus(policy.engine.meter.total, before).generated == total(ledgers, "generated_tokens")


@pytest.mark.parametrize("searcher", [BestOfN(8), Beam(8, 2), ParticleFilter(8)], ids=lambda s: type(s).__name__)
def test_a_limit_that_is_far_away_costs_no_batches(searcher: Searcher, random_policy: str):
    """As many forward passes as without it. Taking turns would need several times as many."""
    policy = HF(random_policy, delimiter=" + ", max_steps=3, max_step_tokens=12, max_tokens=30, batch_size=8)
    passes: list[int] = []
    for budget in (Budget(), Budget(generated_tokens=10**6), Budget(samples=10**6)):
        count = Count(policy.engine)
        asyncio.run(solve(QUESTION, searcher, policy, SelfCertainty(), budget))
        count.stop()
        passes.append(count.passes)
    assert max(passes) < 1.3 * passes[0]


def test_what_a_budget_stops_is_abandoned_and_still_counted(policy: HF, prm: PRM, counts: tuple[Count, Count]):
    meter = policy.engine.meter
    before, wasted = meter.total, meter.abandoned
    tree = asyncio.run(solve(QUESTION, BestOfN(12), policy, prm, Budget(generated_tokens=20)))
    assert tree.stopped == "budget"
    spent, lost = minus(meter.total, before), minus(meter.abandoned, wasted)
    assert tree.ledger.generated_tokens + lost.generated == spent.generated
    assert tree.ledger.prompt_tokens_computed + lost.computed == spent.computed
    assert spent.generated + spent.computed == counts[0].real + counts[0].prompts


def test_a_cancelled_search_disturbs_no_other(policy: HF, prm: PRM):
    """The other's tree and ledger are those of a run alone; the cancelled one is charged for what it had written."""
    policy, prm = replace(policy, deterministic=True), replace(prm, deterministic=True)
    meter, doomed = policy.engine.meter, Tree("(7 * 7) =")

    async def beside_a_cancelled_one() -> Tree:
        task = asyncio.create_task(solve(doomed.question, BestOfN(8), policy, prm, tree=doomed))
        other = asyncio.create_task(solve(QUESTION, Beam(4, 2), policy, prm))
        with pause_at(policy.engine.model, 40, task):
            await asyncio.wait([task, other])
        assert task.cancelled()
        return other.result()

    alone = asyncio.run(solve(QUESTION, Beam(4, 2), policy, prm))
    before, wasted = meter.total, meter.abandoned
    beside = asyncio.run(beside_a_cancelled_one())
    assert [(n.path, n.step, n.score) for n in beside.nodes()] == [(n.path, n.step, n.score) for n in alone.nodes()]
    assert beside.ledger._replace(seconds=0.0) == alone.ledger._replace(seconds=0.0)
    assert doomed.ledger.generated_tokens > 0 and meter.abandoned == wasted
    charged = beside.ledger.generated_tokens + doomed.ledger.generated_tokens
    assert minus(meter.total, before).generated == charged


def job(searcher: Searcher, name: str, policy: HF, prm: PRM) -> Job:
    return Job(name if len(name) > 1 else f"({name} + 3) =", searcher, policy, prm, seed=1)
