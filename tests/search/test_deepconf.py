"""DeepConf: windows by hand, what is cut and what it saves, who votes, policies that cannot be told."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from policies.engines.world import Place
from policies.toy import Toy
from search import BestOfN, Budget, DeepConf, End, Extension, Kind, Node, Rule, Selection, Tree
from search.tree.confidence import Window, lowest
from tests.helpers import Counted, run
from tests.worlds import By, InTurn, leaf, place, world


def test_the_same_tokens_have_the_same_mean_wherever_they_stand() -> None:
    logprobs = [-0.1, -1 / 3, -1e-30]
    for before in ([], [-1e30], [-1e-7, -7.77] * 50):
        window = Window(3)
        assert [window.push(logprob) for logprob in [*before, *logprobs]][-1] == lowest(logprobs, 9)


def test_windows_by_hand() -> None:
    window = Window(2)
    assert [window.push(logprob) for logprob in (-1.0, -2.0, -4.0, 0.0)] == [None, -1.5, -3.0, -2.0]
    assert lowest([-1.0, -2.0, -4.0, 0.0], 2) == -3.0 and lowest([-1.0, -2.0], 3) == -1.5 and lowest([], 3) == 0.0


@pytest.mark.parametrize("size", [1, 3, 50])
def test_the_lowest_window_against_all_windows(size: int) -> None:
    logprobs = np.random.default_rng(size).normal(-1, 1, 200)
    windows = np.lib.stride_tricks.sliding_window_view(logprobs, size).mean(-1)
    assert lowest(logprobs.tolist(), size) == pytest.approx(windows.min())


def lost(depth: int) -> Place:
    """Four steps more, each of probability one quarter, to a wrong answer."""
    if not depth:
        return leaf(0, 0.0, 0.25)
    return place(f"lost{depth}", *[lost(depth - 1)] * 4, probability=0.25)


SURE = place("sure", place("b", place("c", place("d", leaf(1, 1.0)))), probability=0.5)
WORLD = world(SURE, place("hm", *[lost(3)] * 4, probability=0.5))
"""Every second solution is a sure one of answer 1 (c = log(1/2) / 2), the others are unsure, of answer 0."""
SURE_C, LOST_C = math.log(0.5) / 2, math.log(0.25)
KNOBS: Any = {"n": 8, "warmup": 2, "keep": 0.5, "window": 2}


def grown(budget: Budget | None = None, **knobs: Any) -> Tree:
    return run(DeepConf(**KNOBS | knobs), InTurn(root=WORLD), By(lambda steps: 0.5), budget or Budget())


def test_an_unsure_solution_is_cut_while_it_is_written() -> None:
    """In turn sure and lost: of the 4 lost ones, the first sets the floor, and 3 are cut after their second step of 5.

    The window of "hm" and the step behind it has (log 1/2 + log 1/4) / 2, which is below the floor.
    """
    tree = grown()
    (event,) = tree.events("deepconf")
    assert event.data["floor"] == pytest.approx(SURE_C) and event.data["stops"]
    ends = [(len(node.path), node.step.end if node.step else None) for node in tree.leaves()]
    assert ends == [(5, End.ANSWER), (5, End.ANSWER), *[(5, End.ANSWER), (2, End.UNSURE)] * 3]
    assert tree.ledger.samples == 8


def test_only_the_sure_ones_vote() -> None:
    for rule in (Rule.MAJORITY, Rule.WEIGHTED, Rule.WEIGHTS):
        assert Selection(rule)(grown()).answer == "1"
    given = [event.data for event in grown().events("electorate")]
    pairs = [pair for data in given for pair in zip(data["nodes"], data["weights"], strict=True)]
    weights = {node.path[0]: weight for node, weight in pairs}
    assert weights == pytest.approx({0: 1.0, 1: 0.0, 2: 1.0, 4: 1.0, 6: 1.0})


def test_a_surer_solution_weighs_more() -> None:
    """With all of the warm-up kept, each votes with e to what it is above the floor."""
    tree = grown(keep=1.0)
    weights = [weight for event in tree.events("electorate") for weight in event.data["weights"]]
    assert weights == pytest.approx([math.exp(SURE_C - LOST_C), 1.0] * 4)
    assert tree.ledger.generated_tokens == 8 * 5, "none is less sure than the least sure of the warm-up"


@pytest.mark.parametrize("kind", Kind)
def test_solutions_are_those_of_best_of_n_up_to_where_they_are_cut(kind: Kind) -> None:
    policy, scorer = Toy(4, 5), By(lambda steps: 0.5, kind)
    for seed in range(5):
        whole = run(BestOfN(n=8), policy, scorer, seed=seed)
        tree = run(DeepConf(n=8, warmup=3, keep=0.4, window=2), policy, scorer, seed=seed)
        floor = tree.events("deepconf")[0].data["floor"]
        assert tree.ledger.generated_tokens == sum(map(len, (node.path for node in tree.leaves())))
        for node, other in zip(tree.leaves(), whole.leaves(), strict=True):
            theirs = other.line()[len(node.path) - 1]
            assert [step.text for step in node.steps()] == [step.text for step in theirs.steps()]
            logprobs = [step.logprobs[0] for step in node.steps()]
            if node.step and node.step.end is End.UNSURE:
                assert lowest(logprobs[-2:], 2) < floor and node.score is None and node.birth is not None
            inner = [lowest(pair, 2) for pair in pairwise(logprobs[:-1])]
            assert node.path[0] < 3 or min(inner, default=0.0) >= floor


def test_the_scorer_judges_no_solution_that_was_cut() -> None:
    scorer = Counted(By(lambda steps: 0.5))
    run(DeepConf(**KNOBS), InTurn(root=WORLD), scorer)
    assert all(len(prefix) == 5 or prefix[0] != "hm\n\n" for prefix in map(tuple, scorer.prefixes[-1:]))
    assert scorer.asked == 2, "the sure solution and, in the warm-up, the lost one"


class Old(InTurn):
    """It knows no `ask`."""

    async def extend(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]
    ) -> Extension:
        return await super().extend(node, n, max_steps, seeds)


def test_the_solutions_of_a_policy_that_takes_no_requests_are_only_filtered() -> None:
    tree = run(DeepConf(**KNOBS), Old(root=WORLD), By(lambda steps: 0.5))
    assert not tree.events("deepconf")[0].data["stops"] and tree.ledger.generated_tokens == 8 * 5
    assert Selection(Rule.MAJORITY)(tree).answer == "1"
    weights = [weight for event in tree.events("electorate") for weight in event.data["weights"]]
    assert weights == pytest.approx([1.0, 0.0] * 4)


@pytest.mark.parametrize("tokens", [5, 10, 12, 23])
def test_under_a_budget_what_is_there_votes(tokens: int) -> None:
    tree = grown(Budget(generated_tokens=tokens))
    assert tree.ledger.generated_tokens <= tokens and Selection(Rule.MAJORITY)(tree).answer in ("0", "1")
