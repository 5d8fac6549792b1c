"""Best-of-N: sample whole solutions, judge each, choose afterwards (arXiv 2110.14168)."""

import asyncio
from dataclasses import dataclass

from search.errors import check_knob
from search.grow import Grower


@dataclass(frozen=True)
class BestOfN:
    """n independent whole solutions, all scored.

    for i in 1..n:  y_i ~ policy(. | question);  s_i = scorer(y_i)
    """

    n: int = 16
    """whole solutions"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    independent = True  # n samples tell what any fewer of them would have done
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)

    async def search(self, grow: Grower) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.n):
                group.create_task(grow.extend(grow.root, max_steps=None))
