"""What runs inside a worker, made there from plain data."""

from collections.abc import Callable
from typing import Any, Protocol


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
