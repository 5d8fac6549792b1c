"""What counts as compute: the axes that accuracy is drawn over, and that searchers are compared on."""

from collections.abc import Callable
from enum import StrEnum

from search.tree.cost import Ledger


class Axis(StrEnum):
    """A measure of compute, averaged over problems. A cost that a model does not report is unknown, never 0."""

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


def _sum(*names: str) -> Callable[[Ledger], float | None]:
    def total(ledger: Ledger) -> float | None:
        values = [getattr(ledger, name) for name in names]
        return None if None in values else sum(values)

    return total


AXIS_COST: dict[str, Callable[[Ledger], float | None]] = {
    Axis.GENERATED_TOKENS: _sum("generated_tokens"),
    Axis.COMPUTED_TOKENS: _sum("generated_tokens", "prompt_tokens_computed", "scorer_tokens_computed"),
    Axis.UNIQUE_TOKENS: _sum("unique_tokens"),
    Axis.FLOPS: _sum("flops"),
    Axis.CALLS: _sum("policy_calls", "scorer_calls"),
}
"""By axis, a ledger's cost, None where it is unknown. A generated token counts as computed once."""
