"""Test-time search in one import: `import stepsearch; stepsearch.solve("((3 + 4) * (2 - 5)) =", search="beam", n=16)`.

It re-exports the public names of the packages `search`, `policies` and `scorers`, and adds `solve`, `sweep` and
`read_run`, which work in scripts and in notebooks, and workers to `solve_all`. The coroutine that `solve` waits for is
`search.solve`.
"""

# ruff: noqa: E402 # other folders of our packages' names are found out before anything is imported from them

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

# isort: off
import search
from search import *  # noqa: F403

# These come after: three of them replace names of `search`: `solve`, `Solved`, and `solve_all`, which takes workers.
from experiments.api.runs import Run, read_run, sweep
from experiments.api.solved import Solved
from experiments.api.solving import solve
from experiments.workers.jobs import solve_all
from experiments.workers.knobs import Ray
from policies.hf import HF
from policies.openai import OpenAI
from policies.toy import Toy as ToyPolicy
from policies.vllm import VLLM
from scorers.checks import Checks
from scorers.custom import adapt
from scorers.prm import PRM
from scorers.toy import Toy as ToyScorer

# isort: on

__all__ = [
    "HF", "PRM", "VLLM", "Checks", "OpenAI", "Ray", "Run", "Solved", "ToyPolicy", "ToyScorer", "adapt",
    "read_run", "solve", "solve_all", "sweep",
]  # fmt: skip
__all__ += search.__all__
