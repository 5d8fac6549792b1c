"""What a search asks of a policy and of a scorer, and what they return.

`policies/` and `scorers/` implement the two protocols, one method each; the Grower is their only caller.
"""

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

from search.errors import KnobError, PolicyError, ScoreError
from search.tree import Node
from search.tree.confidence import Floor
from search.tree.cost import NOTHING, Cost
from search.tree.scores import Kind
from search.tree.step import Step


class Ask(NamedTuple):
    """What one request asks of a policy besides going on. It is left out where all of it is the default."""

    action: str = ""
    """a name for the step, recorded on it; a policy may map it to a prompt"""
    hint: str = ""
    """goes into this request's prompt, and not into the path"""
    given: str = ""
    """the continuation begins with this text"""
    temperature: float | None = None
    """in place of the policy's own"""
    max_tokens: int | None = None
    """most tokens of each continuation, from here; it is cut there as by the policy's own limit"""
    floor: Floor | None = None
    """how sure the policy must be of its last tokens; it is cut, with UNSURE, where it is less"""
    sources: tuple[Node, ...] = ()
    """solutions whose text goes into this request's prompt; the new nodes name them"""

    def at_most(self, tokens: int) -> "Ask":
        """The same, for no more than so many tokens."""
        return self._replace(max_tokens=tokens if self.max_tokens is None else min(tokens, self.max_tokens))

    def named(self) -> str:
        """The fields that are not the default, for an error message."""
        return ", ".join(name for name, value in self._asdict().items() if value != self._field_defaults[name])


ANSWER = "answer"
"""The action that closes a thought, so that the answer follows."""

GO_ON = Ask()
"""Nothing besides going on."""


class Extension(NamedTuple):
    """What a policy wrote: n continuations, each of one or more steps; `question_tokens` is its prompt's length, None
    where the policy knows no tokens of what it reads and writes.

    `costs` has one entry a continuation, [n], and sums to `cost`. Where it is left out, each continuation is taken to
    have generated its own tokens, and the first to have cost all the rest. `at_least`: it may have cost more, because a
    part was asked for again and nobody knows what that had cost.
    """

    continuations: tuple[tuple[Step, ...], ...]
    cost: Cost
    question_tokens: int | None = 0
    costs: tuple[Cost, ...] = ()
    at_least: bool = False

    def each_cost(self) -> tuple[Cost, ...]:
        """The cost of each continuation, [n]."""
        if self.costs:
            return self.costs
        if len(self.continuations) == 1:
            return (self.cost,)
        generated = [sum(step.generated for step in steps) for steps in self.continuations]
        if sum(generated) != self.cost.generated:
            generated = [self.cost.generated, *[0] * (len(generated) - 1)]
        first, *others = generated
        flops = None if self.cost.flops is None else 0.0
        return (self.cost._replace(generated=first), *(Cost(tokens, calls=0, flops=flops) for tokens in others))


class Scored(NamedTuple):
    """One number for each of the steps asked for, and what they cost; `at_least`: they may have cost more."""

    scores: Sequence[float]
    cost: Cost
    at_least: bool = False


class Stopped(asyncio.CancelledError):
    """A request that was cancelled and knows what it had cost by then; raised in place of the CancelledError.

    `at_least`: it may have cost more, because a part of it could not tell.
    """

    def __init__(self, cost: Cost, at_least: bool = False) -> None:
        super().__init__()
        self.cost, self.at_least = cost, at_least


class Policy(Protocol):
    """Writes steps.

    Two things are optional. A parameter `ask: Ask = GO_ON` of `extend` takes what a request asks besides going on; a
    policy that cannot do what is asked raises KnobError. A method `worst_case(node, max_steps) -> Cost` says what one
    such continuation costs at most; with it a search under a budget keeps many requests in flight. It may have a
    parameter `ask`, too, where what is asked costs something.
    """

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        """n continuations of the path that ends at `node`, of `max_steps` steps each, or to the end where it is None.

        `seeds` has one key a continuation, made from its place in the tree; all randomness must come from it.
        """
        ...


class Scorer(Protocol):
    """Judges steps. `kind` says what its numbers mean, and so what may be done with them.

    A method `worst_case(node, tokens) -> Cost` is optional: what judging a path costs at most that goes on from `node`
    by so many of the policy's tokens. A scorer of kind `ranking` may be a `Ranker`.

    A scorer that uses the search's policy has a method `with_policy(policy)`, which returns the scorer for that search,
    or raises KnobError; it is cheap, and loads nothing.

    A scorer reads what follows a model's thought; one with the attribute `thoughts = True` reads the thought, too. One
    with `reads_logprobs = False` reads no log-probabilities, so that a policy need not keep them.
    """

    @property
    def kind(self) -> Kind: ...

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """One number for each of `steps[since:]`; the search knows those of the steps before. An outcome scorer is
        asked about finished solutions only, with `since` at the last step.
        """
        ...


