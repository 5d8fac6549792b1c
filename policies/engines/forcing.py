"""Continuations of several rows: a policy that would stop is made to go on, or reads what its program printed.

The first is budget forcing's other half (s1, arXiv 2501.19393, section 3.1), the second in `tools.py`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from policies.engines.rows import Row
from policies.engines.thinking import stage_after
from policies.engines.tools import Tools
from policies.engines.writer import Writer
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.step import End, Step

_FAR = 0xD1B54A32D192ED03  # between the seeds of a continuation's rows


class Forced:
    """One continuation: its rows, of which each but the last ended with WAIT or CODE."""

    def __init__(self, row: Row) -> None:
        self.rows = [row]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for row in self.rows for step in row.steps)

    @property
    def bare_steps(self) -> tuple[Step, ...]:
        """Without log-probabilities."""
        return tuple(replace(step, logprobs=(), entropy=None) for step in self.steps)

    @property
    def cost(self) -> Cost:
        return sum((row.cost or NOTHING for row in self.rows), NOTHING)

    def goes_on(self, wait: Sequence[int]) -> bool:
        """Adds a row where the last one ended so and more is wanted of it; behind WAIT it begins with these tokens."""
        last = self.rows[-1]
        step, more = last.steps[-1], last.max_steps is None or len(last.steps) < last.max_steps
        if not more or step.end not in (End.WAIT, End.CODE):
            return False
        self.rows.append(_behind(last, wait if waited(step) else ()))
        return True


def waited(step: Step | None) -> bool:
    """Whether the policy would have stopped with this step, and was made to go on."""
    return step is not None and step.end is End.WAIT


def left(times: int, node: Node) -> int:
    """How often a policy that waits so many times is still made to go on, on the path that ends here."""
    return max(0, times - sum(map(waited, node.steps()))) if times else 0


async def write(engine: Writer, rows: Sequence[Row], wait: Sequence[int], tools: Tools | None = None) -> list[Forced]:
    """The continuations that begin with these rows. Cancelled, it raises Stopped with the cost of all of them."""
    forced = [Forced(row) for row in rows]
    try:
        if tools is None:
            await _write_all(engine, forced, wait)
        else:  # none waits for the others' programs
            await together(*(_write_all(engine, [each], wait, tools) for each in forced))
    except BaseException as error:
        written = [row for each in forced for row in each.rows]
        for row in written:
            engine.meter.abandon(row)
        if isinstance(error, asyncio.CancelledError):
            raise engine.meter.reclaim(written) from None
        raise
    return forced


async def _write_all(engine: Writer, forced: Sequence[Forced], wait: Sequence[int], tools: Tools | None = None) -> None:
    due = [each.rows[-1] for each in forced]
    while due:
        await engine.write(due)
        if tools is not None:
            for row in due:
                await tools.run(row)
        due = [each.rows[-1] for each in forced if each.goes_on(wait)]


def _behind(row: Row, wait: Sequence[int]) -> Row:
    """What goes on behind a row that ended with WAIT or CODE; end tokens are left out of the prompt."""
    answer = [step for step in row.steps if not step.thought]
    generated = sum(step.generated for step in row.steps)
    answered = sum(step.generated for step in answer)
    most, waits = row.limits.most, row.limits.waits - waited(row.steps[-1])
    limits = replace(row.limits, waits=waits, most=None if most is None else most - generated)
    inner = [token for step in row.steps for token in step.inner_token_ids[step.given :]]
    return Row(
        (*row.prompt, *inner, *wait),
        (row.seed + _FAR) % (1 << 63),
        row.sampling,
        limits,
        row.steps_before + len(answer),
        row.tokens_before + answered,
        None if row.max_steps is None else row.max_steps - len(row.steps),
        tuple(wait),
        row.before + "".join(step.text for step in answer) if limits.stop else "",
        row.thinking,
        stage_after(row.steps[-1]) if row.thinking else row.stage,
        row.thought_before + generated - answered,
        row.logprobs,
        None if row.path is None else row.path + "".join(step.text for step in row.steps),
    )


def worst_case(
    engine: Writer, prompt: int, tokens: int, max_steps: int | None, thinks: bool, waits: int, wait: Sequence[int]
) -> Cost:
    """The cost at most of one continuation of so many tokens that is made to go on up to `waits` times.

    Each time all of it may be read anew.
    """
    once = engine.worst_case(prompt, tokens, max_steps, thinks)
    again = engine.worst_case(prompt + tokens + waits * len(wait), tokens, max_steps, thinks)
    flops = None if once.flops is None or again.flops is None else once.flops + waits * again.flops
    return once._replace(computed=once.computed + waits * again.computed, calls=1, flops=flops)
