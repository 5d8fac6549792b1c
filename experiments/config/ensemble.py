"""An ensemble from the command line: its members by name, each with its own knobs.

scorer=ensemble scorer.members=[prm,checks] scorer.rule=product scorer.args.prm.model=./mine
scorer=ensemble scorer.members=[checks,mine:MyScorer] scorer.rule=tiered scorer.args.checks.unknown=0.6
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from experiments.config import custom
from experiments.errors import ConfigError, one_of
from scorers.ensemble import Combine, Ensemble
from search.protocols import Scorer


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
    members: list[str], rule: Combine, low: float, high: float, unit: float, args: Mapping[str, Mapping[str, Any]]
) -> Ensemble:
    """Raises ConfigError for a member or a knob that there is not, and where two members have one name."""
    short = [name.rpartition("@" if "@" in name else ":")[2] for name in members]
    if twice := next((name for name in short if short.count(name) > 1), None):
        raise ConfigError(f"scorer.members: two are called {twice}; tell them apart as {twice}@one, {twice}@two")
    for name in args:
        if name not in short:
            raise ConfigError(f"scorer.args.{name}: no such member; there are {one_of(short, name) or 'none'}")
    return Ensemble(
        tuple(_member(n.partition("@")[0], dict(args.get(s) or {})) for n, s in zip(members, short, strict=True)),
        rule,
        low,
        high,
        unit,
    )


def _member(name: str, knobs: dict[str, Any]) -> Scorer:
    from experiments.config.registry import GROUPS, load
    from experiments.config.schema import build, schema

    if ":" in name:
        return custom.scorer(name, knobs)
    names = [choice for choice in GROUPS["scorer"] if choice not in ("custom", "ensemble")]
    if name not in names:
        raise ConfigError(
            f"scorer.members: no such scorer {name!r}; choose from {one_of(names, name)}, or module:Class"
        )
    made = load(GROUPS["scorer"][name])
    valid = [knob.name for knob in fields(made) if knob.init]
    for knob in knobs:
        if knob not in valid:
            raise ConfigError(f"scorer.args.{name}.{knob}: no such knob; {name} has {one_of(valid, knob)}")
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return build(OmegaConf.merge(OmegaConf.structured(schema(made)), knobs))
    except OmegaConfBaseException as error:
        raise ConfigError(f"scorer.args.{name}: {str(error).splitlines()[0]}") from error
