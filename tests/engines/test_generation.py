"""The generation loop: where steps end, what stops it, and that one row's failure reaches no other row."""

import asyncio
import re
import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import (
    Qwen2ForCausalLM,
)

from policies.engines import hf_writer
from policies.engines.boundary import Delimiter, Token
from policies.engines.ends import Limits
from policies.engines.hf_writer import HFWriter
from policies.engines.rows import Row, Sampling
from policies.hf import HF
from search.tree.step import End
from tests.models import ids_of, pause_at, row
from tests.patience import patience


@pytest.fixture
def engine(random_policy: str) -> HFWriter:
    """A fresh engine that no other test has used."""
    return HFWriter(random_policy, "cpu", "float32", 8, Delimiter())


def scripted(monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """Replaces the model's draws by these token ids."""
    monkeypatch.setattr(hf_writer, "draw", lambda *args: torch.tensor([[float(ids[args[3]])], [-1.0], [0.5]]))


@pytest.mark.parametrize(
    ("text", "knobs", "cut"),
    [
        ("1 + 2 = 3\n\n(3)\n\n\\boxed{3}\n\n7", {}, [End.DELIMITER, End.DELIMITER, End.ANSWER]),
        ("\\boxed{3}<|im_end|>7", {}, [End.EOS]),
        ("\\boxed{3}\n\n7", {"max_tokens": 3}, [End.ANSWER]),
        ("\\boxed{3}\n\n7", {"max_tokens": 2}, [End.MAX_TOKENS]),
        ("1234567", {"max_step_tokens": 3, "max_steps": 2}, [End.STEP_TOKENS, End.MAX_STEPS]),
        ("12\n3\n\n4\n\n", {"max_steps": 1}, [End.MAX_STEPS]),
        ("12<|im_start|>34<|endoftext|>5", {"max_tokens": 6}, [End.MAX_TOKENS]),
    ],
)
def test_steps_end_by_the_shared_rule(
    engine: HFWriter, monkeypatch: pytest.MonkeyPatch, text: str, knobs: dict[str, int], cut: list[End]
):
    ids = engine.tokenizer.encode(text)
    scripted(monkeypatch, ids)
    one = row([5, 6], **knobs)
    asyncio.run(engine.write([one]))
    assert [step.end for step in one.steps] == cut
    written = ids_of(one.steps)
    assert written == ids[: len(written)]
    assert "".join(step.text for step in one.steps) == re.sub(r"<\|\w+\|>", "", str(engine.tokenizer.decode(written)))


def test_every_end_id_of_the_checkpoint_ends_a_solution(random_policy: str, tmp_path: Any):
    model = Qwen2ForCausalLM.from_pretrained(random_policy)
    model.generation_config.eos_token_id = [300, 301]
    model.save_pretrained(tmp_path)
    HF(random_policy).engine.tokenizer.save_pretrained(tmp_path)
    own: Any = HF(random_policy).engine.tokenizer.eos_token_id
    assert HF(str(tmp_path)).engine.vocabulary.end_ids == {300, 301, own}


def test_a_poison_row_fails_alone_and_the_others_start_afresh(engine: HFWriter):
    good = [row([5, 6, 7, seed], seed) for seed in range(3)]
    poison = row([10**6])

    async def run() -> list[BaseException | None]:
        return await asyncio.gather(*(engine.write([one]) for one in (*good, poison)), return_exceptions=True)

    *fine, failure = asyncio.run(run())
    assert fine == [None] * 3 and isinstance(failure, ExceptionGroup)
    assert engine.meter.total.generated == sum(len(ids_of(one.steps)) for one in good)
    assert engine.meter.abandoned.generated == 0


def test_a_failure_in_mid_batch_is_counted_as_abandoned(engine: HFWriter):
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
    assert all(len(ids_of(one.steps)) == one.cost.generated for one in rows if one.cost)


def test_a_cancelled_row_stops_at_its_next_token_and_disturbs_nobody(engine: HFWriter):
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
    assert ids_of(other.steps) == ids_of(alone.steps)
    assert engine.meter.abandoned == doomed.cost
    assert engine.meter.total.generated == before.generated + doomed.cost.generated + len(ids_of(other.steps))


def test_cancelling_all_rows_ends_the_batch(engine: HFWriter):
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


@pytest.mark.slow
def test_ctrl_c_ends_the_process_within_a_token(random_policy: str):
    """At the fifth token; a slow machine may draw a few more before the main thread gets the signal."""
    command = [sys.executable, "-c", INTERRUPTED, random_policy]
    process = subprocess.run(command, capture_output=True, text=True, timeout=patience(100), check=False)
    assert process.returncode != 0 and "KeyboardInterrupt" in process.stderr
    assert 5 <= process.stdout.count("token") < 50


def test_a_row_that_starts_beyond_its_limits_still_ends(engine: HFWriter):
    one = Row([5, 6], 0, Sampling(), Limits(max_tokens=10), 3, 12, None)
    asyncio.run(engine.write([one]))
    assert len(ids_of(one.steps)) == 1 and one.steps[0].truncated


def test_a_boundary_rule_that_fails_reaches_no_other_row(random_policy: str):
    """In the middle of a step, or at a given token before anything is written."""

    class Picky:
        def watch(self) -> Any:
            def ends(token: Token) -> bool:
                if token.id == 99 or token.count == 5:
                    raise RuntimeError("I do not like it")
                return False

            return ends

    engine = HFWriter(random_policy, "cpu", "float32", 8, Picky())
    rows = [row([5, 6, 7], seed, max_tokens) for seed, max_tokens in enumerate((4, 4, 20))]
    rows.append(Row([5, 99], 0, Sampling(), Limits(max_tokens=4), 0, 0, None, given=(99,)))

    async def run() -> list[Any]:
        return await asyncio.gather(*(engine.write([one]) for one in rows), return_exceptions=True)

    fine, also_fine, late, early = asyncio.run(run())
    assert fine is also_fine is None and [len(ids_of(one.steps)) for one in rows[:2]] == [4, 4]
    for failure in (late, early):
        assert isinstance(failure, ExceptionGroup) and "do not like" in str(failure.exceptions[0])
    assert engine.meter.abandoned.generated == 5 and engine.meter.total.generated == 4 + 4 + 5
