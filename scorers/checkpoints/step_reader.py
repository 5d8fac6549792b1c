"""What every engine that reads steps for a reward model shares."""

from collections.abc import Sequence
from typing import Any

from policies.engines.meter import Meter, Work
from search.protocols import Scored, Stopped
from search.tree.cost import NOTHING, Cost


class StepReader:
    """A reward model on an engine; `context` is the most tokens it reads at once, `meter` counts what it spends."""

    context: int

    def __init__(self, tokenizer: Any) -> None:
        self.meter, self.tokenizer = Meter(), tokenizer

    def ready(self) -> None:
        """Waits for an engine that starts in the background."""

    async def read(self, ids: list[int], places: list[int]) -> Scored:
        """The score at each of `places`; the last of them is the end of `ids`. Raises Stopped where it is cancelled."""
        raise NotImplementedError

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost | None:
        """What it costs at most to read so many tokens; None where that needs the places, and they are not given."""
        raise NotImplementedError

    async def _stopped(self, reading: Work) -> Stopped:
        """What to raise for a reading that was cancelled, once the pass that had begun has ended.

        One that never began was no call. Cancelled again, it does not wait, and the cost is abandoned.
        """
        await self.meter.stop([reading])
        stopped = self.meter.reclaim([reading])
        return Stopped(reading.cost or NOTHING, stopped.at_least)