class Ranker(Protocol):
    """A scorer that judges siblings together; it is asked in place of `score`."""

    async def rank(self, question: str, paths: Sequence[Sequence[Step]]) -> Scored:
        """One number for each of the paths, which end in siblings that are new; higher is better.

        Later siblings come in a request of their own, so that numbers of different requests must be comparable.
        """
        ...


def ranker(scorer: Scorer) -> Ranker | None:
    """The scorer as a Ranker, if it is one. Raises ScoreError where it is one, but its kind is not `ranking`."""
    if not hasattr(scorer, "rank"):
        return None
    if scorer.kind is not Kind.RANKING:
        raise ScoreError(f"{type(scorer).__name__} has a method rank, but its kind is {scorer.kind}; declare ranking")
    return cast(Ranker, scorer)


def takes_ask(policy: Policy) -> bool:
    """Whether the policy's `extend` has a parameter `ask`."""
    return "ask" in inspect.signature(policy.extend).parameters


def worst_case(of: Policy | Scorer, node: Node, length: int | None, ask: Ask = GO_ON) -> Cost | None:
    """What `of` says that a request may cost at most; None where it does not say."""
    told: Any = getattr(of, "worst_case", None)
    if told is None:
        return None
    more = {"ask": ask} if ask != GO_ON and "ask" in inspect.signature(told).parameters else {}
    return told(node, length, **more)


def check_ask(ask: Ask, policy: Policy, node: Node) -> None:
    """Raises KnobError where the policy takes no request, ValueError where a source is not in the node's tree."""
    if not takes_ask(policy):
        raise KnobError(f"{type(policy).__name__} takes no request with {ask.named()}; choose another policy")
    for source in ask.sources:
        if source.tree is not node.tree:
            raise ValueError(f"Ask.sources names node {source.name}, which is not in this search's tree")


def check_extension(extension: Any, n: int, max_steps: int | None, node: Node) -> None:
    """Raises PolicyError unless it is an Extension with n continuations of the length asked for, of which only a last
    step closes.
    """

    def asked() -> str:
        return f"at depth {node.depth}, asked for n = {n} with max_steps = {max_steps}"

    if not isinstance(extension, Extension):
        raise PolicyError(f"the policy returned {extension!r:.60} {asked()}; return Extension(continuations, cost)")
    continuations, costs = extension.continuations, extension.costs
    if len(continuations) != n:
        raise PolicyError(f"the policy returned {len(continuations)} continuations {asked()}")
    if costs and len(costs) != n:
        raise PolicyError(f"the policy returned {len(costs)} costs {asked()}; return one a continuation, or none")
    if costs and not sum(costs, NOTHING).equals(extension.cost):
        raise PolicyError(f"the costs of the policy's continuations {asked()} do not add up to its cost")
    for place, steps in enumerate(continuations):
        if wrong := _wrong(steps, max_steps):
            raise PolicyError(f"continuation {place + 1} of the policy, {asked()}, {wrong}")


def _wrong(steps: Sequence[Step], max_steps: int | None) -> str:
    """What is wrong with a continuation, in words; empty where nothing is."""
    if not steps:
        return "has no step"
    if max_steps is not None and len(steps) > max_steps:
        return f"has {len(steps)} steps"
    for depth in range(len(steps) - 1):
        if not steps[depth].open:
            return f"goes on after step {depth + 1}, which ended with {steps[depth].end}"
    if max_steps is None and steps[-1].open:
        return f"stops open, with {steps[-1].end}: to the end of the solution means a finished or a cut step"
    return ""


def joined(scorer: Any, policy: Policy) -> Any:
    """The scorer of a search with this policy: what its method `with_policy` returns, where it has one, or itself."""
    join: Any = getattr(scorer, "with_policy", None)
    return scorer if join is None else join(policy)


def reads_logprobs(*readers: Any) -> bool | None:
    """Whether a searcher or scorer among `readers` reads log-probabilities.

    Each says so by its attribute `reads_logprobs`. None where one does not say, and no other reads them.
    """
    answers = [getattr(reader, "reads_logprobs", None) for reader in readers if reader is not None]
    return True if True in answers else None if None in answers else False


def check_fit(policy: Any, *readers: Any) -> None:
    """Raises KnobError where the policy keeps no log-probabilities and a searcher or scorer says that it reads them.

    The policy says so by `logprobs = False`, the others by `reads_logprobs = True`. Raises KnobError, too, where a
    scorer's `with_policy` refuses the policy, and what the policy's `check_kind` raises for a scorer's kind.
    """
    check_kind = getattr(policy, "check_kind", None)
    for reader in readers:
        joined(reader, policy)
        kind = getattr(reader, "kind", None)
        if check_kind and isinstance(kind, Kind):
            check_kind(kind)
        if not getattr(policy, "logprobs", True) and getattr(reader, "reads_logprobs", False):
            name = type(reader).__name__
            if "logprobs" not in getattr(policy, "__dict__", {}):
                raise KnobError(f"{type(policy).__name__} tells no log-probabilities, which {name} reads")
            raise KnobError(f"policy.logprobs=false keeps no log-probabilities, which {name} reads; leave it out")
