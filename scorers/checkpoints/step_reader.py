"""What every engine that reads steps for a reward model shares."""

from typing import Any

from policies.engines.meter import Meter
from search.protocols import Scored


class StepReader:
    """A reward model on an engine; `context` is the most tokens it reads at once, `meter` counts what it spends."""

    context: int

    def __init__(self, tokenizer: Any) -> None:
        self.meter, self.tokenizer = Meter(), tokenizer

    async def read(self, ids: list[int], places: list[int]) -> Scored:
        """The score at each of `places`; the last of them is the end of `ids`."""
        raise NotImplementedError
