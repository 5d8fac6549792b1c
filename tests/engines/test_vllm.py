"""What only vLLM can get wrong: seeds under load, the cache, memory, counters, the death of its process."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from transformers import Qwen2ForCausalLM

from policies.engines import vllm as runtime
from policies.engines.boundary import Delimiter
from policies.engines.share import Engine, Share
from policies.vllm import VLLM
from scorers.critic import Critic
from scorers.implicit import Implicit
from scorers.prm import PRM
from search import Beam, BestOfN, Budget, Job, Kind, ScoreError, Step, Tree
from search.solve import search_id
from search.tree.randomness import key
from tests.command_line import result_lines, stopped
from tests.models import QUESTIONS, SERVED, extend, full_pass, ids_of, random_paths, run_all, save_random, vllm
from tests.scorers.formats import QUESTION, TEXTS, make

POLICY = VLLM(dtype="float32", **SERVED)  # the same engine as the contract suite's
JUDGE = PRM(engine=Engine.VLLM, dtype="float32", **SERVED)


@vllm
def test_500_seeded_prompts_at_once():
    """Under load vLLM may read a prompt in parts, which would crash a seeded request on CPU."""

    async def all_at_once() -> list[Any]:
        questions = [f"(({i % 10} + {i // 10 % 10}) * ({i // 100} - 5 + 2 * 3) + (7 * 8 - 2)) =" for i in range(500)]
        asked = [POLICY.extend(Tree(q).root, 1, 1, [key("load", q)]) for q in questions]
        return await asyncio.gather(*asked)

    extensions = asyncio.run(all_at_once())
    assert len(extensions) == 500
    assert all(ids_of(extension.continuations[0]) for extension in extensions)


@vllm
def test_steps_read_only_what_is_new_of_a_path():
    """What a step costs is what is new and the rest of the last whole block, of 32 tokens on CPU and 16 on a GPU."""
    path, reader = max(random_paths(4), key=len), JUDGE.reader
    block = reader.server.block  # pyright: ignore[reportAttributeAccessIssue]

    async def step_by_step() -> None:
        search_id.set("only what is new")
        for count in range(1, len(path) + 1):
            scored = await JUDGE.score(QUESTIONS[3], path[:count], count - 1)
            ids, tags = JUDGE.form.encode(JUDGE.reader.tokenizer, QUESTIONS[3], [s.text.strip() for s in path[:count]])
            before = tags[-2] + 1 if count > 1 else 0
            assert scored.cost.computed == len(ids) - before // block * block
            assert scored.cost.computed + scored.cost.cached == len(ids)

    asyncio.run(step_by_step())


@vllm
@pytest.mark.parametrize(
    "name", ["token_classification", "lm_head_prm, a text", "outcome, a classifier", "outcome, Qwen2.5-Math-RM"]
)
def test_every_format_scores_as_on_transformers(name: str, tmp_path: Path):
    """All at once, then step by step, which reads from the cache what the same search has read before."""
    scorer = make(name, tmp_path)
    served: Any = replace(scorer, engine=Engine.VLLM, dtype="float32", **SERVED)
    steps = [Step(text + "\n\n") for text in TEXTS]
    first = len(steps) - 1 if scorer.kind is Kind.OUTCOME else 0
    expected = asyncio.run(scorer.score(QUESTION, steps, first)).scores
    try:
        assert asyncio.run(served.score(QUESTION, steps, first)).scores == pytest.approx(expected, abs=1e-4)
        search_id.set(name)
        one_by_one = [asyncio.run(served.score(QUESTION, steps[: n + 1], n)) for n in range(first, len(steps))]
        assert [s.scores[0] for s in one_by_one] == pytest.approx(expected, abs=1e-4)
        assert len(one_by_one) == 1 or one_by_one[-1].cost.cached >= 16
        assert all(s.cost.calls == 1 and s.cost.flops for s in one_by_one)
    finally:
        served.reader.server.close()


@vllm
def test_implicit_rewards_are_as_on_transformers(tmp_path: Path):
    folders = [save_random(Qwen2ForCausalLM, tmp_path / str(seed), seed) for seed in (5, 6)]
    scorer = Implicit(model=folders[0], reference=folders[1], beta=0.5, dtype="float32")
    served = replace(scorer, engine=Engine.VLLM, **SERVED)
    steps = [Step(text + "\n\n") for text in TEXTS]
    try:
        for since in (0, 2):
            ours, theirs = (asyncio.run(each.score(QUESTION, steps, since)) for each in (served, scorer))
            assert ours.scores == pytest.approx(theirs.scores, abs=1e-3)
            assert ours.cost.computed + ours.cost.cached == theirs.cost.computed and ours.cost.flops
    finally:
        for reader in served.readers:
            reader.server.close()  # pyright: ignore[reportAttributeAccessIssue]


@vllm
def test_critiques_are_written_and_paid_for():
    """The small policy has no words for a verdict, which is an error; what it wrote is on its engine's meter."""
    critic = Critic(model="tiny", engine=Engine.VLLM, dtype="float32", max_tokens=8, samples=2, **SERVED)
    before = critic.writer.meter.total.generated
    with pytest.raises(ScoreError, match="none of 2 critiques of step 1 ends with a verdict"):
        asyncio.run(critic.score(QUESTIONS[0], [Step("1 + 1 = 2")], 0))
    assert 2 <= critic.writer.meter.total.generated - before <= 16


