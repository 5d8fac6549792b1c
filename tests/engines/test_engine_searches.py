"""Searches on an engine: their scores, costs, budgets and cancellation, on Transformers and on vLLM alike."""

import asyncio
from dataclasses import replace

import pytest

from policies.writing import Writing
from scorers.prm import PRM
from search import MCTS, Beam, BestOfN, Budget, Job, ParticleFilter, Tree, solve
from search.solve import Searcher
from tests.models import QUESTIONS, full_pass, minus, run_all, total

SEARCHERS: list[Searcher] = [BestOfN(6), Beam(6, 2), MCTS(simulations=6), ParticleFilter(6)]


@pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)
def test_every_searcher_runs_and_its_scores_are_those_of_a_full_pass(policy: Writing, prm: PRM, searcher: Searcher):
    tree = asyncio.run(solve(QUESTIONS[2], searcher, policy, prm, seed=4))
    assert tree.stopped == "done"
    assert tree.leaves()
    for leaf in tree.leaves()[:4]:
        scores = [node.score for node in leaf.line()]
        assert scores == pytest.approx(full_pass(QUESTIONS[2], leaf.steps()), abs=1e-4)


def test_ledgers_are_the_engines_own_count(policy: Writing, prm: PRM):
    before = policy.engine.meter.total, prm.reader.meter.total
    jobs = [Job(question, searcher, policy, prm, seed=1) for question in QUESTIONS for searcher in SEARCHERS]
    ledgers = [solved.tree.ledger for solved in run_all(jobs)]
    wrote, read = (minus(m.total, b) for m, b in zip((policy.engine.meter, prm.reader.meter), before, strict=True))
    assert total(ledgers, "generated_tokens") == wrote.generated
    assert total(ledgers, "prompt_tokens_computed") == wrote.computed
    assert total(ledgers, "prompt_tokens_cached") == wrote.cached
    assert total(ledgers, "scorer_tokens_computed") == read.computed
    assert total(ledgers, "scorer_tokens_cached") == read.cached


def test_a_search_is_charged_what_it_costs_alone(policy: Writing, prm: PRM):
    """The same search again, and again beside others: a cache that an earlier search filled makes it no cheaper."""
    job = Job(QUESTIONS[2], Beam(4, 2), replace(policy, temperature=0), prm, seed=1)
    alone, again = run_all([job])[0].tree.ledger, run_all([job, job])
    for solved in again:
        assert solved.tree.ledger._replace(seconds=0.0) == alone._replace(seconds=0.0)


def test_a_budget_stops_a_search(policy: Writing, prm: PRM):
    tree = asyncio.run(solve(QUESTIONS[3], Beam(8, 2), policy, prm, Budget(generated_tokens=200), seed=2))
    assert tree.stopped == "budget"
    assert 200 <= tree.ledger.generated_tokens < 200 + 8 * 60


@pytest.mark.parametrize("seconds", [0.05, 0.15])
def test_what_is_cancelled_is_charged_to_its_search_and_disturbs_nobody(policy: Writing, prm: PRM, seconds: float):
    """By its caller or by the clock. vLLM tells nothing of a request that has no token yet: the ledger then says so."""
    meter, doomed = policy.engine.meter, Tree(QUESTIONS[3])
    before, lost = meter.total, meter.abandoned

    async def beside_cancelled_ones() -> list[Tree]:
        task = asyncio.create_task(solve(doomed.question, BestOfN(16), policy, prm, tree=doomed))
        clock = asyncio.create_task(solve(QUESTIONS[0], Beam(8, 2), policy, prm, Budget(seconds=seconds)))
        other = asyncio.create_task(solve(QUESTIONS[1], Beam(4, 2), policy, prm))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task, clock, other])
        assert task.cancelled()
        return [doomed, clock.result(), other.result()]

    trees = asyncio.run(beside_cancelled_ones())
    assert trees[2].stopped == "done" and not trees[2].ledger.at_least
    spent, ledgers = minus(meter.total, before), [tree.ledger for tree in trees]
    assert total(ledgers, "generated_tokens") == spent.generated and meter.abandoned == lost
    assert total(ledgers, "prompt_tokens_computed") + total(ledgers, "prompt_tokens_cached") == (
        spent.computed + spent.cached
    )
