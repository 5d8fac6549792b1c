"""What a search asks of others: a policy that writes steps and a scorer that judges them, one method each.

`policies/` and `scorers/` implement them; `Grower` is their only caller.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from search.tree import Node
from search.tree.cost import Cost
from search.tree.scores import Kind
from search.tree.step import Step


class Extension(NamedTuple):
    """What a policy wrote: n continuations, each of one or more steps; `question_tokens` is its prompt's length."""

    continuations: tuple[tuple[Step, ...], ...]
    cost: Cost
    question_tokens: int = 0


class Scored(NamedTuple):
    """One number for each of the steps asked for, and what they cost."""

    scores: Sequence[float]
    cost: Cost


class Policy(Protocol):
    """Writes steps."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        """n continuations of the path that ends at `node`, of `max_steps` steps each, or to the end where it is None.

        `seeds` has one key a continuation, made from its place in the tree; all randomness must come from it.
        """
        ...


class Scorer(Protocol):
    """Judges steps. `kind` says what its numbers mean, and so what may be done with them."""

    @property
    def kind(self) -> Kind: ...

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """One number for each of `steps[since:]`; the search knows those of the steps before. An outcome scorer is
        asked about finished solutions only, with `since` at the last step.
        """
        ...
