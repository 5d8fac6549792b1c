"""What a request cost, what a search has spent, and what it may spend."""

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from search.errors import check_knob


def _sum(left: Any, right: Any) -> Any:
    """The sum of two costs; unknown, None, where one of them is."""
    return None if left is None or right is None else left + right


class Cost(NamedTuple):
    """What one request to a policy or a scorer cost.

    `computed` prompt (or scorer) tokens went through the model, `cached` ones were read from a KV cache that the same
    search had filled. Any of these is None, and `flops` too, where it is not known: endpoints that take text may tell
    no tokens. `flops` is not known where it is left out.
    """

    generated: int = 0
    computed: int = 0
    cached: int = 0
    calls: int = 1
    flops: float | None = None

    def __add__(self, other: "Cost") -> "Cost":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The cost of both requests; two costs are never concatenated as tuples are."""
        return Cost(
            _sum(self.generated, other.generated),
            _sum(self.computed, other.computed),
            _sum(self.cached, other.cached),
            self.calls + other.calls,
            _sum(self.flops, other.flops),
        )

    def equals(self, other: "Cost") -> bool:
        """Whether both are the same but for rounding of the FLOPs."""
        if self.flops is None or other.flops is None:
            return self == other
        return self[:4] == other[:4] and math.isclose(self.flops, other.flops, rel_tol=1e-6)


def _unknown(figure: Any) -> bool:
    return figure is None


NOTHING = Cost(calls=0, flops=0.0)
"""The cost of no request."""


class Ledger(NamedTuple):
    """What a search spent, as if it had been alone: tokens, requests, FLOPs of both models, seconds of latency.

    `samples` are finished or truncated leaves; `unique_tokens` counts the question and each step once, whatever an
    engine had to read again. `scorer_flops` is the scorer's part of `flops`. Once a request of unknown cost is charged,
    what is unknown of it is None for good. `at_least`: a request was cancelled, or failed and was made again, and could
    not tell what it had cost.
    """

    samples: int = 0
    generated_tokens: int = 0
    unique_tokens: int = 0
    prompt_tokens_computed: int = 0
    prompt_tokens_cached: int = 0
    scorer_tokens_computed: int = 0
    scorer_tokens_cached: int = 0
    policy_calls: int = 0
    scorer_calls: int = 0
    flops: float | None = 0.0
    scorer_flops: float | None = 0.0
    seconds: float = 0.0
    at_least: bool = False

    # Written out: `_replace` takes three times as long, and several ledgers are made a step.

    def with_policy(self, cost: Cost, samples: int, unique_tokens: int | None) -> "Ledger":
        return Ledger(
            self.samples + samples,
            _sum(self.generated_tokens, cost.generated),
            _sum(self.unique_tokens, unique_tokens),
            _sum(self.prompt_tokens_computed, cost.computed),
            _sum(self.prompt_tokens_cached, cost.cached),
            self.scorer_tokens_computed,
            self.scorer_tokens_cached,
            self.policy_calls + cost.calls,
            self.scorer_calls,
            _sum(self.flops, cost.flops),
            self.scorer_flops,
            self.seconds,
            self.at_least,
        )

    def with_scorer(self, cost: Cost) -> "Ledger":
        return Ledger(
            self.samples,
            self.generated_tokens,
            self.unique_tokens,
            self.prompt_tokens_computed,
            self.prompt_tokens_cached,
            _sum(self.scorer_tokens_computed, _sum(cost.computed, cost.generated)),
            _sum(self.scorer_tokens_cached, cost.cached),
            self.policy_calls,
            self.scorer_calls + cost.calls,
            _sum(self.flops, cost.flops),
            _sum(self.scorer_flops, cost.flops),
            self.seconds,
            self.at_least,
        )

    def at(self, seconds: float) -> "Ledger":
        """The same, at another time."""
        return Ledger(*self[:11], seconds, self.at_least)

    def with_scorer_of(self, other: "Ledger", seconds: float) -> "Ledger":
        """This ledger's policy and the other's scorer, at that time."""
        flops = None
        if self.flops is not None and self.scorer_flops is not None and other.scorer_flops is not None:
            flops = self.flops - self.scorer_flops + other.scorer_flops
        return Ledger(
            self.samples,
            self.generated_tokens,
            self.unique_tokens,
            self.prompt_tokens_computed,
            self.prompt_tokens_cached,
            other.scorer_tokens_computed,
            other.scorer_tokens_cached,
            self.policy_calls,
            other.scorer_calls,
            flops,
            other.scorer_flops,
            seconds,
            other.at_least,
        )

    def to_json(self) -> dict[str, Any]:
        """`at_least` is left out where it is False."""
        return {name: value for name, value in self._asdict().items() if name != "at_least" or value}


class BudgetSpent(Exception):
    """Nothing more may be asked: raised by the wrapper around policy and scorer, handled by `solve`."""


@dataclass(frozen=True)
class Budget:
    """A limit on what one search may spend; None is no limit.

    A policy request is issued only while every limited figure is below its limit, and beside others only while the
    worst case of all fits; a scorer request only for what lies within. The answer is read off the tree as it stood at
    the budget: what was born over it does not count.
    """

    samples: int | None = None
    generated_tokens: int | None = None
    flops: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            check_knob(self, field.name, above=0)

    @property
    def counted(self) -> bool:
        """Limits something that requests are charged for."""
        return any(limit is not None for limit in (self.samples, self.generated_tokens, self.flops))

    def spent(self, ledger: Ledger) -> bool:
        """Some limit is reached: no new policy request.

        Raises ValueError where FLOPs are limited and the policy or the scorer does not tell its own.
        """
        return any(value >= limit for value, limit in self._limited(ledger))

    def covers(self, ledger: Ledger) -> bool:
        """No limit is exceeded: a node born at this ledger belongs to the tree at this budget."""
        return all(value <= limit for value, limit in self._limited(ledger))

    def limits(self) -> dict[str, float]:
        """The figures of a ledger that are limited, and the most of each."""
        return {name: limit for name, limit in vars(self).items() if limit is not None}

    def _limited(self, ledger: Ledger) -> list[tuple[float, float]]:
        if self.flops is not None and ledger.flops is None:
            raise ValueError("budget.flops is set, but the policy or the scorer does not tell its FLOPs: limit tokens")
        if self.generated_tokens is not None and _unknown(ledger.generated_tokens):
            raise ValueError("budget.generated_tokens is set, but the policy does not tell its tokens: limit samples")
        return [(getattr(ledger, name), limit) for name, limit in self.limits().items()]
