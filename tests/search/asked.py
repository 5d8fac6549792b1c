"""A policy that writes given steps and keeps what it was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from search import (
    Ask,
    Cost,
    End,
    Extension,
    Node,
    Step,
)
from search.protocols import GO_ON


@dataclass
class Asked:
    """Writes one step a continuation, whatever is asked, and keeps the requests."""

    written: Sequence[Step]

    def __post_init__(self) -> None:
        self.asks: list[Ask] = []

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        self.asks.append(ask)
        steps = [(self.written[index % len(self.written)],) for index in range(n)]
        if max_steps is None:
            steps = [(replace(step, end=End.MAX_TOKENS),) for (step,) in steps]
        return Extension(tuple(steps), Cost(generated=sum(len(step.token_ids) for (step,) in steps)))


OPEN = Step("a\n\n", (1, 2), (-0.5, -0.5))
