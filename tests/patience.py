"""Limits of time that a busy machine can keep, and why tests were skipped."""

import os
from collections import Counter
from collections.abc import Iterable


def patience(seconds: float) -> float:
    """The wall-clock limit for what takes at most so long on an idle machine: (1 + load / cores) times as much.

    At load 12 on two cores that is seven times as much. What hangs still ends.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return seconds * (1 + load / (os.cpu_count() or 1))


def skipped(reasons: Iterable[str]) -> str:
    """A line that says how many tests were skipped for want of what; each reason as pytest has it."""
    kinds = Counter(_kind(reason.removeprefix("Skipped: ")) for reason in reasons)
    return f"{kinds.total()} skipped: " + "; ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _kind(reason: str) -> str:
    """The reason, the same for all public data sets."""
    if "beside the checkout" in reason or "shared" in reason:
        return "need public data sets in ../shared (CONTRIBUTING, Set-up)"
    return reason
