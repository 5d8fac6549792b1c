"""How many GPUs the parts of a search need, by the knobs that name them."""

from dataclasses import fields, is_dataclass
from typing import Any

from policies.engines.share import Engine, Share


def gpus_of(*owners: Any) -> int:
    """GPUs that a worker needs where there are some: one more than the highest number that policy or scorer names.

    Servers behind URLs and parts that name no device need none.
    """
    return max((_gpus(one) for owner in owners for one in _members(owner)), default=0)


def _members(owner: Any) -> list[Any]:
    """A policy or scorer and, of an ensemble, its members."""
    return [owner, *(each for member in getattr(owner, "of", ()) for each in _members(member))]


def _gpus(one: Any) -> int:
    if getattr(one, "url", None):
        return 0
    knobs = {knob.name for knob in fields(one)} if is_dataclass(one) else set[str]()
    engine = getattr(one, "engine") if "engine" in knobs else Engine.VLLM  # noqa: B009 # a policy's is no knob
    if isinstance(one, Share) and engine is Engine.VLLM:
        return max(one.places) + 1
    kind, _, number = str(getattr(one, "device", "cpu")).partition(":")
    return 0 if kind == "cpu" else int(number or 0) + 1
