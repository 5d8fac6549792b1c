"""Grower: what a searcher sees. It asks policy and scorer, writes the tree and, alone, the ledger."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

import numpy as np

from search.allowance import NOTHING, Allowance, Amount
from search.errors import KnobError
from search.known_scores import KnownScores
from search.protocols import Ask, Policy, Scorer, Stopped, check_extension, takes_ask, worst_case
from search.tree import Event, Node, Tree
from search.tree.cost import BudgetSpent, Cost, Ledger
from search.tree.electorate import ELECTORATE
from search.tree.path import PathView
from search.tree.randomness import derive, generator, key
from search.tree.scores import Kind, check_scores, reduce, reduction_for
from search.tree.step import End, Step

T = TypeVar("T")
GO_ON = Ask()
DEEPEST = 10_000  # steps of a path; a policy that never ends one is stopped here


class Grower:
    """Wraps a policy and a scorer for one search.

    Every method may raise BudgetSpent. Under a limit on samples, tokens or FLOPs a request is made only where its worst
    case fits, or else alone; a policy that does not tell its worst case always takes turns. Scores of what was written
    within the budget are still asked for. As long as no leaf has finished, the cost of one solution is kept in reserve,
    and where nothing else is left it completes the best open node.
    """

    def __init__(self, tree: Tree, policy: Policy, scorer: Scorer) -> None:
        self.tree = tree
        self.kind = scorer.kind
        self._policy, self._scorer = policy, scorer
        self._started = time.monotonic() - tree.ledger.seconds
        self._known = KnownScores(tree.root)
        self._keys = {tree.root: key(tree.seed, tree.question)}
        self._takes_ask = takes_ask(policy)
        self._counted = tree.budget.counted
        self._allowance = Allowance(tree.budget, self._now, self._reserve, self.complete)
        self._finished = False  # some leaf has
        self._completed = False

    @property
    def root(self) -> Node:
        return self.tree.root

    def rng(self, *place: object) -> np.random.Generator:
        """A generator keyed by the search and a place in it."""
        return generator(self.tree.seed, self.tree.question, *place)

    def note(self, name: str, **data: Any) -> None:
        """Adds an entry to the tree's record."""
        self.tree.record.append(Event(name, self._now(), data))

    async def mark(self, name: str, scorer: Scorer, *nodes: Node) -> None:
        """A second scorer's opinion of nodes, by its name in `stats["marks"]`: one number for each path, reduced as its
        kind does. `Selection(by=name)` chooses by it. A node that has such a mark is not judged again.

        Charged as a scorer's request. Raises ScoreError as for the first scorer.
        """
        self.note("marks", scorer=name, kind=str(scorer.kind))
        with self._allowance.judging():
            async with asyncio.TaskGroup() as group:
                for node in dict.fromkeys(nodes):
                    if name not in node.stats.get("marks", {}):
                        group.create_task(self._mark(name, scorer, node))

    async def _mark(self, name: str, scorer: Scorer, node: Node) -> None:
        since = node.depth - 1 if scorer.kind is Kind.OUTCOME else 0
        request = scorer.score(self.tree.question, PathView(node), since)
        scored = await self._await(f"scorer {name}", request, self._charge_scorer)
        scores = [float(score) for score in scored.scores]
        self._charge_scorer(scored.cost)
        check_scores(scorer.kind, scores, node.depth - since)
        node.stats.setdefault("marks", {})[name] = reduce(scores, reduction_for(scorer.kind, None))

    def electorate(self, weights: Mapping[Node, float], whole: bool = False, repeats: bool = False) -> None:
        """Gives nodes the weights of their votes. A node's last weight within a budget counts; a finished leaf that was
        given none has weight one.

        `whole`: these nodes are all that vote, with shares of the sum of `weights`; what was given before is forgotten,
        and every other leaf has weight zero. `repeats`: the weights count samples of the same text, which a vote by
        score takes once. Raises ValueError unless weights are finite and >= 0.
        """
        for node, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"the vote weight of node {node.name} is {weight}; it must be finite and >= 0")
        nodes, values = [list(node.path) for node in weights], [float(weight) for weight in weights.values()]
        self.note(ELECTORATE, nodes=nodes, weights=values, whole=whole, repeats=repeats)

    def close(self) -> None:
        """Brings the ledger's clock up to date; the search is over."""
        self.tree.ledger = self._now()

    async def extend(self, node: Node, n: int = 1, max_steps: int | None = 1, ask: Ask = GO_ON) -> list[Node]:
        """n scored continuations of `node`: the last node of each, in the order of their indices."""
        ends = await self.sample(node, n, max_steps, ask=ask)
        await self.score(*ends)
        return ends

    async def sample(
        self, node: Node, n: int = 1, max_steps: int | None = 1, merge: bool = False, ask: Ask = GO_ON
    ) -> list[Node]:
        """n continuations of `node`, written into the tree but not yet judged: the last node of each.

        With `merge`, a continuation equal to an earlier child of `node` becomes that child; `stats["count"]` says how
        many each one stands for, and each child is returned once. Raises KnobError where the policy takes no `ask`.
        """
        if merge and max_steps != 1:
            raise ValueError(f"only single steps are merged, not continuations of max_steps={max_steps}")
        if ask != GO_ON and not self._takes_ask:
            raise KnobError(f"{type(self._policy).__name__} takes no request with {ask.named()}; choose another policy")
        indices = node.reserve(n)
        if not self._counted:
            return await self._request(node, indices, max_steps, merge, ask)
        worst = self._worst(node, max_steps)
        async with self._allowance.admit(worst and worst.times(n)) as alone:
            if not alone or not (worst or self._takes_ask):
                return await self._request(node, indices, max_steps, merge, ask)
            # Near the limit: one continuation at a time, told what is left.
            ends: list[Node] = []
            left = index = None
            for index in indices:
                if (left := self._allowance.left()) is None:
                    break
                told = ask if math.isinf(left.tokens) else ask.at_most(int(left.tokens))
                ends += await self._request(node, range(index, index + 1), max_steps, merge, told)
        ends = list(dict.fromkeys(ends))
        if index != indices[-1] or left is None:
            await self._stop(ends)
        return ends

    async def score(self, *nodes: Node) -> None:
        """Judges nodes, and those above them that are not yet judged: sets their scores and their births."""
        within = [node for node in nodes if self._covers(node)]
        with self._allowance.judging():
            if len(within) == 1:
                await self._judge(within[0])
            elif within:
                async with asyncio.TaskGroup() as group:
                    for node in within:
                        group.create_task(self._judge(node))
        if len(within) < len(nodes):
            await self._stop([])

    async def complete(self) -> None:
        """Takes the best open leaf to its end, unless a leaf has finished: a search should not end without an answer.

        The best has the highest value under the kind's own reduction; ties go to the lowest path.
        """
        if self._finished or self._completed or (left := self._allowance.left(reserve=False)) is None:
            return
        self._completed = True
        if (node := self._best_open()) is not None:
            ask = GO_ON if math.isinf(left.tokens) or not self._takes_ask else Ask(max_tokens=int(left.tokens))
            await self.score(*await self._request(node, node.reserve(1), None, False, ask))

    async def _request(self, node: Node, indices: range, max_steps: int | None, merge: bool, ask: Ask) -> list[Node]:
        """One request of the policy: checks what it returned, writes it into the tree and charges each continuation."""
        n, parent = len(indices), self._key(node)
        seeds = [derive(parent, index) for index in indices]
        more: dict[str, Any] = {} if ask == GO_ON else {"ask": ask}  # older policies know no `ask`
        request = self._policy.extend(node, n, max_steps, seeds, **more)
        extension = await self._await("policy", request, self._charge_policy)
        check_extension(extension, n, max_steps, node)
        siblings = {_text_and_end(child.step): child for child in node.children.values()} if merge else {}
        ends: list[Node] = []
        question = 0 if self.tree.ledger.unique_tokens else extension.question_tokens
        for index, steps, cost in zip(indices, extension.continuations, extension.each_cost(), strict=True):
            end = siblings.get(_text_and_end(steps[0]))
            if end is None:
                unique = sum(len(step.token_ids) for step in steps)
                closed = not steps[-1].open or node.depth + len(steps) >= DEEPEST
                self._charge_policy(cost, int(closed), question + unique)
                end = self._write(node, index, steps)
            else:
                self._charge_policy(cost, 0, question)
            if merge:
                siblings[_text_and_end(steps[0])] = end
                end.stats["count"] = end.stats.get("count", 0) + 1
            ends.append(end)
            question = 0
        return list(dict.fromkeys(ends))

    def _write(self, node: Node, index: int, steps: Sequence[Step]) -> Node:
        """Adds the steps below `node`; what has been charged so far is what their births will say of the policy."""
        for step in steps:
            if node.depth + 1 >= DEEPEST and step.open:
                step = replace(step, end=End.MAX_STEPS)
            node = node.add(index, step)
            node.charged = self.tree.ledger
            index = node.reserve(1).start if step is not steps[-1] else 0
        self._finished |= node.finished and self._covers(node)
        return node

    async def _judge(self, node: Node) -> None:
        line: list[Node] = []
        above = node
        while above.parent is not None and above.birth is None:
            line.append(above)
            above = above.parent
        line.reverse()
        if self.kind is Kind.OUTCOME:
            judged = line[-1:] if node.finished else []
        else:
            judged = line
        if judged:
            scores = await self._known.scores(judged, self._ask_scorer)
            for above, score in zip(judged, scores, strict=True):
                above.score = score
        birth = self._birth(node)
        for above in line:
            if above.birth is None:
                above.birth, above.charged = birth, None

    async def _ask_scorer(self, node: Node, since: int) -> Sequence[float]:
        request = self._scorer.score(self.tree.question, PathView(node), since)
        scored = await self._await("scorer", request, self._charge_scorer)
        scores = [float(score) for score in scored.scores]
        check_scores(self.kind, scores, node.depth - since)
        self._charge_scorer(scored.cost)
        return scores

    async def _await(self, who: str, request: Coroutine[Any, Any, T], charge: Callable[[Cost], None]) -> T:
        """Awaits a response and charges what a cancelled request had cost.

        A request that was cancelled from within is a failure, not the end of the search.
        """
        try:
            return await request
        except asyncio.CancelledError as stopped:
            if isinstance(stopped, Stopped):
                charge(stopped.cost)
            else:
                self.tree.ledger = self.tree.ledger._replace(at_least=True)
            if not _cancelled():
                raise RuntimeError(f"the {who} cancelled a request by itself") from stopped
            raise asyncio.CancelledError from None  # of the plain class, which a time limit recognises

    def _charge_policy(self, cost: Cost, samples: int = 0, unique_tokens: int = 0) -> None:
        self.tree.ledger = self._now().with_policy(cost, samples, unique_tokens)

    def _charge_scorer(self, cost: Cost) -> None:
        self.tree.ledger = self._now().with_scorer(cost)

    def _birth(self, node: Node) -> Ledger:
        """What the policy had been paid when the node was written, and the scorer until now."""
        return self._now() if node.charged is None else self._now().with_policy_of(node.charged)

    def _covers(self, node: Node) -> bool:
        return self.tree.budget.covers(self._birth(node))

    def _worst(self, node: Node, max_steps: int | None) -> Amount | None:
        """The most that one continuation may take of the budget; None where the policy or the scorer does not tell."""
        cost = worst_case(self._policy, node, max_steps)
        if cost is None:
            return None
        flops = 0.0
        if self.tree.budget.flops is not None:
            judged = worst_case(self._scorer, node, cost.generated)
            if cost.flops is None or judged is None or judged.flops is None:
                return None
            flops = cost.flops + judged.flops
        return Amount(1, cost.generated, flops)

    def _reserve(self) -> Amount:
        """What is held back for one solution, until a leaf has finished."""
        if self._finished or self._completed:
            return NOTHING
        return self._worst(self.root, None) or NOTHING

    def _best_open(self) -> Node | None:
        judged = {node for node in self.tree.nodes() if node.birth is not None}
        inner = {node.parent for node in judged}
        leaves = [node for node in judged - inner if node.open] if judged else [self.root]
        reduction = reduction_for(self.kind, None)
        return min(leaves, key=lambda node: (-_or_least(node.value(reduction)), node.path), default=None)

    async def _stop(self, ends: Sequence[Node]) -> NoReturn:
        """Judges what was written within the budget and ends the search once nothing is in flight."""
        await self.score(*ends)
        await self._allowance.idle()
        raise BudgetSpent

    def _key(self, node: Node) -> int:
        """The node's key: its parent's and its index, down from that of the search."""
        line: list[Node] = []
        while (known := self._keys.get(node)) is None:
            assert node.parent is not None
            line.append(node)
            node = node.parent
        for below in reversed(line):
            known = self._keys[below] = derive(known, below.index)
        return known

    def _now(self) -> Ledger:
        return self.tree.ledger._replace(seconds=time.monotonic() - self._started)


def _cancelled() -> bool:
    """Whether it is the running task that was cancelled, and not only what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _text_and_end(step: Step | None) -> tuple[str, End] | None:
    return None if step is None else (step.text, step.end)


def _or_least(value: float | None) -> float:
    return -math.inf if value is None else value
