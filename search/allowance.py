"""What a search may still ask for: reservations against its budget, in the order in which requests are made."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
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
    """Admits the requests of one search, first come, first served.

    A request whose worst case is known is admitted while spent + in flight + reserve + its worst case <= limit, so that
    far from the limit a search keeps all its requests in flight. Near the limit, and where the worst case is not known,
    a request waits until nothing else is in flight and then has the budget to itself.
    """

    def __init__(self, budget: Budget, spent: Callable[[], Ledger]) -> None:
        self.reserve = NOTHING
        """held back for one whole solution"""
        self._budget, self._spent = budget, spent
        limits = (budget.samples, budget.generated_tokens, budget.flops)
        self._limit = Amount(*(math.inf if limit is None else float(limit) for limit in limits))
        self._gate = asyncio.Lock()
        self._in_flight, self._reserved = 0, NOTHING
        self._changed = asyncio.Event()

    @property
    def spent(self) -> bool:
        """Some limit is reached: no new policy request."""
        return self._budget.spent(self._spent())

    @asynccontextmanager
    async def admit(self, worst: Amount | None, n: int, whole: bool) -> AsyncGenerator[bool]:
        """One request for n continuations of that worst case, from here to the end of the block.

        Yields True where it fits beside the others; False where it has the budget to itself and may not fit. A request
        for whole solutions may use the reserve. Raises BudgetSpent once the budget is spent and nothing is in flight.
        """
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._gate)
            while not (fits := self.count(worst, whole) >= n) and self._in_flight:
                await self._change()
            if self.spent:
                raise BudgetSpent
            with self.busy(worst.times(n) if fits and worst else NOTHING):
                if fits:
                    await turn.aclose()  # the next one may come in
                yield fits

    @contextmanager
    def busy(self, worst: Amount = NOTHING) -> Generator[None]:
        """Something is in flight that costs at most so much; who wants the budget to itself waits for it."""
        self._in_flight += 1
        self._reserved = self._reserved.plus(worst)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._reserved = self._reserved.minus(worst) if self._in_flight else NOTHING  # no rounding is left
            self._changed.set()

    async def idle(self) -> None:
        """Waits until nothing is in flight."""
        while self._in_flight:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def count(self, worst: Amount | None, whole: bool) -> float:
        """How many continuations of that worst case fit now; 0 where it is not known."""
        if worst is None or self.spent:
            return 0
        free = self.left().minus(self._reserved).minus(NOTHING if whole else self.reserve)
        if min(free) < 0:
            return 0
        return min(math.inf if math.isinf(f) or not w else f // w for f, w in zip(free, worst, strict=True))

    def left(self) -> Amount:
        """The limits less what is spent; what is in flight is not taken off."""
        ledger = self._spent()
        return self._limit.minus(Amount(ledger.samples, ledger.generated_tokens or 0, ledger.flops or 0.0))
