"""The three interfaces of a search, one method each, and what they return.

`policies/` and `scorers/` implement Policy and Scorer; the algorithms beside this file implement Searcher; `solve`
is the only caller of all three.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from search.tree.cost import Cost
from search.tree.scores import Kind
from search.tree.step import Step

if TYPE_CHECKING:
    from search.grow import Grower
    from search.tree import Node


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

    async def extend(self, node: "Node", n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
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


class Searcher(Protocol):
    """An algorithm: a frozen dataclass of knobs that keeps nothing of a search on itself.

    `scale` names the knob that buys more search: what a list of budgets sets, and what column `n` reports. Two more
    attributes may say what its tree tells of smaller budgets: `independent`, that its leaves are samples of which any
    k would have been a run of k; `anytime`, that it finishes leaves as it goes.
    """

    @property
    def scale(self) -> str: ...

    async def search(self, grow: "Grower") -> None:
        """Grows `grow.tree`; everything else is read off it afterwards."""
        ...
