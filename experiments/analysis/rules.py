"""The selection rules, and their names for readers."""

from experiments.runs.results import ORACLE
from search.answers.selection import Rule

RULES = [*(rule.value for rule in Rule), ORACLE]
"""In the order of a summary."""

RULE_NAMES = {
    Rule.WEIGHTED.value: "weighted vote",
    Rule.BEST.value: "highest score",
    Rule.MAJORITY.value: "majority",
    Rule.PARTICLE.value: "particle weight",
    Rule.WEIGHTS.value: "vote weight",
    Rule.DISTINCT.value: "distinct solutions",
    ORACLE: "pass@N",
}
