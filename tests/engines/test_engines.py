"""The contract of an engine: the same tests on Transformers and, where it is installed, on vLLM.

`make test-vllm` runs them in an environment that has vLLM; elsewhere its half is skipped. All in single precision.
"""

import asyncio
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from policies.engines.models import ModelError, locate
from policies.engines.prompt import encode_question
from policies.hf import HF
from policies.writing import Writing
from scorers.prm import PRM
from search import BestOfN, End, Job, Tree
from tests.models import QUESTIONS, extend, full_pass, ids_of, random_paths, run_all, together


@cache
def plain_model() -> Any:
    return AutoModelForCausalLM.from_pretrained(locate("tiny"), dtype=torch.float32)


def written_by_transformers(question: str, system_prompt: str) -> tuple[list[int], torch.Tensor]:
    """Greedy token ids of plain Transformers, and the log-softmax that each was taken from."""
    tokenizer = HF(dtype="float32").engine.tokenizer
    model = plain_model()
    prompt = torch.tensor([encode_question(tokenizer, question, system_prompt)])
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=300)
    with torch.no_grad():
        logits = model(out).logits[0, prompt.shape[1] - 1 : -1]
    return out[0, prompt.shape[1] :].tolist(), logits.log_softmax(-1)


def test_greedy_is_what_transformers_writes(policy: Writing):
    """Prompts of four lengths that share a batch, each against Transformers by itself."""
    greedy = replace(policy, temperature=0)
    for question, steps in zip(QUESTIONS, together(greedy, [(question, 7) for question in QUESTIONS]), strict=True):
        theirs, logprobs = written_by_transformers(question, greedy.system_prompt)
        assert ids_of(steps) == theirs
        ours = [value for step in steps for value in step.logprobs]
        assert ours == pytest.approx(logprobs.gather(1, torch.tensor(theirs)[:, None])[:, 0].tolist(), abs=1e-4)


@pytest.mark.parametrize("question", QUESTIONS)
def test_step_by_step_is_the_whole_solution(policy: Writing, question: str):
    greedy, node = replace(policy, temperature=0), Tree(question).root
    (whole,) = extend(greedy, question, [1]).continuations
    for expected in whole:
        ((step,),) = extend(greedy, node, [1], max_steps=1).continuations
        assert (step.token_ids, step.text, step.end) == (expected.token_ids, expected.text, expected.end)
        node = node.add(node.reserve(1).start, step)
    assert node.finished


def test_two_steps_at_once_are_two_steps(policy: Writing):
    greedy = replace(policy, temperature=0)
    (whole,) = extend(greedy, QUESTIONS[2], [1]).continuations
    (two,) = extend(greedy, QUESTIONS[2], [1], max_steps=2).continuations
    assert [step.token_ids for step in two] == [step.token_ids for step in whole[:2]]


@pytest.mark.parametrize(
    ("limits", "end", "count"),
    [
        ({"max_tokens": 9}, End.MAX_TOKENS, 9),
        ({"max_steps": 2}, End.MAX_STEPS, None),
        ({"max_step_tokens": 4, "max_tokens": 10}, End.MAX_TOKENS, 10),
    ],
)
@pytest.mark.parametrize("max_steps", [None, 1])
def test_limits_end_a_path_whether_it_is_written_at_once_or_step_by_step(
    policy: Writing, limits: dict[str, int], end: End, count: int | None, max_steps: int | None
):
    limited, node = replace(policy, temperature=0, **limits), Tree(QUESTIONS[3]).root
    while node.open:
        (steps,) = extend(limited, node, [3], max_steps).continuations
        for step in steps:
            node = node.add(node.reserve(1).start, step)
    assert node.step is not None and node.step.end is end
    assert count is None or len(node.token_ids()) == count
    assert all(len(step.token_ids) <= limited.max_step_tokens for step in node.steps())
    assert len(node.steps()) <= limited.max_steps


