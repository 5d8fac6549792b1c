"""Test-time search in one import: `import stepsearch; stepsearch.solve("((3 + 4) * (2 - 5)) =", search="beam", n=16)`.

It re-exports the public names of the packages `search`, `policies` and `scorers`, and adds `solve`, `sweep` and
`read_run`, which work in scripts and in notebooks. The coroutine that `solve` waits for is `search.solve`.
"""

from importlib import import_module
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _check_packages() -> None:
    """Raises ImportError where another folder or module has the name of one of our packages and is found first."""
    for name in ("search", "policies", "scorers", "experiments"):
        try:
            package = import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(f"stepsearch is installed without its package {name!r}; install it again") from error
        paths = [*getattr(package, "__path__", []), *([package.__file__] if package.__file__ else [])]
        if not any(Path(path).resolve().is_relative_to(_HERE / name) for path in paths):
            place = paths[0] if paths else "another place"
            raise ImportError(
                f"`import {name}` finds {place} in place of the package of stepsearch in {_HERE / name}; "
                f"rename that one, or start Python in a folder that has no {name!r}"
            )


_check_packages()

from experiments.api.runs import Run, read_run, sweep  # noqa: E402
from experiments.api.solved import Solved  # noqa: E402
from experiments.api.solving import solve  # noqa: E402
from policies.hf import HF  # noqa: E402
from policies.toy import Toy as ToyPolicy  # noqa: E402
from policies.vllm import VLLM  # noqa: E402
from scorers.checks import Checks  # noqa: E402
from scorers.custom import adapt  # noqa: E402
from scorers.prm import PRM  # noqa: E402
from scorers.toy import Toy as ToyScorer  # noqa: E402
from search import (  # noqa: E402
    ABMCTS,
    DVTS,
    MCTS,
    Again,
    Ask,
    BackOff,
    Ballot,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    BudgetSpent,
    Cost,
    DiverseBeam,
    End,
    EntropicFilter,
    Extension,
    Grower,
    Gumbel,
    Job,
    Kind,
    KindError,
    KnobError,
    Ledger,
    Lookahead,
    Node,
    ParticleFilter,
    ParticleGibbs,
    Policy,
    PolicyError,
    Rebase,
    Reduction,
    Rule,
    Scored,
    ScoreError,
    Scorer,
    Searcher,
    Selection,
    Step,
    Stopped,
    ThinkingBudget,
    Tree,
    Vote,
    WorkerDied,
    mark,
    oracle,
    solve_all,
)

__all__ = [
    "ABMCTS",
    "DVTS",
    "HF",
    "MCTS",
    "PRM",
    "VLLM",
    "Again",
    "Ask",
    "BackOff",
    "Ballot",
    "Beam",
    "BestFirst",
    "BestOfN",
    "Budget",
    "BudgetSpent",
    "Checks",
    "Cost",
    "DiverseBeam",
    "End",
    "EntropicFilter",
    "Extension",
    "Grower",
    "Gumbel",
    "Job",
    "Kind",
    "KindError",
    "KnobError",
    "Ledger",
    "Lookahead",
    "Node",
    "ParticleFilter",
    "ParticleGibbs",
    "Policy",
    "PolicyError",
    "Rebase",
    "Reduction",
    "Rule",
    "Run",
    "ScoreError",
    "Scored",
    "Scorer",
    "Searcher",
    "Selection",
    "Solved",
    "Step",
    "Stopped",
    "ThinkingBudget",
    "ToyPolicy",
    "ToyScorer",
    "Tree",
    "Vote",
    "WorkerDied",
    "adapt",
    "mark",
    "oracle",
    "read_run",
    "solve",
    "solve_all",
    "sweep",
]
