"""Several policies on one tree from the command line: the members by name, the cheap one first, each with its knobs.

policy=several policy.members=hf@small,hf@large policy.args.small.model=./1.5B policy.args.large.model=./7B
policy=several policy.members=vllm@one,vllm@two policy.rule=bandit policy.args.one.model=... policy.args.one.share=0.4
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from experiments.config import custom
from experiments.config.members import named_members
from experiments.config.presets import preset_knobs
from experiments.config.schema import build_named, class_of
from policies.choosing import Choice
from policies.hf import HF
from policies.openai import OpenAI
from policies.several import Several
from policies.toy import Toy
from policies.vllm import VLLM
from policies.writing import Writing
from search.protocols import Policy

POLICIES: dict[str, type] = {"hf": HF, "vllm": VLLM, "openai": OpenAI, "toy": Toy}
"""The policies that can be a member by name."""


@dataclass(frozen=True)
class SeveralPolicies:
    """Several policies that write one tree, each step by the one that the rule chooses."""

    members: list[str] = field(default_factory=lambda: ["hf@small", "hf@large"])
    """policies by name, the cheap one first, or module:Class of your own; two of one name as hf@one, hf@two"""
    rule: Choice = Choice.UNCERTAINTY
    """uncertainty of the last step (arXiv 2502.06833), or bandit: by the scores of each (arXiv 2503.04412)"""
    thresholds: list[float] = field(default_factory=lambda: [0.2])
    """uncertainty: mean -log p of the last step, in nats, at which the next member goes on; one less than members"""
    args: dict[str, Any] = field(default_factory=dict)
    """knobs of the members; args.MEMBER.KNOB=VALUE, MEMBER being what stands behind @ or :, else the name"""

    target: ClassVar[str] = "experiments.config.several.several"


def several(
    members: list[str], rule: Choice, thresholds: list[float], args: Mapping[str, Mapping[str, Any]]
) -> Several:
    """Builds the members. Raises ConfigError for an unknown member or knob, and for a repeated name."""
    named = named_members(members, args, "policy")
    built = tuple(_member(name, short, knobs) for name, short, knobs in named)
    return Several(built, tuple(short for _, short, _ in named), rule, tuple(thresholds))


def _member(name: str, short: str, knobs: dict[str, Any]) -> Policy:
    """A model whose name is known has the knobs of its preset, but for those given."""
    if ":" in name:
        return custom.policy(name, knobs)
    cls = class_of(POLICIES, name, "policy.members", "policy")
    writes = issubclass(cls, Writing)
    defaults = preset_knobs(str(knobs.get("model", "")), knobs.get("template") or {}) if writes else {}
    return build_named(cls, name, {**defaults, **knobs}, f"policy.args.{short}")
