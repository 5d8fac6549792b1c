"""Grower: what a searcher sees. It asks policy and scorer, within the budget, and writes the tree."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from search.account import Account
from search.allowance import NOTHING, Allowance, Amount
from search.completion import best_open
from search.errors import KnobError
from search.judge import Judge
from search.keys import Keys
from search.protocols import GO_ON, Ask, Policy, Scorer, check_ask, check_extension, takes_ask
from search.tree import Event, Node, Tree
from search.tree.checks import plain_object
from search.tree.cost import BudgetSpent
from search.tree.electorate import Given
from search.tree.event import to_plain
from search.tree.randomness import generator
from search.tree.scores import Reduction
from search.tree.step import Step, cut
from search.worst_cases import WorstCases

DEEPEST = 10_000  # steps of the longest path: where a policy never ends one, it is cut here


class Grower:
    """Wraps a policy and a scorer for one search.

    `extend`, `sample` and `score` may raise BudgetSpent. Under a limit on samples, tokens or FLOPs a request is made
    beside others only where the worst case of all fits; near the limit, and where the policy does not tell its worst
    case, requests take turns. Until a leaf has finished, the worst case of one whole solution is kept in reserve: where
    nothing else fits, it completes the best open node, and the search goes on with what that leaves.
    """

    def __init__(self, tree: Tree, policy: Policy, scorer: Scorer, reduction: Reduction | None = None) -> None:
        self.tree = tree
        self.kind = scorer.kind
        self._policy, self._reduction = policy, reduction
        self.takes_ask = takes_ask(policy)
        """whether the policy can be asked for more than to go on"""
        self._account = Account(tree)
        self._judge, self._judges = Judge(tree, scorer, self._account), dict[str, Judge]()
        self._keys, self._given = Keys(tree), Given(tree)
        self.round = 0
        """random draws and whole electorates of different rounds are apart"""
        self._finished = False  # some leaf within the budget
        self._worst = WorstCases(policy, scorer, tree.budget)
        self._allowance = Allowance(tree.budget, self._account.now)
        self._counted = tree.budget.counted
        if self._counted:
            self._allowance.reserve = self._worst.continuation(tree.root, None, GO_ON) or NOTHING

    @property
    def root(self) -> Node:
        return self.tree.root

    def next_round(self) -> None:
        """What follows is another round of a searcher that repeats itself or others on this tree."""
        self.round += 1

    def rng(self, *place: object) -> np.random.Generator:
        """A generator keyed by the search, the round and a place in it."""
        return generator(self.tree.seed, self.tree.question, *place, *[f"round {self.round}"] * (self.round > 0))

    def note(self, name: str, **data: Any) -> None:
        """Adds an entry to the tree's record. Raises ValueError, with the place, for what no file can hold."""
        plain_object(to_plain(data, lambda node: node.depth), f"event {name}")
        self.tree.record.append(Event(name, self._account.now(), data))

    async def mark(self, name: str, scorer: Scorer, *nodes: Node) -> None:
        """Judges the nodes' paths by a second scorer, whose name `Selection(by=name)` takes; see `Judge.mark`.

        Charged as any request, but no budget stops it. Raises KnobError where another scorer has this name.
        """
        judge = self._judges.setdefault(name, Judge(self.tree, scorer, self._account, name))
        if judge.scorer is not scorer:
            raise KnobError(f"another scorer has marked nodes as {name}; choose another name")
        with self._allowance.busy():
            await judge.mark(nodes)

    def electorate(self, weights: Mapping[Node, float], whole: bool = False) -> None:
        """Gives nodes vote weights, of which the last within a budget counts; a finished leaf without any has one.

        `whole`: these nodes are all that vote, with shares of the sum of `weights`; what was given before in this round
        is forgotten, and every other leaf has weight zero. Raises ValueError unless weights are finite and >= 0.
        """
        self._given.write(weights, whole, self.round, self._account.now())

    def close(self) -> None:
        """Brings the ledger's clock up to date; the search is over."""
        self._account.close()

    async def extend(self, node: Node, n: int = 1, max_steps: int | None = 1, ask: Ask = GO_ON) -> list[Node]:
        """n scored continuations of `node`: the last node of each, in the order of their indices."""
        ends = await self.sample(node, n, max_steps, ask=ask)
        await self.score(*ends)
        return ends

    async def sample(
        self, node: Node, n: int = 1, max_steps: int | None = 1, merge: bool = False, ask: Ask = GO_ON
    ) -> list[Node]:
        """n continuations of `node`, written into the tree but not yet judged: the last node of each.

        With `merge`, one equal to an earlier child (text, end, action, writer) becomes that child; `stats["count"]`
        says how many each one stands for, and each is returned once. Raises KnobError where the policy takes no `ask`,
        and ValueError for `sources` of another tree.
        """
        if merge and max_steps != 1:
            raise ValueError(f"only single steps are merged, not continuations of max_steps={max_steps}")
        if ask != GO_ON:
            check_ask(ask, self._policy, node)
        indices = node.reserve(n)
        if not self._counted:
            return await self._request(node, indices, max_steps, merge, ask)
        worst, ends = self._worst.continuation(node, max_steps, ask), list[Node]()
        async with self._allowance.admit(worst, n, max_steps is None) as fits:
            if fits:
                return await self._request(node, indices, max_steps, merge, ask)
            spent = not await self._by_turns(node, indices, max_steps, merge, ask, ends)
        if spent:
            await self._judge_within(list(dict.fromkeys(ends)))
            await self._stop()
        return list(dict.fromkeys(ends))

    async def score(self, *nodes: Node) -> None:
        """Judges nodes, and those above them that are not yet judged: sets their scores and their births."""
        if not self._account.limited:
            await self._judge.nodes(nodes)
        elif not await self._judge_within(nodes):
            await self._stop()

    def unjudged(self, *nodes: Node) -> None:
        """Nodes that no scorer is to judge, such as a critique: sets their births."""
        self._judge.unjudged(nodes)

    async def complete(self) -> None:
        """Takes the best open leaf to its end, unless some leaf has finished or the budget is spent.

        It has the highest value under the searcher's reduction. It may use the reserve, and never raises BudgetSpent.
        """
        if self._finished or self._allowance.spent:
            return
        self._allowance.reserve = NOTHING
        if (node := best_open(self.tree, self.kind, self._reduction)) is not None:
            ask = self._told(GO_ON, self._worst.continuation(node, None, GO_ON))
            with self._allowance.busy():
                ends = await self._request(node, node.reserve(1), None, False, ask)
            await self._judge_within(ends)

    async def _by_turns(
        self, node: Node, indices: range, max_steps: int | None, merge: bool, ask: Ask, ends: list[Node]
    ) -> bool:
        """Asks for as many continuations at once as fit, or for one; adds them to `ends`. False once it is spent.

        A policy that neither tells its worst case nor can be told a limit gets a single request.
        """
        whole, worst = max_steps is None, self._worst.continuation(node, max_steps, ask)
        while indices:
            if self._allowance.spent:
                return False
            pending = self._worst.judging(ends) or NOTHING
            if min(self._allowance.left().minus(pending)) <= 0:  # judging these may take all that is left, or less
                if not await self._judge_within(ends):
                    return False
                continue
            with self._allowance.busy(pending):
                count = int(min(len(indices), self._allowance.count(worst, whole)))
            if not count and not whole and self._allowance.reserve != NOTHING:
                await self.complete()
                continue
            count = count or (1 if worst or self.takes_ask else len(indices))
            ends += await self._request(node, indices[:count], max_steps, merge, self._told(ask, worst))
            indices = indices[count:]
        return True

    def _told(self, ask: Ask, worst: Amount | None) -> Ask:
        """The request, limited to the tokens that are left where it might need more."""
        left = self._allowance.left().tokens
        free = not self.takes_ask or math.isinf(left) or (worst is not None and worst.tokens <= left)
        return ask if free else ask.at_most(int(left))

    async def _request(self, node: Node, indices: range, max_steps: int | None, merge: bool, ask: Ask) -> list[Node]:
        """One request: checks what came back, writes it into the tree and charges each continuation by itself."""
        n, seeds = len(indices), self._keys.below(node, indices)
        more: dict[str, Any] = {} if ask == GO_ON else {"ask": ask}  # older policies know no `ask`
        extension = await self._account.policy(lambda: self._policy.extend(node, n, max_steps, seeds, **more))
        check_extension(extension, n, max_steps, node)
        ends, known = list[Node](), extension.question_tokens is not None
        question = 0 if self.tree.ledger.unique_tokens else extension.question_tokens or 0
        for index, steps, cost in zip(indices, extension.continuations, extension.each_cost(), strict=True):
            end = _equal_child(node, steps[0], ask.action) if merge else None
            if end is None:
                steps = cut(steps, DEEPEST - node.depth)
                unique = sum([len(step.token_ids) for step in steps])
                self._account.charge_policy(cost, int(not steps[-1].open), question + unique if known else None)
                end = self._write(node, index, steps, ask)
                if merge:
                    end.stats["count"] = 1
            else:
                self._account.charge_policy(cost, 0, question)
                end.stats["count"] = end.stats.get("count", 1) + 1
            ends.append(end)
            question = 0
        return list(dict.fromkeys(ends)) if merge else ends

    def _write(self, node: Node, index: int, steps: Sequence[Step], ask: Ask) -> Node:
        """Adds the steps below `node`; their births will say of the policy what has been charged by now."""
        sources = tuple([source.path for source in ask.sources]) if ask.sources else ()
        for place, step in enumerate(steps):
            step = replace(step, action=ask.action) if ask.action and not step.action else step
            node = node.add(node.reserve(1).start if place else index, step)
            node.charged, node.sources = self.tree.ledger, () if place else sources
        if node.finished and self._account.covers(node):
            self._finished, self._allowance.reserve = True, NOTHING
        return node

    async def _judge_within(self, nodes: Sequence[Node]) -> bool:
        """Judges the nodes that lie within the budget; whether all do.

        Where that may exceed a limit on FLOPs, they are judged in their order, as far as it goes.
        """
        within = [node for node in nodes if self._account.covers(node)]
        worst = self._worst.judging(within)
        at_once = worst == NOTHING or self._allowance.count(worst, whole=True) >= 1
        with self._allowance.busy(worst or NOTHING):
            if at_once:
                await self._judge.nodes(within)
            else:
                for node in within:
                    if not self._account.covers(node):
                        return False
                    await self._judge.nodes([node])
        return len(within) == len(nodes)

    async def _stop(self) -> NoReturn:
        """Ends the search once nothing is in flight."""
        await self._allowance.idle()
        raise BudgetSpent


def _equal_child(node: Node, step: Step, action: str) -> Node | None:
    """The first child whose step has the same text, end, action and writer."""
    same = step.text, step.end, step.action or action, step.writer
    steps = ((each, each.step) for each in node.children.values())
    return next((each for each, its in steps if its and (its.text, its.end, its.action, its.writer) == same), None)
