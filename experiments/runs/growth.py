"""How a run may grow: more budgets, seeds, problems and searchers, trees from now on, another rule of selection."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runs.grid import DEFAULT_BUDGETS

_LIMITS = ("samples", "generated_tokens", "flops", "seconds")
GROWING = ("searchers", "seeds", "budgets", "problems.limit", *(f"budget.{name}" for name in _LIMITS))
"""The knobs of which a run keeps what it has and takes more"""


def before_growth(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The config `now` with every knob that has only grown as it was `before`.

    What differs then is a change that would make the results of the run wrong.
    """
    reverted = dict(now)
    for knob in ("searchers", "seeds"):
        _revert(reverted, before, knob, _has_all(before.get(knob), now.get(knob)))
    _revert(reverted, before, "budgets", _has_all(_budgets(before), _budgets(now)))
    _revert(reverted, before, "trees", True)
    reverted["problems"] = dict(now.get("problems") or {})
    _revert(reverted["problems"], before.get("problems") or {}, "limit", _longer(before, now))
    reverted["budget"] = dict(now.get("budget") or {})
    old = before.get("budget") or {}
    for name in _LIMITS:
        _revert(reverted["budget"], old, name, _has_all(old.get(name), reverted["budget"].get(name)))
    reverted["selection"] = dict(now.get("selection") or {})
    _revert(reverted["selection"], before.get("selection") or {}, "rule", True)
    return reverted


def _revert(now: dict[str, Any], before: Mapping[str, Any], knob: str, grown: bool) -> None:
    if grown and knob in before and knob in now:
        now[knob] = before[knob]


def _has_all(before: Any, now: Any) -> bool:
    """Whether both are lists, and the later one has all of the earlier one."""
    return isinstance(before, list) and isinstance(now, list) and all(value in now for value in before)


def _budgets(config: Mapping[str, Any]) -> Sequence[int] | None:
    """The values of the scale knobs; None where a limit is swept instead."""
    if config.get("budgets"):
        return config["budgets"]
    swept = any(isinstance(limit, list) for limit in (config.get("budget") or {}).values())
    return None if swept else list(DEFAULT_BUDGETS)


def _longer(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the later config takes as many problems or more."""
    old, new = ((config.get("problems") or {}).get("limit") for config in (before, now))
    return old is not None and (new is None or new >= old)
