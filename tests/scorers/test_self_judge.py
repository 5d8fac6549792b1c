"""The policy's weights as the judge: known probabilities, one model, the policy's own tokens before the question."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from policies.hf import HF
from policies.toy import Toy as ToyPolicy
from policies.vllm import VLLM
from scorers.checks import Checks
from scorers.conformance import check_scorer
from scorers.custom import adapt
from scorers.ensemble import Ensemble
from scorers.self_judge import PROMPT, Judging, SelfJudge
from search import Beam, BestOfN, KnobError, Rule, Scored, Selection, Step, solve
from search.protocols import joined
from search.tree.cost import NOTHING, Budget
from tests.engines.stub import Stub
from tests.models import QUESTIONS, SERVED, extend, vllm

QUESTION = QUESTIONS[0]


@pytest.fixture(scope="module")
def policy(random_policy: str) -> HF:
    return HF(random_policy, delimiter=" + ", max_steps=4, max_step_tokens=8, max_tokens=20)


@pytest.fixture(scope="module")
def judge(policy: HF) -> Judging:
    return SelfJudge().with_policy(policy)


def prompts(policy: HF, steps: Any) -> list[list[int]]:
    """What the model reads for each step, written out."""
    encode = policy.tokenizer.encode
    question = list(policy.prompting.encode(policy.tokenizer, QUESTION))
    turn = encode(f"<|im_end|><|im_start|>{PROMPT}<|im_end|>", add_special_tokens=False)
    paths = [[i for step in steps[: place + 1] for i in step.inner_token_ids] for place in range(len(steps))]
    return [[*question, *path, *turn] for path in paths]


def test_it_is_the_share_of_yes(policy: HF, judge: Judging) -> None:
    (steps,) = extend(policy, QUESTION, [1]).continuations
    assert len(steps) > 1
    scored = asyncio.run(judge.score(QUESTION, steps, 0))
    yes, no = (policy.tokenizer.encode(word)[-1] for word in ("Yes", "No"))
    for ids, score in zip(prompts(policy, steps), scored.scores, strict=True):
        logits = policy.engine.model(torch.tensor([ids])).logits[0, -1].double()
        assert score == pytest.approx(logits[[yes, no]].softmax(0)[0].item(), abs=1e-5)
    assert scored.cost.computed == sum(map(len, prompts(policy, steps))) and scored.cost.calls == len(steps)
    (last,) = asyncio.run(judge.score(QUESTION, steps, len(steps) - 1)).scores
    assert last == pytest.approx(scored.scores[-1], abs=1e-5)


def test_the_model_is_loaded_once(policy: HF, judge: Judging, monkeypatch: pytest.MonkeyPatch) -> None:
    reader: Any = judge.reader
    assert reader.decoder is policy.engine.model.base_model
    assert SelfJudge().with_policy(policy).reader is reader, "searches share its batches"
    assert SelfJudge(yes="1").with_policy(policy).reader is not reader


def test_it_keeps_a_scorers_promises(judge: Judging) -> None:
    check_scorer(judge, tolerance=1e-4)


@pytest.mark.parametrize("limit", [Budget(), Budget(flops=3e7)])
def test_a_search_joins_it_to_its_policy(policy: HF, limit: Budget) -> None:
    for scorer in (SelfJudge(), Ensemble((SelfJudge(), Checks()))):
        tree = asyncio.run(solve(QUESTION, Beam(n=2, branch=2), policy, scorer, limit))
        assert all(0 < (node.score or 0) < 1 for node in tree.nodes() if node.step)
        assert tree.ledger.scorer_calls > 0 and tree.ledger.flops is not None


def test_it_judges_what_another_scorer_guided() -> None:
    tree = asyncio.run(solve(QUESTION, BestOfN(n=1), HF(temperature=0), Checks(), second=SelfJudge()))
    assert tree.ledger.scorer_calls > 0 and Selection(Rule.BEST, by="second")(tree).answer


def test_a_policy_without_a_model_of_its_own_is_refused() -> None:
    with pytest.raises(KnobError, match=r"Toy runs none; choose policy=hf or policy=vllm"):
        asyncio.run(solve(QUESTION, BestOfN(n=1), ToyPolicy(), SelfJudge()))
    with pytest.raises(KnobError, match="Toy runs none"):
        joined(Ensemble((Checks(), SelfJudge())), ToyPolicy())
    with pytest.raises(KnobError, match="there is no policy here"):
        asyncio.run(SelfJudge().score(QUESTION, [Step("1")], 0))
    with pytest.raises(KnobError, match=r"SelfJudge.prompt is empty"):
        SelfJudge(prompt=" ")


class Named:
    """A plug-in that says who wrote what it judges."""

    kind = "correctness"

    def __init__(self, score: float = 0.0) -> None:
        self.worth = score

    def with_policy(self, policy: Any) -> "Named":
        return Named(1.0 if type(policy) is HF else 0.5)

    async def score(self, question: str, steps: Any, since: int) -> Scored:
        return Scored([self.worth] * (len(steps) - since), NOTHING)


def test_a_plug_in_may_know_the_policy(policy: HF) -> None:
    tree = asyncio.run(solve(QUESTION, BestOfN(n=1), policy, adapt(Named())))
    assert {node.score for node in tree.nodes() if node.step} == {1.0}


def test_a_solution_that_fills_the_context_is_an_error(judge: Judging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge.reader, "context", 100)
    with pytest.raises(ValueError, match=r"takes \d+ tokens with the question about it"):
        asyncio.run(judge.score(QUESTION, [Step("1 + " * 100)], 0))


def test_what_looks_like_a_special_token_is_text(policy: HF) -> None:
    judge = SelfJudge(prompt="<|im_end|>").with_policy(policy)
    (ids,) = judge._texts(QUESTION, [Step("<|im_end|>")], 0)  # pyright: ignore[reportPrivateUsage]
    end = policy.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert ids.count(end) == policy.prompting.encode(policy.tokenizer, QUESTION).count(end) + 2


@pytest.fixture
def server() -> Iterator[Stub]:
    pytest.importorskip("aiohttp")
    stub = Stub()
    yield stub
    stub.close()


def test_on_vllm_it_asks_the_policys_server(server: Stub) -> None:
    policy = VLLM(url=[server.url], max_tokens=30, max_step_tokens=10, max_steps=3)
    tree = asyncio.run(solve(QUESTIONS[3], Beam(n=2, branch=2), policy, SelfJudge()))
    asked = [body.get("sampling_params", body) for _, body in server.asked if body.get("cache_salt") != "probe"]
    judging = [params for params in asked if params.get("logprob_token_ids")]
    assert len(judging) == tree.ledger.scorer_calls > 0 and tree.ledger.scorer_tokens_cached > 0
    yes, no = (policy.tokenizer.encode(word)[-1] for word in ("Yes", "No"))
    assert all(params["logprob_token_ids"][:2] == [yes, no] for params in judging)


@vllm
def test_on_vllm_it_is_what_transformers_says() -> None:
    policy = VLLM(dtype="float32", temperature=0, **SERVED)
    try:
        (steps,) = extend(policy, QUESTION, [1]).continuations
        here = asyncio.run(SelfJudge().with_policy(HF(temperature=0)).score(QUESTION, steps, 0))
        there = asyncio.run(SelfJudge().with_policy(policy).score(QUESTION, steps, 0))
        assert list(there.scores) == pytest.approx(list(here.scores), abs=1e-3)
    finally:
        policy.engine.server.close()
