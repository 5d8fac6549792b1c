"""What a search may still ask for: reservations against its budget, in the order in which requests are made."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from search.tree.cost import Budget, BudgetSpent, Ledger


class Amount(NamedTuple):
    """What a counted budget limits: samples, generated tokens, FLOPs of both models."""

    samples: float = 0.0
    tokens: float = 0.0
    flops: float = 0.0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.samples + other.samples, self.tokens + other.tokens, self.flops + other.flops)

    def minus(self, other: "Amount") -> "Amount":
        return Amount(self.samples - other.samples, self.tokens - other.tokens, self.flops - other.flops)

    def times(self, n: int) -> "Amount":
        return Amount(n * self.samples, n * self.tokens, n * self.flops)


NOTHING = Amount()


class Allowance:
    """Admits the requests of one search, in the order in which they ask.

    A request whose worst case is known is admitted while spent + reserved + its worst case <= limit, so that far from
    the limit a search keeps all its requests in flight. Near the limit, and where the worst case is not known, a
    request waits until nothing else is in flight and then has the budget for itself. `reserve` is what is held back
    for one solution; where that is all that is left, `complete` is called once to spend it.
    """

    def __init__(
        self,
        budget: Budget,
        spent: Callable[[], Ledger],
        reserve: Callable[[], Amount],
        complete: Callable[[], Awaitable[None]],
    ) -> None:
        self._budget, self._spent, self._reserve, self._complete = budget, spent, reserve, complete
        limits = (budget.samples, budget.generated_tokens, budget.flops)
        self._limit = Amount(*(math.inf if limit is None else float(limit) for limit in limits))
        self._gate = asyncio.Lock()
        self._reserved: dict[object, Amount] = {}
        self._released = asyncio.Event()

    @asynccontextmanager
    async def admit(self, worst: Amount | None) -> AsyncGenerator[bool]:
        """One request, from here to the end of the block; yields whether it is alone, because it may not fit.

        Raises BudgetSpent where nothing is left.
        """
        place = object()
        await self._gate.acquire()
        held = True
        try:
            fits = await self._room(worst)
            self._reserved[place] = worst or NOTHING
            if fits:
                self._gate.release()
                held = False
            yield not fits
        finally:
            if held:
                self._gate.release()
            self._release(place)

    async def _room(self, worst: Amount | None) -> bool:
        """Waits for room: True where the request fits beside the others, False where it has the budget to itself."""
        while True:
            if worst is not None and self._fits(worst):
                return True
            if self._reserved:
                self._released.clear()
                await self._released.wait()
            elif self.left() is not None:
                return False
            elif self._reserve() != NOTHING:
                await self._complete()
            else:
                raise BudgetSpent

    @contextmanager
    def judging(self) -> Generator[None]:
        """Scores are being asked for: who wants the budget for itself waits for them."""
        place = object()
        self._reserved[place] = NOTHING
        try:
            yield
        finally:
            self._release(place)

    async def idle(self) -> None:
        """Waits until nothing is in flight and nothing is being judged."""
        while self._reserved:
            self._released.clear()
            await self._released.wait()

    def left(self, reserve: bool = True) -> Amount | None:
        """What may still be spent, less the reserve; None where one of the limits is reached."""
        if self._budget.spent(self._spent()):
            return None
        left = self._limit.minus(self._used()).minus(self._reserve() if reserve else NOTHING)
        return left if min(left) > 0 else None

    def _fits(self, worst: Amount) -> bool:
        if self._budget.spent(self._spent()):
            return False
        needed = self._used().plus(worst).plus(self._reserve())
        for amount in self._reserved.values():
            needed = needed.plus(amount)
        return all(value <= limit for value, limit in zip(needed, self._limit, strict=True))

    def _used(self) -> Amount:
        ledger = self._spent()
        return Amount(ledger.samples, ledger.generated_tokens, ledger.flops or 0.0)

    def _release(self, place: object) -> None:
        self._reserved.pop(place, None)  # none where it was not admitted
        self._released.set()
