"""What a policy asks of an engine that writes."""

from collections.abc import Sequence
from typing import Any, Protocol

from policies.engines.meter import Meter
from policies.engines.rows import Row
from search.tree.cost import Cost


class Writer(Protocol):
    """An engine that writes; `context` is the most tokens that a prompt and its continuation may take together."""

    tokenizer: Any
    context: int
    meter: Meter

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows.

        Cancelled, it returns once the rows have stopped; their cost counts as abandoned until the meter's `reclaim`.
        """
        ...

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None, thinks: bool = False) -> Cost:
        """The cost at most of one row that writes so many tokens, of a thought too, behind a prompt of so many."""
        ...
