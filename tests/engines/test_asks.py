"""What one request may ask of a policy, what each continuation costs, and at most: the same on both engines."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from policies.engines.prompt import encode_given, encode_question, with_sources
from policies.engines.rows import Row
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from search import Ask, End, KnobError, Node, Step, Tree
from search.protocols import check_extension
from search.tree.cost import NOTHING
from tests.models import QUESTIONS, SERVED, extend, ids_of, vllm

QUESTION = QUESTIONS[3]


@pytest.fixture(scope="module", params=["hf", pytest.param("vllm", marks=vllm)])
def policy(request: pytest.FixtureRequest) -> Writing:
    return HF(dtype="float32") if request.param == "hf" else VLLM(dtype="float32", **SERVED)


@pytest.fixture
def greedy(policy: Writing) -> Writing:
    return replace(policy, temperature=0)


@pytest.fixture
def rows(policy: Writing, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """All rows that are sent to the engine."""
    sent: list[Row] = []
    write = policy.engine.write

    async def watched(asked: Sequence[Row]) -> None:
        sent.extend(asked)
        await write(asked)

    monkeypatch.setattr(policy.engine, "write", watched)
    return sent


def question_ids(policy: Writing, message: str = QUESTION) -> list[int]:
    return encode_question(policy.engine.tokenizer, message, policy.system_prompt)


def grown(*steps: Step) -> Node:
    node = Tree(QUESTION).root
    for step in steps:
        node = node.add(node.reserve(1).start, step)
    return node


# costs


@pytest.mark.parametrize("max_steps", [1, None])
def test_each_continuation_has_its_own_cost(policy: Writing, max_steps: int | None):
    extension = extend(policy, QUESTION, range(5), max_steps)
    check_extension(extension, 5, max_steps, Tree(QUESTION).root)
    assert sum(extension.costs, NOTHING) == extension.cost and [cost.calls for cost in extension.costs] == [
        1,
        0,
        0,
        0,
        0,
    ]
    for steps, cost in zip(extension.continuations, extension.costs, strict=True):
        assert cost.computed + cost.cached == len(question_ids(policy)) and cost.flops
        assert cost.generated >= len(ids_of(steps))
        assert cost.generated == len(ids_of(steps)) or (max_steps is None and isinstance(policy, VLLM))


@pytest.mark.parametrize("limits", [{}, {"max_tokens": 37}, {"max_step_tokens": 5}, {"max_steps": 2}])
@pytest.mark.parametrize("max_steps", [1, 2, None])
def test_no_continuation_costs_more_than_the_worst_case(policy: Writing, max_steps: int | None, limits: dict[str, int]):
    limited, node = replace(policy, **limits), Tree(QUESTION).root
    for _ in range(3):
        worst = limited.worst_case(node, max_steps)
        extension = extend(limited, node, range(4), max_steps)
        for cost in extension.costs:
            assert cost.generated <= worst.generated and cost.computed <= worst.computed
            assert cost.flops and worst.flops and cost.flops <= worst.flops
        if max_steps is None or not extension.continuations[0][-1].open:
            break
        for step in extension.continuations[0]:
            node = node.add(node.reserve(1).start, step)


def test_the_worst_case_is_what_limits_and_context_leave(policy: Writing):
    limited = replace(policy, max_tokens=100, max_step_tokens=30, max_steps=4)
    node, prompt = grown(Step("a", (5,) * 20), Step("b", (5,) * 20, given=5)), len(question_ids(policy))
    worst = [limited.worst_case(node, max_steps) for max_steps in (1, 2, 5, None)]
    assert [cost.generated for cost in worst] == [30, 60, 60, 60]
    assert worst[0].computed == prompt + 40 and worst[0].calls == 1
    assert replace(limited, max_steps=40).worst_case(node, None).generated == 100 - 35
    room = policy.engine.context - prompt - 40
    assert replace(policy, max_tokens=10**6, max_step_tokens=10**6).worst_case(node, 1).generated == room
    assert limited.worst_case(grown(Step("", (5,) * policy.engine.context)), None).generated == 1, "no room at all"


# what a request asks


@pytest.mark.parametrize("max_steps", [1, None])
def test_a_continuation_is_cut_at_the_tokens_that_are_asked_for(greedy: Writing, max_steps: int | None):
    node = grown(*extend(greedy, QUESTION, [0]).continuations[0][:1])
    for most, own in ((4, 2048), (9, 4 + len(node.token_ids()))):
        extension = extend(replace(greedy, max_tokens=own), node, [0], max_steps, max_tokens=most)
        (steps,) = extension.continuations
        assert len(ids_of(steps)) == extension.cost.generated == 4 and steps[-1].end is End.MAX_TOKENS


def test_a_temperature_is_the_requests_own(policy: Writing, greedy: Writing):
    expected = extend(greedy, QUESTION, [0]).continuations[0]
    assert [ids_of(steps) for steps in extend(policy, QUESTION, [3, 4], temperature=0).continuations] == [
        ids_of(expected)
    ] * 2
    assert len({tuple(ids_of(steps)) for steps in extend(greedy, QUESTION, range(9), temperature=2).continuations}) > 1


def test_a_continuation_goes_on_from_what_is_given(greedy: Writing, rows: list[Row]):
    """Given the beginning of its own greedy solution, the policy writes the rest of it."""
    whole = extend(greedy, QUESTION, [0]).continuations[0]
    first = whole[0]
    count = next(
        n for n in range(2, len(first.token_ids)) if _given(greedy, _text(greedy, first, n)) == first.token_ids[:n]
    )
    text = _text(greedy, first, count)
    for max_steps, expected in ((1, whole[:1]), (None, whole)):
        extension = extend(greedy, QUESTION, [0], max_steps, given=text)
        (steps,) = extension.continuations
        assert [(step.token_ids, step.text, step.end) for step in steps] == [
            (step.token_ids, step.text, step.end) for step in expected
        ]
        assert [step.given for step in steps] == [count] + [0] * (len(expected) - 1)
        assert list(steps[0].logprobs[:count]) == [0.0] * count
        assert list(steps[0].logprobs[steps[0].written]) == pytest.approx(list(first.logprobs[count:]), abs=1e-4)
        assert list(rows[-1].prompt) == [*question_ids(greedy), *first.token_ids[:count]]
        assert extension.question_tokens == len(question_ids(greedy))
        assert extension.cost.computed + extension.cost.cached == len(rows[-1].prompt)
    assert extension.cost.generated >= len(ids_of(whole)) - count
    limited = extend(greedy, QUESTION, [0], 1, given=text, max_tokens=1).continuations[0][0]
    assert len(limited.token_ids) == count + 1 and limited.end is End.MAX_TOKENS, "given tokens count for no limit"
    room = greedy.engine.context - len(rows[-1].prompt) - 1
    assert greedy.worst_case(grown(limited), None).generated == min(greedy.max_tokens - 1, room)


def _text(policy: Writing, step: Step, count: int) -> str:
    tokenizer = policy.engine.tokenizer
    return tokenizer.decode(list(step.token_ids[:count]), clean_up_tokenization_spaces=False)


def _given(policy: Writing, text: str) -> tuple[int, ...]:
    return encode_given(policy.engine.tokenizer, text)


def test_the_end_token_of_an_inner_step_is_dropped(greedy: Writing, rows: list[Row]):
    """So that a finished solution can go on: budget forcing."""
    end = min(greedy.engine.vocabulary.end_ids)  # pyright: ignore[reportAttributeAccessIssue]
    finished = grown(Step("7", (20, 21, end), end=End.EOS, closing=1))
    (steps,) = extend(greedy, finished, [0], 1, given="\n\n").continuations
    assert list(rows[-1].prompt) == [*question_ids(greedy), 20, 21, *_given(greedy, "\n\n")]
    assert steps[0].text.startswith("\n\n") and len(steps[0].token_ids) > 1, "what is given ends no step"


def test_an_end_token_closes_its_step(policy: Writing):
    steps = [steps[-1] for steps in extend(policy, QUESTIONS[1], range(30)).continuations]
    ended = [step for step in steps if step.end is End.EOS]
    assert ended and all(step.closing == 1 and len(step.inner_token_ids) == len(step.token_ids) - 1 for step in ended)
    assert all(step.closing == 0 for step in steps if step.end is not End.EOS)


def test_hint_and_sources_stand_in_this_requests_message_alone(greedy: Writing, rows: list[Row]):
    first = extend(greedy, QUESTION, [0]).continuations[0][0]
    node, others = grown(first), tuple(grown(Step(text)) for text in ("one way\n\n", "another"))
    message = f"{QUESTION}\n\nSolution 1:\none way\n\nSolution 2:\nanother\n\nCombine them."
    assert with_sources(QUESTION, "Combine them.", ["one way\n\n", "another"]) == message
    extension = extend(greedy, node, [0, 1], 1, hint="Combine them.", sources=others)
    asked = question_ids(greedy, message)
    assert rows[-1].prompt is rows[-2].prompt and list(rows[-1].prompt) == [*asked, *first.token_ids]
    assert extension.question_tokens == len(asked) > len(question_ids(greedy))
    assert extension.costs[0].computed + extension.costs[0].cached == len(rows[-1].prompt)
    extend(greedy, node, [0], 1)
    assert list(rows[-1].prompt) == [*question_ids(greedy), *first.token_ids]
    extend(greedy, node, [0], 1, action="any name")
    assert list(rows[-1].prompt) == [*question_ids(greedy), *first.token_ids]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"temperature": -0.5}, r"Ask\.temperature is -0\.5; it must be >= 0"),
        ({"temperature": 11}, r"Ask\.temperature is 11; it must be >= 0 and <= "),
        ({"sources": (grown(Step("a")), grown())}, r"Ask\.sources\[1\] is a node without text: name solutions"),
        ({"max_tokens": 0}, r"Ask\.max_tokens is 0; it must be >= 1"),
        ({"given": "e\u0301"}, r"Ask\.given is '.*', which the model's tokenizer reads back as 'é'"),
        (
            {"hint": "7" * 20_000},
            r"with Ask's hint the prompt takes \d+ tokens, but the context of tiny holds ",
        ),
        ({"given": "7" * 20_000}, r"with Ask's given the prompt takes \d+ tokens"),
        ({"sources": (grown(Step("7" * 20_000)),)}, r"with Ask's sources the prompt takes \d+ tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_spent(policy: Writing, ask: dict[str, Any], message: str):
    before = policy.engine.meter.total
    with pytest.raises(KnobError, match=message):
        extend(policy, QUESTION, [0], **ask)
    assert policy.engine.meter.total == before


# prompts


def test_requests_of_one_request_and_of_many_share_one_prompt(policy: Writing, rows: list[Row]):
    node = grown(Step("1", (20, 21)))

    async def twice() -> None:
        await asyncio.gather(*(policy.extend(node, 2, 1, [seed, seed + 1], Ask(max_tokens=2)) for seed in (0, 5)))

    asyncio.run(twice())
    assert len(rows) == 4 and len({id(row.prompt) for row in rows}) == 1
    assert list(rows[0].prompt) == [*question_ids(policy), 20, 21]
