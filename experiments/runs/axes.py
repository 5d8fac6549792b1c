"""What counts as compute: the axes that accuracy is drawn over, and that searchers are compared on."""

from collections.abc import Callable
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Axis(StrEnum):
    """Each is a mean over problems; what a model does not tell is unknown, never 0."""

    GENERATED_TOKENS = "generated_tokens"
    COMPUTED_TOKENS = "computed_tokens"
    UNIQUE_TOKENS = "unique_tokens"
    FLOPS = "flops"
    CALLS = "calls"


LABELS = {
    Axis.GENERATED_TOKENS: "generated tokens",
    Axis.COMPUTED_TOKENS: "computed tokens, policy and scorer",
    Axis.UNIQUE_TOKENS: "unique tokens",
    Axis.FLOPS: "FLOPs, policy and scorer",
    Axis.CALLS: "calls, policy and scorer",
}


Spent = Mapping[str, Any]  # a ledger as JSON


def _sum(*names: str) -> Callable[[Spent], float | None]:
    def of(ledger: Spent) -> float | None:
        values = [ledger[name] for name in names if ledger.get(name) is not None]
        return sum(values) if len(values) == len(names) else None

    return of


SPENT: dict[str, Callable[[Spent], float | None]] = {
    Axis.GENERATED_TOKENS: _sum("generated_tokens"),
    Axis.COMPUTED_TOKENS: _sum("generated_tokens", "prompt_tokens_computed", "scorer_tokens_computed"),
    Axis.UNIQUE_TOKENS: _sum("unique_tokens"),
    Axis.FLOPS: _sum("flops"),
    Axis.CALLS: _sum("policy_calls", "scorer_calls"),
}
"""By axis, what a ledger says; a generated token is computed once, when it is written."""


