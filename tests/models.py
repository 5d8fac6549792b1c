"""Small random checkpoints, and what the tests of real models share: requests, rows, counts, a reference for scores.

All in single precision with random weights where nothing depends on training.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.problems import arithmetic
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.train_policy import config
from policies.engines.ends import Limits
from policies.engines.models import ModelError
from policies.engines.rows import Row
from policies.engines.sampling import Sampling
from policies.hf import HF
from policies.writing import Writing
from scorers.checkpoints.forms import Tagged
from scorers.checkpoints.heads import Head
from scorers.checkpoints.hf_reader import HFReader
from scorers.prm import STEP_TAG
from search import Ask, Cost, Extension, Job, Ledger, Node, Step, Tree, solve_all

QUESTIONS = [
    "((3 + 4) * (2 - 5)) =",
    "(1 + 2) =",
    "((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) =",
    "((3 + 4) * (2 - 5) - (7 * 8 + 2)) =",
]
"""Prompts of four lengths."""
CONTEXT = 512
SERVED: Any = {"context": CONTEXT, "gpu_memory": 0.1}
"""Knobs of vLLM engines, of which the tests run several beside each other on one GPU."""

vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here: make test-vllm")


def save_random(model_class: type, folder: Path, seed: int, **knobs: object) -> str:
    """Two layers of the shipped models' shape. The weights are large: the next token is far from evenly distributed."""
    tokenizer = build_tokenizer()
    shape = config(tokenizer).to_dict() | {"num_hidden_layers": 2, "layer_types": None, "initializer_range": 0.1}
    torch.manual_seed(seed)
    model: Any = model_class(type(config(tokenizer)).from_dict(shape | knobs))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


# checkpoints

WEIGHTS = "model.safetensors"


def change(folder: Path, file: str, **values: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def said(model: Path | str) -> str:
    """The message of a policy that cannot be loaded, which is one line."""
    with pytest.raises(ModelError) as raised:
        HF(str(model)).load()
    assert "\n" not in str(raised.value)
    assert str(model) in str(raised.value)
    return str(raised.value)


# requests


def extend(
    policy: Writing, node: Node | str, seeds: Sequence[int], max_steps: int | None = None, **ask: Any
) -> Extension:
    """One request to a policy; a question stands for the root of its tree."""
    node = Tree(node).root if isinstance(node, str) else node
    return asyncio.run(policy.extend(node, len(seeds), max_steps, seeds, Ask(**ask)))


def together(policy: Writing, requests: Sequence[tuple[str, int]]) -> list[tuple[Step, ...]]:
    """The whole solutions of (question, seed) pairs that wait at the same time."""

    async def run() -> list[Extension]:
        return await asyncio.gather(*(policy.extend(Tree(q).root, 1, None, [seed]) for q, seed in requests))

    return [extension.continuations[0] for extension in asyncio.run(run())]


def run_all(jobs: list[Job]) -> list[Any]:
    """The finished searches, in the order in which they ended."""

    async def run() -> list[Any]:
        return [solved async for solved in solve_all(jobs)]

    return asyncio.run(run())


def row(prompt: list[int], seed: int = 0, max_tokens: int = 20, **limits: Any) -> Row:
    """One row of the generation loop, sampled at temperature one."""
    return Row(prompt, seed, Sampling(), Limits(max_tokens=max_tokens, **limits), 0, 0, None)


class pause_at:
    """Holds the model at its n-th forward pass (from zero) until `task` was cancelled and all that it awaits knows."""

    def __init__(self, model: Any, n: int, task: "asyncio.Future[Any]") -> None:
        self._loop, self._n, self._task = asyncio.get_running_loop(), n, task
        self._hook = model.register_forward_pre_hook(self._pause)

    def _pause(self, *args: Any) -> None:
        self._n -= 1
        if self._n == -1:
            asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(30)

    async def _cancel(self) -> None:
        self._task.cancel()
        for _ in range(30):  # each task that is awaited by another one takes some turns
            await asyncio.sleep(0)

    def __enter__(self) -> None: ...

    def __exit__(self, *args: object) -> None:
        self._hook.remove()


# counts


def ids_of(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step.token_ids]


def minus(after: Cost, before: Cost) -> Cost:
    tokens = (a - b for a, b in zip(after[:4], before[:4], strict=True))
    return Cost(*tokens, flops=(after.flops or 0.0) - (before.flops or 0.0))


def total(ledgers: Sequence[Ledger], figure: str) -> int:
    return sum(getattr(ledger, figure) for ledger in ledgers)


def unpadded(ids: Any) -> Any:
    """Which tokens of a batch padded on the right, [rows, tokens], stand before the zeros at the end of their row."""
    return ids.ne(0).flip(1).cumsum(1).flip(1).gt(0)


# scores of the shipped reward model


def full_pass(question: str, steps: Sequence[Step]) -> list[float]:
    """The scores of a path, read by Transformers in one pass, alone."""
    texts = [step.text.removesuffix("\n\n").strip() for step in steps]
    ids, tags = Tagged(STEP_TAG, "").encode(_reader().tokenizer, question, texts)
    return list(asyncio.run(_reader().read(ids, tags)).scores)


@cache
def _reader() -> HFReader:
    return HFReader(Head.PRM, "tiny-prm", "cpu", "float32", 1)


def random_paths(seed: int) -> list[list[Step]]:
    """25 paths of a random tree of right and wrong steps to QUESTIONS[3]: each continues a prefix of an earlier one."""
    rng = random.Random(seed)
    tree = arithmetic.read(QUESTIONS[3])
    assert isinstance(tree, arithmetic.Group)
    right = [step if step.endswith("\n\n") else step + "\n\n" for step in arithmetic.solution(tree)]
    paths: list[list[Step]] = [[]]
    for _ in range(25):
        prefix = rng.choice(paths)
        text = rng.choice(right).replace(str(rng.randrange(10)), str(rng.randrange(10)))
        paths.append([*prefix, Step(text)])
    return paths[1:]
