"""An ensemble from the command line: its members by name, each with its own knobs.

scorer=ensemble scorer.members=prm,checks scorer.rule=product scorer.args.prm.model=./mine
scorer=ensemble scorer.members=checks,mine:MyScorer scorer.rule=tiered scorer.args.checks.unknown=0.6
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from experiments.config import custom
from experiments.config.members import named_members
from experiments.config.schema import build_named, class_of
from scorers.back_verify import BackVerify
from scorers.checks import Checks
from scorers.critic import Critic
from scorers.cross_check import CrossCheck
from scorers.ensemble import Combine, Ensemble
from scorers.implicit import Implicit
from scorers.outcome import Outcome
from scorers.prm import PRM, LMHeadPRM, TokenClassification, ValueHead
from scorers.programs import Programs
from scorers.self_certainty import SelfCertainty
from scorers.self_judge import SelfJudge
from scorers.toy import Toy
from search.protocols import Scorer

SCORERS: dict[str, type] = {
    "prm": PRM,
    "token_classification": TokenClassification,
    "lm_head_prm": LMHeadPRM,
    "value_head": ValueHead,
    "outcome": Outcome,
    "implicit": Implicit,
    "judge": Critic,
    "back_verify": BackVerify,
    "self": SelfCertainty,
    "self_judge": SelfJudge,
    "checks": Checks,
    "programs": Programs,
    "cross_check": CrossCheck,
    "toy": Toy,
}
"""The scorers that can be a member by name."""


@dataclass(frozen=True)
class Members:
    """Several scorers as one."""

    members: list[str] = field(default_factory=lambda: ["prm", "checks"])
    """scorers by name, or module:Class of your own; two of one name as prm@one, prm@two"""
    rule: Combine = Combine.MEAN
    """mean, min, product, vote, or tiered: the first member's, where that is unsure the second's"""
    low: float = 0.2
    """tiered: a score at or below is sure"""
    high: float = 0.8
    """tiered: a score at or above is sure"""
    unit: float = 1.0
    """an increment of an additive member that makes the odds e to one; its typical size"""
    args: dict[str, Any] = field(default_factory=dict)
    """knobs of the members; args.MEMBER.KNOB=VALUE, MEMBER being what stands behind @ or :, else the name"""

    target: ClassVar[str] = "experiments.config.ensemble.ensemble"


def ensemble(
    members: list[str],
    rule: Combine,
    low: float,
    high: float,
    unit: float,
    args: Mapping[str, Mapping[str, Any]],
    group: str = "scorer",
) -> Ensemble:
    """Builds the members and joins them. Raises ConfigError for an unknown member or knob, and for a repeated name."""
    named = named_members(members, args, group)
    built = tuple(_member(name, short, knobs, group) for name, short, knobs in named)
    return Ensemble(built, rule, low, high, unit)


second = partial(ensemble, group="second")
"""The same as a second scorer."""


def _member(name: str, short: str, knobs: dict[str, Any], group: str) -> Scorer:
    if ":" in name:
        return getattr(custom, group)(name, knobs)
    return build_named(class_of(SCORERS, name, f"{group}.members", "scorer"), name, knobs, f"{group}.args.{short}")