@vllm
def test_scores_hold_after_the_cache_was_emptied():
    reader: Any = JUDGE.reader
    path = max(random_paths(5), key=len)
    half = len(path) // 2
    asyncio.run(JUDGE.score(QUESTIONS[3], path[:half], 0))
    asyncio.run(reader.server.run(reader.server.llm.reset_prefix_cache()))
    scored = asyncio.run(JUDGE.score(QUESTIONS[3], path, half))
    assert scored.cost.cached == 0
    assert scored.scores == pytest.approx(full_pass(QUESTIONS[3], path)[half:], abs=1e-4)


@vllm
def test_scores_that_others_cached_are_read_again():
    """Somebody asked for this prefix and was cancelled: its tags are in the cache, but nobody has their scores."""
    path = max(random_paths(6), key=len)
    asyncio.run(JUDGE.score(QUESTIONS[3], path, 0))
    scored = asyncio.run(JUDGE.score(QUESTIONS[3], path, 0))
    assert scored.scores == pytest.approx(full_pass(QUESTIONS[3], path), abs=1e-4)


@vllm
def test_scores_hold_under_memory_pressure(monkeypatch: pytest.MonkeyPatch):
    """A cache of 26 blocks and fifty readings at once, each admitted with its first block: most are preempted."""
    counted: Counter[str] = Counter()
    arguments, parts = runtime.engine_arguments, {"long_prefill_token_threshold": 32, "max_num_batched_tokens": 512}
    monkeypatch.setattr(runtime, "engine_arguments", lambda *of: arguments(*of) | parts)
    monkeypatch.setattr(runtime, "Server", partial(runtime.Server, stat_loggers=[counter(counted)]))
    small = replace(JUDGE, cache_gb=0.006, context=512, max_num_seqs=64)
    paths = [path for seed in range(7, 12) for path in random_paths(seed)][:50]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(small.score(QUESTIONS[3], path, 0) for path in paths))

    for path, scored in zip(paths, asyncio.run(all_at_once()), strict=True):
        assert scored.scores == pytest.approx(full_pass(QUESTIONS[3], path), abs=1e-4)
    assert counted["preempted"] > 0, "the cache was not too small"


