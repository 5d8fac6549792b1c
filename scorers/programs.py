"""Steps checked by their programs (rStar-Math, arXiv 2501.04519): one that fails makes its step wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from policies.engines.code_blocks import programs
from policies.engines.sandbox.sandbox import Sandbox, Walls, in_turn
from policies.engines.tools import SHOWN
from search.errors import check_knob
from search.protocols import Scored, Stopped
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.scores import Kind
from search.tree.step import Step


@dataclass(frozen=True)
class Programs:
    """1 for a step whose programs run, 0 for one with a program that fails, `unknown` for one without any.

    A path's programs are cells of one notebook, as with `policy.tools=python`, whose outcomes it shares where `seconds`
    are the policy's `tool_seconds`. One fails that raises an error, takes too long, prints too much or exits.
    """

    unknown: float = 0.5
    """score of a step without a program; 1 trusts it"""
    seconds: int = 5
    """processor time of a program, with all before it on its path; three times as much by the clock"""
    sandbox: Walls = Walls.NAMESPACES
    """where programs run; none: without walls, where Linux' namespaces cannot be had"""
    thoughts: bool = False
    """reads what the policy thinks before its answer, too"""

    kind = Kind.CORRECTNESS
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "unknown", least=0, most=1)
        check_knob(self, "seconds", least=1, most=3600)
        _ = self._sandbox

    def start_loading(self) -> None:
        """Raises KnobError where there is no sandbox."""
        self._sandbox.check()

    @property
    def _sandbox(self) -> Sandbox:
        return Sandbox(self.sandbox, self.seconds, output=SHOWN)

    def worst_case(self, node: Node, tokens: int) -> Cost:
        return NOTHING

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Cancelled, it leaves a thread that ends by itself; no model ran. Raises KnobError as the sandbox does."""
        texts = [step.text for step in steps]
        try:
            return Scored(await in_turn(self._scores, texts, since), NOTHING)
        except asyncio.CancelledError:
            raise Stopped(NOTHING) from None

    def _scores(self, texts: Sequence[str], since: int) -> list[float]:
        counts = [len(programs("".join(texts[:place]))) for place in range(since, len(texts) + 1)]
        blocks = programs("".join(texts))
        return [self._score(blocks, *ends) for ends in pairwise(counts)]

    def _score(self, blocks: Sequence[str], first: int, end: int) -> float:
        """Of a step that holds the blocks from `first` to before `end`."""
        if first == end:
            return self.unknown
        return float(all(self._sandbox.run(blocks[: place + 1]).fine for place in range(first, end)))
