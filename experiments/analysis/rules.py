"""The selection rules, and their names for readers."""

from experiments.errors import ConfigError
from experiments.runs.results import ORACLE
from search.answers.selection import Rule, Selection

RULES = [*(rule.value for rule in Rule), ORACLE]
"""In the order of a summary."""

RULE_NAMES = {
    Rule.WEIGHTED.value: "weighted vote",
    Rule.ODDS.value: "vote by odds",
    Rule.POWER4.value: "vote by s^4",
    Rule.BEST.value: "highest score",
    Rule.MAJORITY.value: "majority",
    Rule.PARTICLE.value: "particle weight",
    Rule.WEIGHTS.value: "vote weight",
    Rule.DISTINCT.value: "distinct solutions",
    ORACLE: "pass@N",
}


def rule_of(selection: Selection) -> Rule:
    """The rule whose answers a command reads. Raises ConfigError where a knob is set that only a sweep uses."""
    for knob in ("reduction", "by"):
        if (value := getattr(selection, knob)) is not None:
            raise ConfigError(f"selection.{knob}={value}: the sweep has chosen the answers; set it in a new sweep")
    return selection.rule
