"""What can be chosen on the command line, and the class that holds each choice's knobs.

The modules of these classes import no model library; an engine loads its own when it is built.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from experiments.config import custom
from experiments.config.auto import Auto
from experiments.config.custom import Custom, CustomProblems, CustomScorer
from experiments.config.ensemble import SCORERS, Members
from experiments.config.rounds import SEARCHERS, Rounds
from experiments.config.schema import open_args, schema
from experiments.config.second import NoSecond
from experiments.config.several import POLICIES, SeveralPolicies
from experiments.errors import ConfigError
from experiments.problems import completions, labelled, published, sets, tables
from search.answers import extraction, graders
from search.answers.selection import Rule, Selection

GROUPS: dict[str, dict[str, type]] = {
    "search": {
        **SEARCHERS,
        "again": Rounds,
        "auto": Auto,
        "custom": Custom,
    },
    "policy": {**POLICIES, "several": SeveralPolicies, "custom": Custom},
    "scorer": {**SCORERS, "ensemble": Members, "custom": CustomScorer},
    "second": {"none": NoSecond, **SCORERS, "ensemble": Members, "custom": CustomScorer},
    "problems": {
        "arithmetic": sets.Arithmetic,
        "jsonl": sets.Jsonl,
        "csv": tables.Csv,
        "gsm8k": published.Gsm8k,
        "math500": published.Math500,
        "math": published.Math,
        "aime24": published.Aime24,
        "aime25": published.Aime25,
        "amc23": published.Amc23,
        "olympiadbench": published.OlympiadBench,
        "minerva": published.Minerva,
        "bigbench": published.Bigbench,
        "custom": CustomProblems,
    },
    "data": {
        "processbench": labelled.ProcessBench,
        "prmbench": labelled.PRMBench,
        "labelled": labelled.Labelled,
        "completions": completions.Completions,
    },
    "answer": {
        "boxed": extraction.Boxed,
        "last_number": extraction.LastNumber,
        "after": extraction.After,
        "regex": extraction.Regex,
        "whole": extraction.Whole,
        "custom": Custom,
    },
    "grader": {
        "math_verify": graders.MathVerify,
        "exact": graders.Exact,
        "numeric": graders.Numeric,
        "choice": graders.Choice,
        "custom": Custom,
    },
    "selection": {rule.value: Selection for rule in Rule},
}
"""group -> choice -> dataclass of its knobs"""


ALL = "all"
"""Stands for all choices of a group side by side, each at a place of its own: search.beam, search.mcts, ..."""
_ALONE = ("auto",)  # choices that have no place beside the others


@cache
def register(group: str, choice: str) -> None:
    """Puts one choice into Hydra's ConfigStore, its dataclass as its schema; or all of them, by their names."""
    node = {name: _schema(group, name) for name in side_by_side(group)} if choice == ALL else _schema(group, choice)
    ConfigStore.instance().store(group=group, name=choice, node=node)


def side_by_side(group: str) -> list[str]:
    """The choices of a group that `all` stands for."""
    return [choice for choice in GROUPS[group] if choice not in _ALONE]


def configured(group: str, choice: str) -> DictConfig:
    """The default config of one choice, whose knobs can be written to; `args` take any key."""
    node = OmegaConf.structured(_schema(group, choice))
    OmegaConf.set_struct(node, True)
    open_args(node)
    return node


def _schema(group: str, choice: str) -> type:
    defaults = {"rule": Rule(choice)} if group == "selection" else {}
    return schema(GROUPS[group][choice], _target(group, choice), **defaults)


def _target(group: str, choice: str) -> str:
    """The name of what builds the object of a choice."""
    knobs = GROUPS[group][choice]
    if choice == "custom":
        return f"experiments.config.custom.{group}"
    if (group, choice) == ("second", "ensemble"):
        return "experiments.config.ensemble.second"
    return getattr(knobs, "target", f"{knobs.__module__}.{knobs.__qualname__}")


def choice_of(group: str, target: str) -> str:
    """The choice that `target`, a class or function without its module, builds; `target` itself where none is known."""
    named = (choice for choice in GROUPS.get(group, {}) if _target(group, choice).rpartition(".")[2] == target)
    return next(named, target)


def of_group(group: str, knob: str) -> str:
    """Where the group has what stands as its knob: as a choice, or as a knob of other choices. Empty where nowhere."""
    choices = GROUPS.get(group, {})
    if knob in choices:
        return f"; write {group}={knob}, and its knobs as {group}.KNOB"
    having = [f"{group}={choice}" for choice, cls in choices.items() if knob in {each.name for each in fields(cls)}]
    return f"; it is a knob of {', '.join(having)}" if having else ""


def stored(group: str, knobs: Mapping[str, Any]) -> Any:
    """The object of a choice as a run's config.yaml holds it. Raises ConfigError where it is none of the group's."""
    values = {name: value for name, value in knobs.items() if name != "_target_"}
    target = str(knobs.get("_target_")).rpartition(".")[2]
    if target == group:
        return getattr(custom, group)(**values)
    for cls in GROUPS[group].values():
        if cls.__name__ == target and cls is not Custom:
            return cls(**values)
    raise ConfigError(f"config.yaml: {group} is {target}, which this version does not know")


@cache
def register_command(knobs: type) -> None:
    """Puts a command's own knobs into the ConfigStore, as the schema that its YAML file names first."""
    ConfigStore.instance().store(name=f"{knobs.__name__.lower()}_knobs", node=schema(knobs))