@vllm
def test_the_meter_is_vllms_own_count():
    """On an engine of its own, whose counters start at zero; also where searches are cancelled."""
    from policies.engines.vllm_writer import VLLMWriter

    counted: Counter[str] = Counter()
    share = Share(cache_gb=0.2, **SERVED)
    server = runtime.Server("tiny", "float32", share, "generate", stat_loggers=[counter(counted)])
    writer = VLLMWriter(server, Delimiter())
    policy = replace(POLICY)
    policy.__dict__["engine"] = writer
    try:
        solved = run_all([Job(q, searcher, policy, JUDGE) for q in QUESTIONS for searcher in (BestOfN(4), Beam(4, 2))])
        ledgers = [one.tree.ledger for one in solved]
        assert (
            sum(ledger.generated_tokens for ledger in ledgers) == counted["generated"] == writer.meter.total.generated
        )
        assert sum(ledger.prompt_tokens_cached for ledger in ledgers) == counted["hits"]
        computed = sum(ledger.prompt_tokens_computed for ledger in ledgers)
        assert computed == counted["queries"] - counted["hits"]
        jobs = [Job(q, BestOfN(8), policy, JUDGE, Budget(seconds=s)) for q in QUESTIONS for s in (0.02, 0.1, 0.3)]
        stopped = [one.tree for one in run_all(jobs)]
        assert "budget" in {tree.stopped for tree in stopped}
        written = sum(tree.ledger.generated_tokens for tree in stopped) + sum(one.generated_tokens for one in ledgers)
        assert written == counted["generated"] == writer.meter.total.generated and not writer.meter.abandoned.generated
    finally:
        writer.server.close()


@vllm
def test_an_engines_death_is_a_clear_error():
    from policies.engines.vllm_writer import VLLMWriter

    before = children()
    writer = VLLMWriter(runtime.Server("tiny", "float32", Share(cache_gb=0.2, **SERVED), "generate"), Delimiter())
    policy = replace(POLICY)
    policy.__dict__["engine"] = writer
    assert ids_of(extend(policy, QUESTIONS[1], [1]).continuations[0])
    for process in children() - before:
        os.kill(process, signal.SIGKILL)
    with pytest.raises(runtime.EngineDied, match=r"(?s)has ended\. Its log:.*all of it: "):
        extend(policy, QUESTIONS[1], [2])
    writer.server.close()
    with pytest.raises(runtime.EngineDied, match="was closed"):
        extend(policy, QUESTIONS[1], [2])


@vllm
def test_an_engine_that_has_ended_is_started_anew():
    share = Share(context=256, cache_gb=0.05)
    first = runtime.shared("tiny", "float32", share, "generate")
    assert runtime.shared("tiny", "float32", share, "generate") is first
    first.close()
    second = runtime.shared("tiny", "float32", share, "generate")
    assert second is not first and second.alive
    second.close()


@vllm
def test_ctrl_c_ends_a_sweep_and_keeps_what_has_ended(tmp_path: Path):
    """A terminal sends it to the engine's process too, which must not die of it."""
    results = tmp_path / "run" / "results.jsonl"
    words = "policy=vllm scorer=self budgets=16 problems.limit=60 out=run"
    words += " policy.context=1024 policy.cache_gb=0.2 policy.gpu_memory=0.1"
    began = lambda: bool(result_lines(tmp_path / "run"))  # noqa: E731
    ended = stopped(["sweep", *words.split()], tmp_path, signal.SIGINT, began, timeout=300)
    assert ended.returncode == 130, ended.stderr
    assert "interrupted: " in ended.stderr and "Traceback" not in ended.stderr
    assert 1 <= len(results.read_text().splitlines()) < 300


def children() -> set[int]:
    """All processes below this one."""
    import psutil  # pyright: ignore[reportMissingModuleSource]

    return {process.pid for process in psutil.Process().children(recursive=True)}


def counter(counted: Counter[str]) -> Any:
    """A stat logger of vLLM that adds up its own counts."""
    from vllm.v1.metrics.loggers import StatLoggerBase  # pyright: ignore[reportMissingImports]

    class Counting(StatLoggerBase):
        def __init__(self, vllm_config: Any, engine_index: int = 0) -> None: ...
        def log_engine_initialized(self) -> None: ...

        def record(self, scheduler_stats: Any, iteration_stats: Any, *rest: Any, **more: Any) -> None:
            if iteration_stats:
                counted["generated"] += iteration_stats.num_generation_tokens
                counted["preempted"] += iteration_stats.num_preempted_reqs
            if scheduler_stats:
                counted["queries"] += scheduler_stats.prefix_cache_stats.queries
                counted["hits"] += scheduler_stats.prefix_cache_stats.hits

    return Counting
