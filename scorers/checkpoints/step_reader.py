"""What every engine that reads steps for a reward model shares."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from policies.engines.meter import Meter, Work
from search.protocols import Scored, Stopped
from search.tree.cost import NOTHING, Cost

PATIENCE = 30.0  # seconds that a cancelled reading waits for the end of what an engine has begun


@dataclass(eq=False, kw_only=True)
class Reading(Work):
    """One path that is read; `run` is pending until an engine begins with it, and running until its cost is known."""

    run: "Future[None]" = field(default_factory=Future[None])
    exact: bool = True
    """False where a part of the cost is not known"""


class StepReader:
    """A reward model on an engine; `context` is the most tokens it reads at once, `meter` counts what it spends."""

    context: int

    def __init__(self, tokenizer: Any) -> None:
        self.meter, self.tokenizer = Meter(), tokenizer

    async def read(self, ids: list[int], places: list[int]) -> Scored:
        """The score at each of `places`; the last of them is the end of `ids`. Raises Stopped where it is cancelled."""
        raise NotImplementedError

    def worst_case(self, tokens: int, places: Sequence[int] | None = None) -> Cost | None:
        """What it costs at most to read so many tokens; None where that needs the places, and they are not given."""
        raise NotImplementedError

    async def _stopped(self, reading: Reading) -> Stopped:
        """What to raise for a reading that was cancelled; waits for the end of what has begun.

        It gives up after PATIENCE seconds, and at once where it is cancelled again. The cost is then abandoned.
        """
        if reading.run.cancel():
            return Stopped(NOTHING)
        try:
            await asyncio.wait([asyncio.wrap_future(reading.run)], timeout=PATIENCE)
        except asyncio.CancelledError:
            self.meter.abandon(reading)
            raise
        if not reading.run.done():
            self.meter.abandon(reading)
            return Stopped(NOTHING, at_least=True)
        return Stopped(reading.cost or NOTHING, at_least=not reading.exact)
