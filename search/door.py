"""Checks what `solve` is given, before anything is asked of it: the wrong thing is named, and what to give instead."""

import inspect
from typing import Any

from search.errors import KnobError
from search.tree.cost import Budget

_METHODS = {"searcher": ("search",), "policy": ("extend",), "scorer": ("score", "rank")}
"""By which of its methods a search knows each role."""
_ORDER = "solve(question, searcher, policy, scorer)"


def check_arguments(question: Any, searcher: Any, policy: Any, scorer: Any, budget: Any, second: Any = None) -> None:
    """Raises KnobError unless each argument can be what its place says."""
    if not isinstance(question, str):
        raise KnobError(f"the question is {question!r:.60}; give a text")
    for role, value in (("searcher", searcher), ("policy", policy), ("scorer", scorer)):
        check_role(role, value)
    if second is not None:
        check_role("scorer", second, "second")
    if budget is not None and not isinstance(budget, Budget):
        raise KnobError(f"budget is {budget!r:.60}; give a Budget, for example Budget(generated_tokens=1000)")


def check_role(role: str, value: Any, label: str = "") -> None:
    """Raises KnobError where the value cannot be a searcher, a policy or a scorer; `label` is the argument's name."""
    label = label or role
    if isinstance(value, type):
        raise KnobError(f"{label} is the class {value.__name__}; give an object of it: {value.__name__}(...)")
    if value is None or isinstance(value, str | int | float):
        raise KnobError(f"{label} is {value!r}; give an object with the method {_METHODS[role][0]}")
    name = type(value).__name__
    if not _has(role, value):
        other = next((f"; it is a {each}: {_ORDER}" for each in _METHODS if _has(each, value)), "")
        raise KnobError(f"{label} is a {name}, which has no method {_METHODS[role][0]}{other}")
    if role == "scorer" and not is_full(value):
        raise KnobError(
            f"{label} is a {name}, which is not of the full protocol (`kind`, `score(question, steps, since)`); "
            f"give scorers.custom.adapt({name}(...))"
        )


def is_full(scorer: Any) -> bool:
    """Whether a scorer is of the full protocol; any other one needs `scorers.custom.adapt`."""
    return hasattr(scorer, "kind") and _takes_since(scorer)


def _has(role: str, value: Any) -> bool:
    return any(callable(getattr(value, method, None)) for method in _METHODS[role])


def _takes_since(scorer: Any) -> bool:
    """Whether its `score` takes three arguments; true where it only ranks, or its signature is not known."""
    score = getattr(scorer, "score", None)
    try:
        return score is None or bool(inspect.signature(score).bind("", (), 0))
    except ValueError:  # written in C
        return True
    except TypeError:
        return False
