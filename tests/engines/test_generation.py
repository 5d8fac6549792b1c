"""The generation loop: where steps end, who stops it, and that one row's trouble is nobody else's."""

import asyncio
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
import torch
from transformers import (
    Qwen2ForCausalLM,
)

from policies.engines import hf_writer
from policies.engines.ends import Limits
from policies.engines.hf_writer import Generator
from policies.engines.rows import Row, Sampling
from policies.hf import HF
from search.tree import Tree
from search.tree.step import End, Step
from tests.engines.test_hf import QUESTIONS, extend, together, tokens


@pytest.fixture
def engine(random_policy: str) -> Generator:
    """One that no other test has used."""
    return Generator(random_policy, "cpu", "float32", 8, "\n\n")


def row(prompt: list[int], seed: int = 0, max_tokens: int = 20, **knobs: Any) -> Row:
    return Row(prompt, seed, Sampling(), Limits(max_tokens=max_tokens, **knobs), 0, 0, None)


def scripted(monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """The model's draws are replaced by these."""
    monkeypatch.setattr(hf_writer, "draw", lambda *args: torch.tensor([[float(ids[args[-1]])], [-1.0], [0.5]]))


@pytest.mark.parametrize(
    ("text", "knobs", "cut"),
    [
        ("1 + 2 = 3\n\n(3)\n\n\\boxed{3}\n\n7", {}, [End.DELIMITER, End.DELIMITER, End.ANSWER]),
        ("\\boxed{3}<|im_end|>7", {}, [End.EOS]),
        ("\\boxed{3}\n\n7", {"max_tokens": 3}, [End.MAX_TOKENS]),
        ("1234567", {"max_step_tokens": 3, "max_steps": 2}, [End.STEP_TOKENS, End.MAX_STEPS]),
        ("12\n3\n\n4\n\n", {"max_steps": 1}, [End.MAX_STEPS]),
        ("12<|im_start|>34<|endoftext|>5", {"max_tokens": 6}, [End.MAX_TOKENS]),
    ],
)
def test_steps_end_by_the_shared_rule(
    engine: Generator, monkeypatch: pytest.MonkeyPatch, text: str, knobs: dict[str, int], cut: list[End]
):
    ids = engine.tokenizer.encode(text)
    scripted(monkeypatch, ids)
    one = row([5, 6], **knobs)
    asyncio.run(engine.write([one]))
    assert [step.end for step in one.steps] == cut
    written = tokens(one.steps)
    assert written == ids[: len(written)]
    assert "".join(step.text for step in one.steps) == re.sub(r"<\|\w+\|>", "", str(engine.tokenizer.decode(written)))


def test_every_end_id_of_the_checkpoint_ends(random_policy: str, tmp_path: Any):
    model = Qwen2ForCausalLM.from_pretrained(random_policy)
    model.generation_config.eos_token_id = [300, 301]
    model.save_pretrained(tmp_path)
    HF(random_policy).engine.tokenizer.save_pretrained(tmp_path)
    own: Any = HF(random_policy).engine.tokenizer.eos_token_id
    assert HF(str(tmp_path)).engine.vocabulary.end_ids == {300, 301, own}


def test_max_steps_asks_for_that_many_steps(random_policy: str):
    policy = HF(random_policy, max_step_tokens=4, max_tokens=40)
    for wanted in (1, 3):
        (steps,) = extend(policy, QUESTIONS[0], [1], max_steps=wanted).continuations
        assert [len(step.token_ids) for step in steps] == [4] * wanted


def test_steps_of_the_path_count_towards_max_steps(random_policy: str):
    node = Tree(QUESTIONS[0]).root
    for _ in range(2):
        node = node.add(node.reserve(1).start, Step("1\n\n", (5,)))
    (steps,) = extend(HF(random_policy, max_step_tokens=4, max_steps=3), node, [1]).continuations
    assert [step.end for step in steps] == [End.MAX_STEPS]


def test_a_poison_row_fails_alone_and_the_others_start_afresh(engine: Generator):
    good = [row([5, 6, 7, seed], seed) for seed in range(3)]
    poison = row([10**6])

    async def run() -> list[BaseException | None]:
        return await asyncio.gather(*(engine.write([one]) for one in (*good, poison)), return_exceptions=True)

    *fine, failure = asyncio.run(run())
    assert fine == [None] * 3 and isinstance(failure, ExceptionGroup)
    assert engine.meter.total.generated == sum(len(tokens(one.steps)) for one in good)
    assert engine.meter.abandoned.generated == 0


def test_a_failure_in_mid_batch_is_counted_as_abandoned(engine: Generator):
    """The first batch fails at its third token; each of its two rows is then written again, by itself."""
    calls = iter(range(100))

    def fail_once(*args: Any) -> None:
        if next(calls) == 3:
            raise RuntimeError("out of memory")

    hook = engine.model.register_forward_pre_hook(fail_once)
    rows = [row([5, 6, 7], seed) for seed in range(2)]
    asyncio.run(engine.write(rows))
    hook.remove()
    spent = sum(one.cost.generated for one in rows if one.cost)
    assert engine.meter.abandoned.generated == 2 * 3
    assert engine.meter.total.generated == spent + 2 * 3
    assert all(len(tokens(one.steps)) == one.cost.generated for one in rows if one.cost)


def test_a_cancelled_row_stops_at_its_next_token_and_disturbs_nobody(engine: Generator):
    alone = row([5, 6, 7], 1)
    asyncio.run(engine.write([alone]))
    doomed, other = row([5, 6, 8], 2), row([5, 6, 7], 1)

    async def run() -> None:
        tasks = [asyncio.create_task(engine.write([one])) for one in (doomed, other)]
        with pause_at(engine.model, 4, tasks[0]):
            await asyncio.wait(tasks)
        assert tasks[0].cancelled() and tasks[1].exception() is None

    before = engine.meter.total
    asyncio.run(run())
    assert doomed.cutter.tokens == 5 and doomed.cost is not None  # four drawn, the fifth under way
    assert tokens(other.steps) == tokens(alone.steps)
    assert engine.meter.abandoned == doomed.cost
    assert engine.meter.total.generated == before.generated + doomed.cost.generated + len(tokens(other.steps))


def test_cancelling_all_rows_ends_the_batch(engine: Generator):
    """What Ctrl-C does: the thread is done within a token, so that the interpreter can leave."""
    rows = [row([5, 6, seed], seed, 5000, max_step_tokens=5000) for seed in range(3)]

    async def run() -> None:
        task = asyncio.create_task(engine.write(rows))
        with pause_at(engine.model, 2, task):
            await asyncio.wait([task])

    asyncio.run(run())
    asyncio.run(engine.write([row([5])]))  # behind it in the queue
    assert all(one.cutter.tokens == 3 and one.cost is not None for one in rows)


INTERRUPTED = """
import asyncio, os, signal, sys
from policies.hf import HF
from scorers.self_certainty import SelfCertainty
from search import BestOfN, solve
def note(*args):
    tokens.append(1)
    print("token", flush=True)
    if len(tokens) == 5:
        os.kill(os.getpid(), signal.SIGINT)
tokens, policy = [], HF(sys.argv[1], max_tokens=8000, max_step_tokens=8000, max_steps=8000)
policy.engine.model.register_forward_pre_hook(note)
asyncio.run(solve("1", BestOfN(64), policy, SelfCertainty()))
"""


def test_ctrl_c_ends_the_process_within_a_token(random_policy: str):
    """At the fifth token; a slow machine may come to a few more before the main thread has heard of it."""
    command = [sys.executable, "-c", INTERRUPTED, random_policy]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert process.returncode != 0 and "KeyboardInterrupt" in process.stderr
    assert 5 <= process.stdout.count("token") < 50


class pause_at:
    """Holds the model at its n-th forward pass (from zero) until `task` has been cancelled and has ended."""

    def __init__(self, model: Any, n: int, task: "asyncio.Future[Any]") -> None:
        self._loop, self._ended, self._n, self._task = asyncio.get_running_loop(), threading.Event(), n, task
        task.add_done_callback(lambda _: self._ended.set())
        self._hook = model.register_forward_pre_hook(self._pause)

    def _pause(self, *args: Any) -> None:
        self._n -= 1
        if self._n == -1:
            self._loop.call_soon_threadsafe(self._task.cancel)
            assert self._ended.wait(30)

    def __enter__(self) -> None: ...

    def __exit__(self, *args: object) -> None:
        self._hook.remove()


def test_left_padding_changes_nothing(random_policy: str):
    """Prompts of 8 to 30 tokens in one batch against each by itself, in single precision."""
    policy = HF(random_policy, temperature=0, max_tokens=15)
    batched = together(policy, [(question, 0) for question in QUESTIONS])
    for steps, question in zip(batched, QUESTIONS, strict=True):
        (alone,) = together(policy, [(question, 0)])
        assert tokens(steps) == tokens(alone)
        assert steps[0].logprobs == pytest.approx(alone[0].logprobs, abs=1e-4)


def test_any_rows_of_a_path_longer_than_the_limits_still_end(engine: Generator):
    one = Row([5, 6], 0, Sampling(), Limits(max_tokens=10), 3, 12, None)
    asyncio.run(engine.write([one]))
    assert len(tokens(one.steps)) == 1 and one.steps[0].truncated
