"""The loop from trees to reward models, closed and measured: python -m experiments.tiny.rounds [rounds=...] [...]

Round 0 labels samples of a few training problems by Monte Carlo estimation and trains a weak PRM on them. Each further
round searches new training problems with the last PRM (MCTS), labels the solutions in the same way, and trains the next
PRM from the base on all labels so far. Every PRM is evaluated on the same held-out problems: step AUC and first-error
F1 against the exact labels of arithmetic, best of n, beam and MCTS. Then PRMs of the same recipe are trained on
independent samples with the labels of monte_carlo, consensus and binary, which cost the same, and with exact ones.

Each seed has a folder below work=, each stage a file in its folder done/; the same command goes on with what is
missing. The commands of the stages are those of stepsearch: sweep, label, export and train (extra [train]).
"""

from dataclasses import dataclass, field
from pathlib import Path

from search.errors import KnobError, check_knob

FROZEN = "experiments.benchmarks.frozen"
NOISY = "experiments.tiny.noisy:Noisy"
HELD_OUT_SEED = 1_000_003  # of the held-out problems, which training never uses
MOST_SEEDS, MOST_ROUNDS = 900, 99  # more would train on the problems of another part
LEVELS = ("problems.min_level=2", "problems.max_level=4")


@dataclass
class Knobs:
    """The knobs of the loop."""

    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """seeds of training problems, searches, labels and training; each has a folder of its own"""
    rounds: int = 3
    """rounds of search, labels and training after round 0"""
    problems: int = 16
    """training problems of each round"""
    solutions: int = 4
    """solutions of each of them that are labelled at most"""
    k: int = 4
    """completions from each step that is labelled"""
    steps: int = 80
    """training steps of each PRM, of eight rows each"""
    learning_rate: float = 1e-3
    """highest learning rate"""
    base: str = "tiny"
    """folder or hub name of the model on which each PRM is built"""
    unseen: int = 60
    """held-out problems"""
    n: int = 16
    """samples, candidates and simulations with which the searchers are evaluated"""
    methods: bool = True
    """also compare the label methods at equal cost"""
    error: float = 2.0
    """noise of the critic, a standard deviation of its logit of 2 or -2; 2 makes it err on 16 % of the steps"""
    threads: int = 1
    """torch's threads"""
    work: str = "runs/rounds"
    """folder of a folder for each seed"""
    picture: str = "docs/rounds.png"
    """file of the picture"""

    def __post_init__(self) -> None:
        for knob in ("rounds", "problems", "solutions", "k", "steps", "n", "threads"):
            check_knob(self, knob, least=1)
        check_knob(self, "unseen", least=2)
        check_knob(self, "learning_rate", above=0)
        check_knob(self, "error", least=0)
        check_knob(self, "rounds", most=MOST_ROUNDS)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise KnobError(f"Knobs.seeds is {self.seeds}; give at least one seed, and each only once")
        if not all(0 <= seed < MOST_SEEDS for seed in self.seeds):
            raise KnobError(f"Knobs.seeds is {self.seeds}; a seed is from 0 to {MOST_SEEDS - 1}")

    def folder(self, seed: int) -> Path:
        """The folder of a seed."""
        return Path(self.work) / f"seed-{seed}"

    @property
    def held_out(self) -> Path:
        """The file of the held-out questions."""
        return Path(self.work) / "held_out.jsonl"


def problem_words(seed: int, count: int) -> list[str]:
    """So many problems of two to four groups."""
    return [f"problems.seed={seed}", f"problems.count={2 * count}", *LEVELS, f"problems.limit={count}"]


def policy_words(root: Path) -> list[str]:
    """The small policy, whose distributions are computed once for all stages of a seed."""
    return ["policy=custom", f"policy.cls={FROZEN}.policy:Frozen", f"policy.args.folder={root.absolute() / 'tries'}"]


def scorer_words(prm: Path) -> list[str]:
    """A PRM of the loop."""
    return ["scorer=custom", f"scorer.cls={FROZEN}.scorer:Frozen", f"scorer.args.model={prm.absolute()}"]
