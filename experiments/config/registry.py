"""What can be chosen on the command line, and where each choice's knobs live.

The table holds names, not classes: only what a command line picks is imported, so torch is loaded for the policies
and scorers that need it and for nothing else.
"""

from functools import cache
from importlib import import_module

from hydra.core.config_store import ConfigStore

from experiments.config.schema import schema
from search.answers.selection import Rule

GROUPS: dict[str, dict[str, str]] = {
    "search": {
        "best_of_n": "search.algorithms.best_of_n:BestOfN",
        "beam": "search.algorithms.beam:Beam",
        "mcts": "search.algorithms.mcts:MCTS",
        "particle_filter": "search.algorithms.particle_filter:ParticleFilter",
        "custom": "experiments.config.custom:Custom",
    },
    "policy": {
        "hf": "policies.hf:HF",
        "vllm": "policies.vllm:VLLM",
        "toy": "policies.toy:Toy",
        "custom": "experiments.config.custom:Custom",
    },
    "scorer": {
        "prm": "scorers.prm:PRM",
        "token_classification": "scorers.prm:TokenClassification",
        "lm_head_prm": "scorers.prm:LMHeadPRM",
        "value_head": "scorers.prm:ValueHead",
        "outcome": "scorers.outcome:Outcome",
        "implicit": "scorers.implicit:Implicit",
        "judge": "scorers.critic:Critic",
        "self": "scorers.self_certainty:SelfCertainty",
        "checks": "scorers.checks:Checks",
        "ensemble": "experiments.config.ensemble:Members",
        "toy": "scorers.toy:Toy",
        "custom": "experiments.config.custom:Custom",
    },
    "problems": {
        "arithmetic": "experiments.problems.sets:Arithmetic",
        "jsonl": "experiments.problems.sets:Jsonl",
        "gsm8k": "experiments.problems.published:Gsm8k",
        "math500": "experiments.problems.published:Math500",
        "math": "experiments.problems.published:Math",
        "aime24": "experiments.problems.published:Aime24",
        "aime25": "experiments.problems.published:Aime25",
        "amc23": "experiments.problems.published:Amc23",
        "olympiadbench": "experiments.problems.published:OlympiadBench",
        "minerva": "experiments.problems.published:Minerva",
        "bigbench": "experiments.problems.published:Bigbench",
    },
    "data": {
        "processbench": "experiments.problems.labelled:ProcessBench",
        "prmbench": "experiments.problems.labelled:PRMBench",
        "labelled": "experiments.problems.labelled:Labelled",
        "completions": "experiments.problems.completions:Completions",
    },
    "selection": {rule.value: "search.answers.selection:Selection" for rule in Rule},
}
"""group -> choice -> module:class"""


def load(name: str) -> type:
    """The class behind a table entry."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


@cache
def register(group: str, choice: str) -> None:
    """Puts one choice into Hydra's ConfigStore, its dataclass as its schema."""
    knobs = load(GROUPS[group][choice])
    target = f"experiments.config.custom.{group}" if choice == "custom" else getattr(knobs, "target", None)
    defaults = {"rule": Rule(choice)} if group == "selection" else {}
    node = schema(knobs, target, **defaults)
    ConfigStore.instance().store(group=group, name=choice, node=node)


@cache
def register_command(knobs: type) -> None:
    """Puts a command's own knobs into the ConfigStore, as the schema that its YAML file names first."""
    ConfigStore.instance().store(name=f"{knobs.__name__.lower()}_knobs", node=schema(knobs))
