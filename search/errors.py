"""Errors that name what is wrong, where, and what to do about it."""

import math
from numbers import Real
from typing import Any


class KnobError(ValueError):
    """A knob lies outside its bounds."""


class PolicyError(ValueError):
    """A policy returned what was not asked for."""


class ScoreError(ValueError):
    """A scorer returned what its kind does not allow."""


class KindError(ValueError):
    """A scorer's kind does not allow what was asked of its scores."""


class TookTooLong(TimeoutError):
    """A call took longer than the limit that it was given; it is made once more at most."""


class WorkerDied(RuntimeError):
    """The thread or task that ran the batches is gone; nobody will answer."""


def check_knob(
    owner: Any, knob: str, *, least: float | None = None, above: float | None = None, most: float | None = None
) -> None:
    """Raises KnobError, with knob, value and bound, unless least <= value <= most and above < value; None passes."""
    value: Any = getattr(owner, knob)
    if value is None:
        return
    bounds = [f">= {least}"] * (least is not None) + [f"> {above}"] * (above is not None)
    bounds += [f"<= {most}"] * (most is not None)
    wrong = (
        not issubclass(type(value), Real)
        or math.isnan(value)
        or (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
    )
    if wrong:
        shown = repr(value) if isinstance(value, str) else value
        raise KnobError(f"{type(owner).__name__}.{knob} is {shown}; it must be {' and '.join(bounds)}")
