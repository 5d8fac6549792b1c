"""What runs inside a worker, made there from plain data."""

from collections.abc import Callable
from typing import Any, Protocol

from experiments.workers.handing import Died
from search.errors import WorkerDied
from search.solve import Job, Solved, solve_all


class Runner(Protocol):
    """Does the pieces of work of one worker, with engines of its own."""

    def load(self) -> list[str]:
        """Loads the engines; returns what a user should know of them. Raises an error for the user where it cannot."""
        ...

    async def run(self, item: Any) -> Any:
        """The result of a piece of work, or `Died`."""
        ...


Make = Callable[..., Runner]
"""Makes a runner of the arguments that a cluster was given with it. A function of a module, which workers import."""


async def search(job: Job) -> Solved | Died:
    """Runs one search; `Died` where its engine has ended."""
    async for solved in solve_all([job], 1):
        return Died(str(solved.error)) if isinstance(solved.error, WorkerDied) else solved
    raise AssertionError("a job has one result")
