"""Hand-made worlds, the policies that walk them, and scorers that know or invent a value for every step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from policies.engines.world import Place
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Ask, Cost, End, Extension, Kind, Node, Scored, Step
from search.grow import GO_ON
from search.tree.cost import NOTHING


def leaf(answer: int, worth: float = 0.0, probability: float = 1.0) -> Place:
    return Place(f"\\boxed{{{answer}}}", probability, worth=worth)


def place(name: str, *children: Place, probability: float = 1.0) -> Place:
    return Place(f"{name}\n\n", probability, children)


def world(*children: Place) -> Place:
    return Place("", 1.0, children)


def chain(name: str, length: int, end: Place, probability: float = 1.0) -> Place:
    """`length` steps without a choice, then `end`."""
    below = end
    for depth in reversed(range(length)):
        below = place(f"{name}{depth}", below, probability=1.0 if depth else probability)
    return below


def leaves(
    root: Place, probability: float = 1.0, path: tuple[int, ...] = ()
) -> list[tuple[tuple[int, ...], float, Place]]:
    """(path, probability, place) of every leaf below."""
    if not root.children:
        return [(path, probability, root)]
    below = enumerate(root.children)
    return [entry for i, child in below for entry in leaves(child, probability * child.probability, (*path, i))]


NOWHERE = Place("")
UNEVEN = world(
    place("a", leaf(1, 0.9, 0.3), leaf(2, 0.05, 0.7), probability=0.6),
    place("b", leaf(3, 0.3, 0.5), place("c", leaf(4, 0.99, 0.2), leaf(5, 0.5, 0.8), probability=0.5), probability=0.3),
    leaf(6, 0.02, 0.1),
)
"""Solutions of one, two and three steps, of very different values."""


@dataclass(frozen=True)
class Walk(Toy):
    """The toy policy in a hand-made world."""

    root: Place = NOWHERE

    @property
    def world(self) -> Place:
        return self.root


@dataclass(frozen=True)
class InTurn(Walk):
    """The i-th continuation of a node takes its i-th branch, whichever request asks for it."""

    enumerates: bool = True
    served: dict[Node, int] = field(default_factory=dict[Node, int], compare=False)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        before = self.served.get(node, 0)
        self.served[node] = before + n
        extension = await super().extend(node, before + n, max_steps, [0] * before + list(seeds), ask)
        costs = extension.costs[:n]
        return extension._replace(continuations=extension.continuations[before:], costs=costs, cost=sum(costs, NOTHING))


@dataclass(frozen=True)
class Short(Walk):
    """The toy policy in a hand-made world whose solutions are cut at `limit` steps."""

    limit: int = 1

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds)
        return extension._replace(continuations=tuple(self._cut(node.depth, s) for s in extension.continuations))

    def _cut(self, depth: int, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        steps = steps[: self.limit - depth]
        if depth + len(steps) < self.limit or steps[-1].finished:
            return steps
        return (*steps[:-1], replace(steps[-1], end=End.MAX_STEPS))


@dataclass(frozen=True)
class Values(ToyScorer):
    """Exact values of a hand-made world."""

    root: Place = NOWHERE

    @property
    def world(self) -> Place:
        return self.root


@dataclass(frozen=True)
class By:
    """A scorer that is a function of the path so far: one call, a token and a FLOP a step it has to judge."""

    score_of: Callable[[Sequence[Step]], float]
    kind: Kind = Kind.VALUE

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        scores = [self.score_of(steps[: place + 1]) for place in range(since, len(steps))]
        return Scored(scores, Cost(computed=len(scores), flops=float(len(scores))))


def by_text(scores: dict[str, float], kind: Kind = Kind.VALUE) -> By:
    """A step's score by its text, the delimiter left out; 0 for those that are not given."""
    return By(lambda steps: scores.get(steps[-1].text.strip(), 0.0), kind)
