"""Steps that end where the policy is unsure (policy.step_confidence): by hand, against brute force, in a search."""

import asyncio
import math
from typing import Any

import pytest

from policies.engines.boundary import Token, Unsure
from policies.engines.vllm_writer import CHUNK
from policies.hf import HF
from scorers.self_certainty import SelfCertainty
from search import Beam, End, KnobError, Rule, Selection, Tree, solve
from tests.engines.served_searches import policy_on
from tests.models import QUESTIONS, extend, ids_of


def ended(*tokens: tuple[str, float]) -> list[str]:
    """The steps that the rule makes of texts with probabilities, the last one unended."""
    steps, rule = [""], Unsure(0.5)
    ends = rule.watch()
    for text, probability in tokens:
        steps[-1] += text
        if ends(Token(0, text, math.log(probability), None, 1)):
            steps.append("")
            ends = rule.watch()
    return steps


def test_a_step_ends_with_an_unsure_token_and_not_at_a_delimiter() -> None:
    assert ended(("a", 0.4), ("b", 0.5), ("\n\n", 0.9), ("c", 0.1), ("d", 1.0)) == ["a", "b\n\nc", "d"]


def test_a_box_is_not_divided_and_ends_its_step() -> None:
    assert ended(("a", 0.9), ("\\boxed", 0.1), ("{", 0.1), ("1", 0.1), ("{2}", 0.1), ("}", 0.9), ("b", 1.0)) == [
        "a\\boxed{1{2}}",
        "b",
    ]
    assert ended(("\\boxed{}", 0.9), ("a", 0.9), ("b", 0.4), ("c", 0.9)) == ["\\boxed{}ab", "c"], "it is no answer"


@pytest.fixture(scope="module")
def whole() -> list[Any]:
    """A sampled solution of the small policy, in steps that end at the delimiter."""
    return list(extend(HF(dtype="float32"), QUESTIONS[3], [7]).continuations[0])


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_the_same_tokens_in_other_steps(whole: list[Any], share: float) -> None:
    """The threshold leaves so many of the tokens below it; each of those outside of the box ends a step."""
    logprobs = [logprob for step in whole for logprob in step.logprobs]
    below = max(2, round(share * len(logprobs)))
    confidence = math.exp(sorted(logprobs)[below] - 1e-4)
    policy = HF(dtype="float32", step_confidence=confidence)
    (steps,) = extend(policy, QUESTIONS[3], [7]).continuations
    assert ids_of(steps) == ids_of(whole)[: len(ids_of(steps))] and steps[-1].finished
    for step in steps:
        inner = [logprob for logprob in step.logprobs[:-1] if logprob < math.log(confidence)]
        assert not inner or "\\boxed" in step.text
        assert step.end is not End.DELIMITER or step.logprobs[-1] < math.log(confidence)
    assert len(steps) > 1


def test_a_beam_runs_on_them() -> None:
    policy = HF(dtype="float32", step_confidence=0.9, max_tokens=150, max_steps=100)
    tree: Tree = asyncio.run(solve("(1 + 2) =", Beam(n=4, branch=2), policy, SelfCertainty()))
    assert Selection(Rule.MAJORITY)(tree).answer == "3"
    steps = [node.step for node in tree.nodes() if node.step]
    assert tree.ledger.generated_tokens == sum(step.generated for step in steps)
    assert all(step.logprobs[-1] < math.log(0.9) for step in steps if step.end is End.DELIMITER)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("max_steps", [1, 2, None])
def test_on_vllm_the_surplus_of_a_request_is_charged(stub: Any, max_steps: int | None) -> None:
    """A stand-in for its server, whose tokens have probabilities between 0.14 and 1."""
    pytest.importorskip("aiohttp")
    server = stub()
    policy = policy_on(server, step_confidence=0.2)
    extension = extend(policy, QUESTIONS[1], range(12), max_steps)
    assert extension.cost.generated == server.counted["generated"]
    written = sum(step.generated for steps in extension.continuations for step in steps)
    assert written <= extension.cost.generated and (written < extension.cost.generated) == (max_steps is not None)
    asked = [body.get("sampling_params", body)["max_tokens"] for _, body in server.asked]
    assert max_steps is None or max(asked) <= CHUNK
    ends = [step for steps in extension.continuations for step in steps if step.end is End.DELIMITER]
    assert ends and all(step.logprobs[-1] < math.log(0.2) for step in ends)


@pytest.mark.parametrize("confidence", [0.0, 1.1, math.nan])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(KnobError, match=r"HF.step_confidence is .*; it must be > 0 and <= 1"):
        HF(step_confidence=confidence)
