"""Searchers of its_hub against ours, on the same models: make peers ARGS="problems=multistep_arithmetic.jsonl"

Its algorithms run as they are; what they ask for goes through the grower, so that policy, PRM, draws, ledger and
grading are those of our searchers, in the frozen world. They are plug-ins: searchers=beam,custom
search.custom.cls=experiments.benchmarks.peers:ItsBeam. The package, its_hub 1.2 (Red Hat), has an environment of its
own.
"""

import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from experiments.benchmarks.frozen.__main__ import world
from experiments.config.script import from_overrides
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node

END = "<eos>"  # how a step's text tells its_hub that the solution has ended
DELIMITER = "\n\n"
DEEPEST = 1000  # steps: the policy's own limits end a solution before


class Solutions:
    """its_hub's language model and reward model in one: they know a solution by its text, here are its nodes."""

    def __init__(self, grow: Grower) -> None:
        self._grow = grow
        self._nodes: dict[str, Node] = {"": grow.root}

    async def agenerate(self, messages: Any, stop: Any = None, **_: Any) -> list[dict[str, str]]:
        """The next step of each conversation of question and solution so far. Equal ones get different samples."""
        solutions = [turns[1].content if len(turns) > 1 else "" for turns in messages]
        wanted: dict[str, int] = {}
        for solution in solutions:
            wanted[solution] = wanted.get(solution, 0) + 1
        drawn: dict[str, list[Node]] = {}
        for solution, count in wanted.items():
            drawn[solution] = await self._grow.extend(self._nodes[solution], count)
        said = [self._said(solution, drawn[solution].pop(0)) for solution in solutions]
        return [{"role": "assistant", "content": text} for text in said]

    async def ascore(self, prompt: Any, steps: list[str]) -> list[float]:
        """The last step's score of each solution."""
        return [self.node(solution).score or 0.0 for solution in steps]

    def node(self, solution: str) -> Node:
        """The node of a solution as its_hub writes it: without the last delimiter, or with the end's mark."""
        return self._nodes[solution if solution.endswith(END) else solution + DELIMITER]

    def _said(self, before: str, node: Node) -> str:
        text = node.step.text if node.step else ""
        said = text.removesuffix(DELIMITER) if node.open else text + END
        self._nodes.setdefault(before + (said + DELIMITER if node.open else said), node)
        return said


@dataclass(frozen=True)
class _Its(ABC):
    """Runs an algorithm of its_hub; what it chooses is the only voter."""

    n: int = 16
    """its budget: candidates or particles"""

    scale = "n"

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)

    async def search(self, grow: Grower) -> None:
        solutions, step_generation = Solutions(grow), resolve_name("its_hub.core.lms.step_generation:StepGeneration")
        steps = step_generation(DEEPEST, step_token=DELIMITER, stop_token=END, temperature=1.0)
        chosen = await self._algorithm(steps, solutions).ainfer(solutions, grow.tree.question, self.n)
        grow.electorate({solutions.node(chosen["content"]): 1.0}, whole=True)

    @abstractmethod
    def _algorithm(self, steps: Any, reward_model: Any) -> Any: ...


@dataclass(frozen=True)
class ItsBeam(_Its):
    """Its BeamSearch: keeps `beam_width` candidates and copies them to n; the highest score is the answer."""

    beam_width: int = 4

    def _algorithm(self, steps: Any, reward_model: Any) -> Any:
        return resolve_name("its_hub.core.algorithms.beam_search:BeamSearch")(steps, reward_model, self.beam_width)


@dataclass(frozen=True)
class ItsParticleFilter(_Its):
    """Its ParticleFiltering: multinomial resampling at every step; the highest weight is the answer."""

    def _algorithm(self, steps: Any, reward_model: Any) -> Any:
        return resolve_name("its_hub.core.algorithms.particle_gibbs:ParticleFiltering")(steps, reward_model)


@dataclass
class Knobs:
    """What runs."""

    problems: str = "multistep_arithmetic.jsonl"
    """BIG-bench's multistep arithmetic"""
    limit: int = 100
    """the first so many problems"""
    budgets: list[int] = field(default_factory=lambda: [8, 16, 32, 64])
    """numbers of candidates or particles; its beam needs twice its width of 4 to choose among candidates"""
    seeds: list[int] = field(default_factory=lambda: [0])
    """seeds of the searches"""
    out: str = "runs/frozen"
    """the folder of the frozen world, where the runs go too"""


PEERS: dict[str, type[_Its]] = {"beam": ItsBeam, "particle_filter": ItsParticleFilter}
"""Its searcher, by the name of ours."""


def main() -> int:
    """Sweeps each pair, or resumes, and compares the two at equal tokens, by the vote and by the highest score."""
    knobs = from_overrides(Knobs)
    for ours, its in PEERS.items():
        folder = Path(knobs.out) / f"peers-{ours}"
        words = [
            *world(knobs.problems, knobs.limit, knobs.out, "Frozen"),
            *(f"searchers=[{ours},custom]", f"search.custom.cls=experiments.benchmarks.peers:{its.__name__}"),
            *(f"{name}={getattr(knobs, name)}".replace(" ", "") for name in ("budgets", "seeds")),
        ]
        begun = (folder / "results.jsonl").exists()
        if code := _stepsearch("sweep", *([f"run={folder}"] if begun else [*words, f"out={folder}"])):
            return code
        for rule in ("weighted", "best"):
            if code := _stepsearch("compare", f"run={folder}", "baseline=custom", f"selection={rule}"):
                return code
    return 0


def _stepsearch(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "experiments", *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