@pytest.mark.parametrize("max_steps", [None, 1])
@pytest.mark.parametrize("place", ["within a step", "across two steps", "a special token"])
def test_a_stop_ends_a_solution_at_the_same_place_at_once_and_step_by_step(
    policy: Writing, place: str, max_steps: int | None
):
    greedy, node = replace(policy, temperature=0), Tree(QUESTIONS[3]).root
    whole = [step.text for step in extend(greedy, QUESTIONS[3], [3]).continuations[0]]
    text, first = "".join(whole), len(whole[0])
    begin = first + 4 if place == "within a step" else first - 1
    stop = "<|im_end|>" if place == "a special token" else text[begin : begin + 5]
    while node.open:
        for step in extend(replace(greedy, stop=[stop]), node, [3], max_steps).continuations[0]:
            node = node.add(node.reserve(1).start, step)
    expected = text.partition(stop)[0] if place != "across two steps" else whole[0]
    assert node.step is not None and node.step.closing and node.step.end is End.EOS
    assert node.text() == expected and (stop not in node.text())


def test_a_seed_is_a_sample(policy: Writing):
    hard = "((-5 + 9 * -4 - 0) * (4 + -7 + 4 * -5) + (3 * -6 - 7 * 8)) ="
    first, again, *others = extend(policy, hard, [5, 5, *range(10, 26)]).continuations
    assert ids_of(first) == ids_of(again)
    assert len({tuple(ids_of(steps)) for steps in others}) > 8


def test_cost_counts_the_prompt_and_what_was_written(policy: Writing):
    extension = extend(policy, QUESTIONS[2], [1, 2, 3])
    prompt = len(encode_question(policy.engine.tokenizer, QUESTIONS[2], policy.system_prompt))
    kept = sum(len(ids_of(steps)) for steps in extension.continuations)
    assert extension.question_tokens == prompt
    assert extension.cost.computed + extension.cost.cached == 3 * prompt
    assert extension.cost.generated >= kept
    assert extension.cost.flops is not None and extension.cost.flops > 0
    assert extension.cost.calls == 1


def test_a_question_too_long_fails_alone(policy: Writing, prm: PRM):
    long = f"({' + '.join(['1'] * 5000)}) ="
    ended = {s.job.question: s for s in run_all([Job(q, BestOfN(2), policy, prm) for q in (long, QUESTIONS[1])])}
    assert isinstance(ended[long].error, ValueError) and "shorten the question" in str(ended[long].error)
    assert ended[QUESTIONS[1]].error is None and ended[QUESTIONS[1]].tree.ledger.samples == 2


def test_a_model_that_is_not_there_is_a_clear_error(policy: Writing, prm: PRM):
    with pytest.raises(ModelError, match="there is no folder"):
        replace(policy, model="./no/such/folder").load()
    with pytest.raises(ModelError, match="there is no folder"):
        replace(prm, model="./no/such/folder").load()
    with pytest.raises(ModelError, match="scorer=lm_head_prm reads it"):
        replace(prm, model="tiny").load()


# scores


def test_scores_of_a_random_tree_are_those_of_a_full_pass(prm: PRM):
    for path in random_paths(0):
        (score,) = asyncio.run(prm.score(QUESTIONS[3], path, len(path) - 1)).scores
        assert score == pytest.approx(full_pass(QUESTIONS[3], path)[-1], abs=1e-4)


def test_a_whole_solution_is_scored_at_once(prm: PRM):
    path = max(random_paths(2), key=len)
    for since in (0, 1, len(path) - 1):
        scores = asyncio.run(prm.score(QUESTIONS[3], path, since)).scores
        assert scores == pytest.approx(full_pass(QUESTIONS[3], path)[since:], abs=1e-4)


def test_many_at_once_are_each_scored_as_if_alone(prm: PRM):
    paths = random_paths(3)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(prm.score(QUESTIONS[3], path, 0) for path in paths))

    for path, scored in zip(paths, asyncio.run(all_at_once()), strict=True):
        assert scored.scores == pytest.approx(full_pass(QUESTIONS[3], path), abs=1e-4)
