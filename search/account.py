"""The account of one search: the only writer of its ledger."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from search.attempts import attempt
from search.protocols import Stopped
from search.tree import Node, Tree
from search.tree.cost import Cost, Ledger
from search.waiting import WAITING

T = TypeVar("T")


class Account:
    """Charges what policy and scorer cost, cancelled requests included, and tells when nodes are born."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._started = time.monotonic() - tree.ledger.seconds
        self.limited = bool(tree.budget.limits())

    def now(self) -> Ledger:
        """The ledger with its clock brought up to date."""
        return self._tree.ledger.at(time.monotonic() - self._started)

    def close(self) -> None:
        self._tree.ledger = self.now()

    def charge_policy(self, cost: Cost, samples: int = 0, unique_tokens: int | None = 0) -> None:
        self._tree.ledger = self._tree.ledger.with_policy(cost, samples, unique_tokens)

    def charge_scorer(self, cost: Cost) -> None:
        self._tree.ledger = self._tree.ledger.with_scorer(cost)

    def birth(self, node: Node) -> Ledger:
        """A node's birth, or what it would be now: the policy's part as charged with the node, the scorer's of now."""
        if node.birth is not None:
            return node.birth
        if node.charged is None:
            return self.now()
        return node.charged.with_scorer_of(self._tree.ledger, time.monotonic() - self._started)

    def covers(self, node: Node) -> bool:
        """Whether the node lies within the budget."""
        return not self.limited or self._tree.budget.covers(self.birth(node))

    def policy(self, request: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
        """The policy's response, which the caller charges; a request that is cancelled is charged here.

        `request` makes it, again where it meets an error that passes.
        """
        return self._response("policy", request, self.charge_policy)

    def scorer(self, request: Callable[[], Coroutine[Any, Any, T]]) -> Coroutine[Any, Any, T]:
        """The scorer's response, as for the policy."""
        return self._response("scorer", request, self.charge_scorer)

    async def _response(
        self, who: str, request: Callable[[], Coroutine[Any, Any, T]], charge: Callable[[Cost], None]
    ) -> T:
        try:
            with WAITING.on(who):
                response = await attempt(request, self._incomplete)
            if getattr(response, "at_least", False):
                self._incomplete()
            return response
        except asyncio.CancelledError as stopped:
            if isinstance(stopped, Stopped):
                charge(stopped.cost)
            if not isinstance(stopped, Stopped) or stopped.at_least:
                self._incomplete()
            if not _cancelled():
                # A TaskGroup would drop it silently, and the tree would lack a node.
                raise RuntimeError(f"the {who} cancelled a request by itself") from stopped
            raise asyncio.CancelledError from None  # of the plain class, which a time limit recognises

    def _incomplete(self) -> None:
        """A request came to nothing, and nobody knows what it had cost."""
        self._tree.ledger = self._tree.ledger._replace(at_least=True)


def _cancelled() -> bool:
    """Whether it is the running task that was cancelled, and not only what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
