"""Texts that a scorer has a model write, and what they cost."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from policies.engines.ends import Limits
from policies.engines.rows import Row, Sampling
from policies.engines.writer import Writer
from search.protocols import Stopped
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.path import PathView


class Texts(NamedTuple):
    """Replies to one prompt; what they cost, as one call of a scorer; whether it may have been more."""

    texts: list[str]
    cost: Cost
    at_least: bool
    rows: Sequence[Row]


async def write(writer: Writer, prompt: Sequence[int], seeds: Sequence[int], temperature: float, most: int) -> Texts:
    """A reply of at most so many tokens for each seed, to its end token. Cancelled, it raises Stopped with the cost."""
    limits = Limits(max_steps=most, max_step_tokens=most, max_tokens=most, ends_at_box=False)
    rows = [Row(prompt, seed, Sampling(temperature), limits, 0, 0, None, logprobs=False) for seed in seeds]
    try:
        await writer.write(rows)
    except asyncio.CancelledError:
        stopped = writer.meter.reclaim(rows)
        raise Stopped(as_read(stopped.cost), stopped.at_least) from None
    cost = sum((row.cost or NOTHING for row in rows), NOTHING)
    texts = ["".join(step.text for step in row.steps) for row in rows]
    return Texts(texts, as_read(cost), any(row.at_least for row in rows), rows)


def as_read(cost: Cost) -> Cost:
    """A scorer's cost: what it wrote counts as computed, and all replies to a prompt as one call."""
    return Cost(computed=cost.computed + cost.generated, cached=cost.cached, calls=1, flops=cost.flops)


def judged(node: Node, thoughts: bool) -> int:
    """How many steps of a node's path are judged, those of its thought included or not."""
    above: Node | None = node
    while above is not None and above.parent is not None and above.birth is None:
        above = above.parent
    return 0 if above is None else len(PathView(above, thoughts))
