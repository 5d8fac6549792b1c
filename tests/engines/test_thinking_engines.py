"""The small thinking policy on both engines: a thought and its answer, the limit, steps, requests for the answer."""

from typing import Any

import pytest

from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from search import End, Node, Step, Tree
from search.protocols import ANSWER
from tests.models import CONTEXT, QUESTIONS, extend, ids_of, vllm

engines = pytest.mark.parametrize("engine", ["hf", pytest.param("vllm", marks=vllm)])


@pytest.fixture
def make() -> Any:
    """A greedy policy of an engine; its vLLM engine ends with the test."""
    made: list[Writing] = []

    def policy(engine: str, **knobs: Any) -> Writing:
        knobs = {"temperature": 0, "dtype": "float32"} | knobs
        made.append(HF("tiny-thinking", **knobs) if engine == "hf" else VLLM("tiny-thinking", context=CONTEXT, **knobs))
        return made[-1]

    yield policy
    for one in made:
        if isinstance(one, VLLM) and "engine" in vars(one):
            one.engine.server.close()


def whole(policy: Writing, **ask: Any) -> tuple[Step, ...]:
    (steps,) = extend(policy, QUESTIONS[0], [1], **ask).continuations
    return steps


def by_steps(policy: Writing) -> tuple[Step, ...]:
    """The same solution, a step a request."""
    node: Node = Tree(QUESTIONS[0]).root
    while node.open:
        (steps,) = extend(policy, node, [1], 1).continuations
        (step,) = steps
        node = node.add(node.reserve(1).start, step)
    return tuple(node.steps())


@engines
def test_a_thought_is_a_step_and_the_answer_follows(make: Any, engine: str):
    thought, *answer = whole(make(engine, max_thinking_tokens=400))
    assert thought.thought and thought.end in (End.THOUGHT, End.THINKING_TOKENS) and "\\boxed{" in thought.text
    assert answer and not any(step.thought for step in answer) and "\\boxed{" in answer[-1].text


@engines
@pytest.mark.parametrize("knobs", [{}, {"thinking_steps": "delimiter"}, {"thinking_steps": "16"}])
def test_whole_solutions_and_single_steps_are_the_same(make: Any, engine: str, knobs: dict[str, Any]):
    policy = make(engine, max_thinking_tokens=20, **knobs)
    steps = whole(policy)
    assert [(step.text, step.end, step.thought, step.observed) for step in by_steps(policy)] == [
        (step.text, step.end, step.thought, step.observed) for step in steps
    ]
    closed = next(step for step in steps if step.end is End.THINKING_TOKENS)
    assert sum(step.generated for step in steps if step.thought) == 20
    assert closed.observed == 3 and closed.text.endswith("\n</think>\n\n")


@engines
def test_the_template_may_leave_out_the_thought(make: Any, engine: str):
    assert not any(step.thought for step in whole(make(engine, template={"enable_thinking": False})))


@engines
def test_the_answer_is_asked_for_within_a_thought(make: Any, engine: str):
    policy = make(engine, thinking_steps="16")
    root = Tree(QUESTIONS[0]).root
    (begun,) = extend(policy, root, [1], 1).continuations
    node = root.add(root.reserve(1).start, begun[0])
    assert node.step and node.step.thought and node.step.generated == 16
    (steps,) = extend(policy, node, [1], None, action=ANSWER).continuations
    closing, *answer = steps
    assert (closing.text, closing.end, closing.generated) == ("\n</think>", End.THOUGHT, 0)
    assert answer and not any(step.thought for step in answer)
    (alone,) = extend(policy, node, [1], 1, action=ANSWER).continuations
    assert [step.text for step in alone] == ["\n</think>"]


@engines
def test_thoughts_are_charged(make: Any, engine: str):
    policy = make(engine, max_thinking_tokens=20)
    extension = extend(policy, QUESTIONS[0], [1])
    (steps,) = extension.continuations
    assert extension.cost.generated == sum(step.generated for step in steps)
    read = extension.cost.computed + extension.cost.cached
    assert read >= (extension.question_tokens or 0) + sum(step.observed for step in steps)
    worst = policy.worst_case(Tree(QUESTIONS[0]).root, None)
    assert extension.cost.generated <= worst.generated and read <= worst.computed
    assert (extension.cost.flops or 0) <= (worst.flops or 0)


def test_both_engines_write_the_same():
    pytest.importorskip("vllm")
    policy = VLLM("tiny-thinking", context=CONTEXT, temperature=0, dtype="float32", max_thinking_tokens=20)
    try:
        theirs = ids_of(whole(policy))
    finally:
        policy.engine.server.close()
    assert theirs == ids_of(whole(HF("tiny-thinking", temperature=0, dtype="float32", max_thinking_tokens=20)))
