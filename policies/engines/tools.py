"""A policy's programs are run as it writes them, and it reads what they print.

Tool-integrated reasoning as of ToRA (arXiv 2309.17452) and Qwen2.5-Math (arXiv 2409.12122): a block of Python ends a
step, and its output follows in a block of its own, as tokens that the policy did not write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from policies.engines.code_blocks import output_block, programs
from policies.engines.outside import as_text, encode
from policies.engines.rows import Row
from policies.engines.sandbox.sandbox import Sandbox, in_turn
from policies.engines.token_texts import decode_all
from search.tree.step import End, Step

SHOWN = 2_000  # bytes that a policy reads of what a program prints


class Tool(StrEnum):
    """What a policy may use while it writes."""

    NONE = "none"
    PYTHON = "python"


@dataclass(frozen=True)
class Tools:
    """Where programs run, and the model that reads their output: its tokenizer and its context."""

    sandbox: Sandbox
    tokenizer: Any
    context: int

    async def run(self, row: Row) -> None:
        """Adds the output to the row's last step, where that ends with a program; the path's earlier ones run before.

        The path is cut there, with CONTEXT and without the output, where nothing could be written behind it.
        """
        step = row.steps[-1] if row.steps else None
        if step is None or step.end is not End.CODE:
            return
        before = (row.path or "") + "".join(each.text for each in row.steps)
        outcome = await in_turn(self.sandbox.run, programs(before))
        ids = encode_inside(self.tokenizer, output_block(before, outcome.output))
        used = len(row.prompt) + sum(each.generated + each.observed for each in row.steps)
        fits = used + len(ids) < self.context
        new = observed(step, ids, decode_all(self.tokenizer, [ids])[0]) if fits else replace(step, end=End.CONTEXT)
        row.steps = (*row.steps[:-1], new)


def observed(step: Step, ids: Sequence[int], text: str) -> Step:
    """The step with tokens behind it that came from outside, of log-probability and entropy 0."""
    nothing = [0.0] * len(ids)
    entropy = None if step.entropy is None else (*step.entropy, *nothing)
    tokens, logprobs = (*step.token_ids, *ids), (*step.logprobs, *nothing)
    return replace(step, text=step.text + text, token_ids=tokens, logprobs=logprobs, entropy=entropy, observed=len(ids))


def encode_inside(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text that follows another one; what looks like a special token is text."""
    line = tokenizer.encode("\n", add_special_tokens=False)
    behind = encode(tokenizer, as_text(tokenizer, f"\n{text}"))
    return behind[len(line) :] if behind[: len(line)] == line else encode(tokenizer, as_text(tokenizer, text))
