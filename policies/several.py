"""Several policies that write one tree, each step by the one that a rule chooses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from policies.choosing import Bandit, Choice, by_uncertainty, scope_of
from policies.engines.prompt import encode_step
from policies.engines.translated import below, copied, in_tokens
from policies.tokens import Tokens, tokens_of
from search.errors import KnobError
from search.parts import Parts, parts
from search.protocols import GO_ON, Ask, Extension, Policy, takes_ask, worst_case
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.randomness import derive
from search.tree.scores import Kind
from search.tree.step import End, Step


@dataclass(frozen=True)
class Several:
    """Members, the cheap one first, each of which writes the steps that the rule gives it.

    Every step names its writer, and is charged by that member's own prices. Where members have different tokenizers, a
    step is handed to another one as text, in that one's tokens. Raises KnobError where members do not fit together.
    """

    of: tuple[Policy, ...]
    names: tuple[str, ...]
    rule: Choice = Choice.UNCERTAINTY
    thresholds: tuple[float, ...] = (0.2,)
    """uncertainty: in nats a token; the member after the i-th goes on from a step that reaches the i-th threshold"""

    def __post_init__(self) -> None:
        if len(self.of) < 2 or len(set(self.names)) != len(self.of):
            raise KnobError(f"policy.members: give two members or more, each of another name, not {list(self.names)}")
        if Choice(self.rule) == Choice.BANDIT:
            return
        rising = all(low < high for low, high in zip(self.thresholds, self.thresholds[1:], strict=False))
        if len(self.thresholds) != len(self.of) - 1 or not rising or not min(self.thresholds) >= 0:
            raise KnobError(
                f"policy.thresholds is {list(self.thresholds)}; {len(self.of)} members need {len(self.of) - 1}, in "
                "nats, >= 0 and rising"
            )
        for name, member in zip(self.names, self.of, strict=True):
            if not getattr(member, "logprobs", True):
                raise KnobError(
                    f"policy.members: rule=uncertainty reads log-probabilities, and {name} tells none; choose "
                    "rule=bandit, or another member"
                )

    @property
    def logprobs(self) -> bool:
        """Whether all members tell the log-probabilities of their tokens."""
        return all(getattr(member, "logprobs", True) for member in self.of)

    @cached_property
    def tokens(self) -> tuple[Tokens, ...]:
        """Those of each member. Raises KnobError where one could not read what another has written."""
        return tokens_of(self.of, self.names)

    def check_kind(self, kind: Kind) -> None:
        """Raises KindError where the rule cannot read scores of the kind."""
        if self.rule == Choice.BANDIT:
            scope_of(kind)

    def start_loading(self) -> None:
        """Begins to load the members' models; vLLM engines go on in the background."""
        _ = self.tokens
        self._all("start_loading")

    def load(self) -> None:
        """Loads the members' models, which would otherwise happen at the first request."""
        self._all("load")

    def notice(self) -> str | None:
        """What a user should know of the members, a line each."""
        return "\n".join(filter(None, self._all("notice"))) or None

    def _all(self, method: str) -> list[Any]:
        return [getattr(member, method)() for member in self.of if hasattr(type(member), method)]

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        """By `uncertainty` each step is a request of its own; by `bandit` a member writes a whole continuation.

        Raises KnobError where `ask` has a floor, or a member cannot do what it says.
        """
        if ask.floor is not None:
            raise KnobError("policy=several takes no request with floor: its members are sure in ways of their own")
        with parts() as asked:
            if self.rule == Choice.BANDIT:
                bandit = Bandit(node, self.names)
                drawn = [bandit.choose(seed, ask.temperature == 0) for seed in seeds]
                begun = await self._written(asked, node, max_steps, seeds, drawn, ask)
            elif max_steps == 1:
                chosen = by_uncertainty(node.step, self.thresholds)
                begun = await self._written(asked, node, 1, seeds, [chosen] * n, ask)
            else:
                begun = await together(*(self._walk(asked, node, max_steps, seed, ask) for seed in seeds))
        question = None if any(each.question_tokens is None for each in begun) else begun[0].question_tokens
        continuations = tuple(each.continuations[0] for each in begun)
        return Extension(continuations, asked.cost, question, tuple(each.cost for each in begun), not asked.exact)

    async def _walk(self, asked: Parts, node: Node, max_steps: int | None, seed: int, ask: Ask) -> Extension:
        """One continuation, a step at a time."""
        steps, cost, question, here = list[Step](), NOTHING, list[int | None](), node
        while not steps or (steps[-1].open and len(steps) != max_steps):
            if steps:
                here = below(here if len(steps) > 1 else copied(node), steps[-1])
                seed = derive(seed, len(steps))
            chosen = by_uncertainty(here.step, self.thresholds)
            (one,) = await self._written(asked, here, 1, [seed], [chosen], ask)
            ((step,),) = one.continuations
            question.append(one.question_tokens)
            cost += one.cost
            ask = ask._replace(given="")
            if ask.max_tokens is not None:  # of which a member that takes no requests may write more
                ask = ask._replace(max_tokens=max(0, ask.max_tokens - step.generated))
                step = replace(step, end=End.MAX_TOKENS) if step.open and not ask.max_tokens else step
            steps.append(step)
        known = None if None in question else question[0]
        return Extension((tuple(steps),), cost, known, (cost,))

    async def _written(
        self, asked: Parts, node: Node, max_steps: int | None, seeds: Sequence[int], chosen: Sequence[int], ask: Ask
    ) -> list[Extension]:
        """One continuation for each seed, by the member chosen for it; one request to each member."""
        places: dict[int, list[int]] = {}
        for place, member in enumerate(chosen):
            places.setdefault(self._with_room(member, node), []).append(place)
        work = (
            asked.ask(self._request, member, node, max_steps, [seeds[place] for place in theirs], ask)
            for member, theirs in places.items()
        )
        each: dict[int, Extension] = {}
        for theirs, extension in zip(places.values(), await together(*work), strict=True):
            for place, steps, cost in zip(theirs, extension.continuations, extension.each_cost(), strict=True):
                each[place] = extension._replace(continuations=(steps,), cost=cost, costs=(cost,))
        return [each[place] for place in range(len(seeds))]

    async def _request(
        self, place: int, node: Node, max_steps: int | None, seeds: Sequence[int], ask: Ask
    ) -> Extension:
        member, name = self.of[place], self.names[place]
        if not takes_ask(member):
            ask = ask._replace(max_tokens=None)  # a budget's limit, which such a policy alone would not be told either
        if ask != GO_ON and not takes_ask(member):
            raise KnobError(f"policy.members: {name} takes no request with {ask.named()}; choose another member")
        more: dict[str, Any] = {} if ask == GO_ON else {"ask": ask}
        extension = await member.extend(self.reads(place, node), len(seeds), max_steps, seeds, **more)
        signed = tuple(tuple(replace(step, writer=name) for step in steps) for steps in extension.continuations)
        return extension._replace(continuations=signed)

    def reads(self, place: int, node: Node) -> Node:
        """The node as the member reads it: the end of a copy of its path where that has tokens of another tokenizer.

        A step that no member has signed, as those of an older tree, may have such tokens.
        """
        own = self.tokens[place]
        known = {name for name, other in zip(self.names, self.tokens, strict=True) if other.group == own.group}
        if own.tokenizer is None or all(step.writer in known for step in node.steps()):
            return node
        encode: Callable[[str], Sequence[int]] = partial(encode_step, own.tokenizer)
        return copied(node, lambda step: in_tokens(step, encode) if step.writer not in known else step)

    def _with_room(self, place: int, node: Node) -> int:
        """The member, or the next one whose context has room for the path; itself where none has."""
        others = [*range(place, len(self.of)), *range(place)]
        return next((other for other in others if self._has_room(other, node)), place)

    def _has_room(self, place: int, node: Node) -> bool:
        has_room = getattr(self.of[place], "has_room", None)
        return has_room is None or has_room(self.reads(place, node))

    def worst_case(self, node: Node, max_steps: int | None, ask: Ask = GO_ON) -> Cost | None:
        """Of one continuation by any member; None where one does not tell.

        By `uncertainty` more than one step reads the path again for each, of which nothing is told but the tokens that
        it generates.
        """
        told = [worst_case(member, self.reads(place, node), max_steps, ask) for place, member in enumerate(self.of)]
        if any(cost is None for cost in told):
            return None
        costs = [cost for cost in told if cost is not None]
        most = Cost(*(_most([cost[place] for cost in costs]) for place in range(5)))
        if self.rule == Choice.BANDIT or max_steps == 1:
            return most
        unknown: Any = None
        return Cost(self._written_at_most(node, max_steps, ask, costs), unknown, unknown, most.calls, None)

    def _written_at_most(self, node: Node, max_steps: int | None, ask: Ask, costs: Sequence[Cost]) -> int:
        """Tokens of a continuation by all members in turn, of which each alone would write those of `costs`."""
        written = [cost.generated for cost in costs]
        if max_steps is not None:
            steps = [worst_case(member, self.reads(place, node), 1, ask) for place, member in enumerate(self.of)]
            return min(sum(written), max_steps * max(cost.generated for cost in steps if cost is not None))
        alike = len({tokens.group for tokens in self.tokens}) == 1  # one limit on all tokens of a path
        return max(written) if alike else sum(written)


def _most(figures: Sequence[Any]) -> Any:
    """The largest; None, unknown, where one of them is."""
    return None if None in figures else max(figures)
