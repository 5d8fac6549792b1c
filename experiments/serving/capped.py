"""A policy under the limits of one request: at most so many tokens a solution, another temperature."""

from collections.abc import Sequence
from typing import Any

from search.protocols import GO_ON, Ask, Extension
from search.tree import Node


class Capped:
    """The server's policy, asked within a request's limits. Only for policies that take an `ask`.

    A solution has at most `max_tokens` tokens, its thought included; a request that names a temperature keeps it.
    """

    def __init__(self, policy: Any, max_tokens: int | None, temperature: float | None) -> None:
        self._policy, self._max_tokens, self._temperature = policy, max_tokens, temperature

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        if self._max_tokens is not None:
            written = sum(step.generated for step in node.steps())
            ask = ask.at_most(max(1, self._max_tokens - written))
        if self._temperature is not None and ask.temperature is None:
            ask = ask._replace(temperature=self._temperature)
        return await self._policy.extend(node, n, max_steps, seeds, ask=ask)
