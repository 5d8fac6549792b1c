"""Budget forcing: a policy that would stop is made to go on, at the end of its thought or of a plain solution."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest

from policies.conformance import check_policy
from policies.engines.boundary import Delimiter
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from policies.engines.meter import Meter
from policies.engines.rows import Row, vocabulary
from policies.engines.thinking import KNOWN, Stage, Tags, Thinking, Thought
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from search import Beam, BestOfN, Cost, End, KnobError, Node, Rule, Selection, Step, Tree, solve
from search.protocols import ANSWER, Stopped
from tests.models import CONTEXT, QUESTIONS, SERVED, extend, vllm
from tests.worlds import By

EOS, SPECIAL_CLOSE = "<eos>", "[/THINK]"
WORDS = [*"ab \n", "\n\n", "\\boxed{5}", "</think>", "</", "think>", "b</", EOS, SPECIAL_CLOSE]
ID = {word: place for place, word in enumerate(WORDS)}
SPECIAL = {ID[word]: word for word in (EOS, SPECIAL_CLOSE)}
TEXTS = ["" if place in SPECIAL else word for place, word in enumerate(WORDS)]
VOCABULARY = Vocabulary(TEXTS, frozenset({ID[EOS]}), lambda ids: "".join(TEXTS[i] for i in ids))
ONCE = Limits(waits=1, wait_room=4)


def cut(*words: str, limits: Limits = ONCE, room: int = 1000, tags: Tags | None = None, most: int = 100) -> Cutter:
    """A plain policy's cutter, or with tags one within a thought, that was pushed these words."""
    thinking = Thinking(tags, most, marks=SPECIAL, closing=(ID["</think>"],)) if tags else None
    thought = Thought(thinking, Stage.WITHIN, 0, room, limits.max_tokens) if thinking else None
    cutter = Cutter(VOCABULARY, Delimiter(), limits, 0, 0, room, None, (), "", thought)
    for word in words:
        cutter.push(ID[word], -1.0)
    return cutter


def last(cutter: Cutter) -> tuple[str, End, int]:
    step = cutter.steps[-1]
    return step.text, step.end, step.closing


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("a", "\n\n", "\\boxed{5}", "\n\n"), ("\\boxed{5}\n\n", End.WAIT, 0)),
        (("a", "\\boxed{5}", EOS), ("a\\boxed{5}", End.WAIT, 1)),
        (("a", EOS), ("a", End.WAIT, 1)),
    ],
)
def test_a_plain_policy_waits_where_its_solution_would_end(words: Any, expected: Any) -> None:
    cutter = cut(*words)
    assert last(cutter) == expected and cutter.done and cutter.steps[-1].open
    assert cut(*words, limits=Limits()).steps[-1].finished


def test_a_stop_text_is_left_out_of_what_follows() -> None:
    cutter = cut("a", "b", " ", limits=Limits(waits=1, wait_room=4, stop=("b ",)))
    assert last(cutter) == ("a", End.WAIT, 2) and list(cutter.steps[0].inner_token_ids) == [ID["a"]]


@pytest.mark.parametrize(
    ("tags", "words", "text", "closing"),
    [
        (KNOWN[0], ("a", "\\boxed{5}", "</think>"), "a\\boxed{5}", 1),
        (KNOWN[0], ("a", "</", "think>"), "a", 2),
        (KNOWN[0], ("a", "b</", "think>"), "ab", 1),  # a token that holds more than the tag stays in the path
        (Tags("[THINK]", SPECIAL_CLOSE), ("a", SPECIAL_CLOSE), "a", 1),
        (Tags("[THINK]", f"{SPECIAL_CLOSE}a"), ("b", SPECIAL_CLOSE, "a"), "b", 2),
        (KNOWN[0], ("a", EOS), "a", 1),
    ],
)
def test_a_thought_waits_at_its_closing_tag(tags: Tags, words: Any, text: str, closing: int) -> None:
    cutter = cut(*words, tags=tags)
    assert last(cutter) == (text, End.WAIT, closing) and cutter.done
    step = cutter.steps[-1]
    assert step.thought and step.open and step.generated == len(words)
    assert list(step.inner_token_ids) == [ID[word] for word in words[: len(words) - closing]]


def test_the_answer_behind_a_thought_ends_as_ever() -> None:
    cutter = cut("a", "</think>", "\\boxed{5}", EOS, limits=Limits(), tags=KNOWN[0])
    assert [step.end for step in cutter.steps] == [End.THOUGHT, End.EOS]
    thinking = Thinking(KNOWN[0], 100)
    over = Cutter(VOCABULARY, Delimiter(), ONCE, 0, 0, 99, None, (), "", Thought(thinking, Stage.OVER, 0, 99, 9))
    over.push(ID[EOS], -1.0)
    assert over.steps[0].end is End.EOS


@pytest.mark.parametrize(
    ("knobs", "end"),
    [
        ({"limits": Limits(waits=1, wait_room=4, max_tokens=2)}, End.ANSWER),
        ({"limits": Limits(waits=1, wait_room=4, max_steps=1)}, End.ANSWER),
        ({"limits": Limits(waits=1, wait_room=4, most=2)}, End.ANSWER),
        ({"room": 6}, End.ANSWER),
        ({"room": 7}, End.WAIT),
    ],
)
def test_at_a_limit_nothing_waits(knobs: Any, end: End) -> None:
    assert cut("\\boxed{5}", "\n\n", **knobs).steps[-1].end is end


def test_a_thought_at_its_limit_is_closed() -> None:
    assert cut("a", "b", tags=KNOWN[0], most=2).steps[-1].end is End.THINKING_TOKENS
    assert cut("a", "</think>", tags=KNOWN[0], most=2).steps[-1].end is End.THOUGHT


# A policy with a script: what it writes at first, behind one wait, behind two.

SCRIPT = ["a\n\n\\boxed{1}\n\n", "b\n\n\\boxed{2}\n\n", "\\boxed{3}\n\n", "\\boxed{4}\n\n"]


class ScriptedWriter:
    """Writes the next token of the part of its script that follows as many waits as the prompt holds."""

    context = 200

    def __init__(self, tokenizer: Any, wait: str) -> None:
        self.tokenizer, self.meter, self.prompts = tokenizer, Meter(), list[list[int]]()
        self.wait = tokenizer.encode(wait, add_special_tokens=False)
        self.vocabulary = vocabulary(tokenizer, None, Delimiter(), len(tokenizer), "script")
        self.fails_at, self.hangs_at = 0, 0

    async def write(self, rows: Sequence[Row]) -> None:
        await self.meter.settle(rows, self._write(rows))

    async def _write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            assert self.meter.begins(row)
            row.begin(self.vocabulary, Delimiter(), self.context)
            self.prompts.append(list(row.prompt))
            waits, rest = self._behind_waits(list(row.prompt))
            script = [*self.tokenizer.encode(SCRIPT[waits], add_special_tokens=False)][len(rest) :]
            while not row.cutter.done:
                row.cutter.push(script.pop(0), -1.0, 0.0)
            row.steps = tuple(row.cutter.steps)
            cost = Cost(row.cutter.tokens, len(row.prompt), calls=0, flops=1.0)
            self.meter.done(row, cost)
            if len(self.prompts) == self.fails_at:
                raise RuntimeError("out of memory")
            if len(self.prompts) == self.hangs_at:
                await asyncio.sleep(60)

    def _behind_waits(self, prompt: list[int]) -> tuple[int, list[int]]:
        """How many waits the prompt holds, and the tokens that follow the last of them, or the question."""
        path, waits = prompt[len(QUESTION_IDS) :], 0
        for place in range(len(path) - len(self.wait), -1, -1):
            if path[place : place + len(self.wait)] == self.wait:
                waits += 1
        for place in range(len(path) - len(self.wait), -1, -1):
            if path[place : place + len(self.wait)] == self.wait:
                return waits, path[place + len(self.wait) :]
        return 0, path

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None, thinks: bool = False) -> Cost:
        return Cost(tokens, prompt, calls=0, flops=1.0)


@dataclass(frozen=True)
class Scripted(Writing):
    system_prompt: str = ""
    max_tokens: int = 60

    @cached_property
    def engine(self) -> Any:
        return ScriptedWriter(self.tokenizer, self.wait_text)


QUESTION_IDS = Scripted().prompting.encode(Scripted().tokenizer, "1")


def by_steps(policy: Writing, question: str = "1") -> list[Step]:
    node: Node = Tree(question).root
    while node.open:
        ((step,),) = extend(policy, node, [1], 1).continuations
        node = node.add(node.reserve(1).start, step)
    return node.steps()


@pytest.mark.parametrize("wait", [0, 1, 2, 3])
@pytest.mark.parametrize("searcher", [BestOfN(n=2), Beam(n=2, branch=2)], ids=["best_of_n", "beam"])
def test_the_last_box_is_the_answer(wait: int, searcher: Any) -> None:
    """Each time that it is made to go on, the scripted policy changes its mind."""
    tree = asyncio.run(solve("1", searcher, Scripted(wait=wait), By(lambda steps: 0.5)))
    assert Selection(Rule.MAJORITY)(tree).answer == str(wait + 1)
    for leaf in tree.leaves():
        steps = leaf.steps()
        assert [step.end for step in steps].count(End.WAIT) == wait and leaf.finished
        assert leaf.text() == "Wait".join(SCRIPT[: wait + 1])
        behind = [after for step, after in pairwise(steps) if step.end is End.WAIT]
        assert all(step.given == 4 and step.text.startswith("Wait") for step in behind)
    written = sum(step.generated for leaf in tree.leaves() for step in leaf.steps())
    assert tree.ledger.generated_tokens == written


@pytest.mark.parametrize("wait_text", ["Wait", "\n\nWait, is that right?"])
def test_whole_solutions_are_those_of_single_steps(wait_text: str) -> None:
    policy = Scripted(wait=2, wait_text=wait_text)
    (whole,) = extend(policy, "1", [1]).continuations
    assert list(whole) == by_steps(policy)
    assert policy.engine.prompts[2] == [
        *QUESTION_IDS,
        *(token for step in whole[:-1] for token in step.token_ids),
        *policy.engine.wait,
    ]


def test_some_steps_of_it() -> None:
    (steps,) = extend(Scripted(wait=2), "1", [1], 3).continuations
    assert [step.end for step in steps] == [End.DELIMITER, End.WAIT, End.DELIMITER]
    (steps,) = extend(Scripted(wait=2), "1", [1], 2).continuations
    assert [step.end for step in steps] == [End.DELIMITER, End.WAIT]


def test_a_limit_of_the_request_counts_all_of_it() -> None:
    most = sum(step.generated for step in extend(Scripted(wait=1), "1", [1], 2).continuations[0]) + 2
    (steps,) = extend(Scripted(wait=1), "1", [1], max_tokens=most).continuations
    assert steps[-1].end is End.MAX_TOKENS and sum(step.generated for step in steps) == most


def test_what_it_reads_again_is_charged() -> None:
    policy = Scripted(wait=2)
    extension = extend(policy, "1", [1, 2])
    prompts = sum(map(len, policy.engine.prompts))
    assert extension.cost.computed == prompts and len(policy.engine.prompts) == 6
    worst = policy.worst_case(Tree("1").root, None)
    assert all(
        cost.computed <= worst.computed and (cost.flops or 0) <= (worst.flops or 0) for cost in extension.each_cost()
    )
    node = Tree("1").root
    assert policy.worst_case(node, 1).computed == len(QUESTION_IDS)
    for step in extend(policy, "1", [1], 2).continuations[0]:
        node = node.add(node.reserve(1).start, step)
    assert policy.worst_case(node, 1).computed == extend(policy, node, [1], 1).cost.computed


def test_a_request_that_fails_behind_a_wait_is_abandoned_as_a_whole() -> None:
    policy = Scripted(wait=2)
    policy.engine.fails_at = 2
    with pytest.raises(RuntimeError, match="out of memory"):
        extend(policy, "1", [1])
    assert policy.engine.meter.abandoned == policy.engine.meter.total and policy.engine.meter.total.generated > 0


def test_a_request_that_is_cancelled_behind_a_wait_is_charged_as_a_whole() -> None:
    policy = Scripted(wait=2)
    policy.engine.hangs_at = 2

    async def run() -> Stopped:
        request = asyncio.ensure_future(policy.extend(Tree("1").root, 1, None, [1]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(policy.engine.prompts) == 2
        request.cancel()
        with pytest.raises(Stopped) as stopped:
            await request
        return stopped.value

    stopped = asyncio.run(run())
    total = policy.engine.meter.total
    assert stopped.cost == total._replace(calls=1) and policy.engine.meter.abandoned.generated == 0


def test_bounds() -> None:
    with pytest.raises(KnobError, match=r"HF.wait is -1; it must be >= 0"):
        HF(wait=-1)


# The small models

engines = pytest.mark.parametrize("engine", ["hf", pytest.param("vllm", marks=vllm)])


@engines
@pytest.mark.parametrize("model", ["tiny", "tiny-thinking"])
def test_the_small_models_go_on(engine: str, model: str) -> None:
    knobs: Any = {"temperature": 0, "dtype": "float32", "max_thinking_tokens": 150, "max_tokens": 100, "wait": 2}
    policy = HF(model, **knobs) if engine == "hf" else VLLM(model, context=CONTEXT, **knobs)
    try:
        extension = extend(policy, QUESTIONS[1], [1])
        (steps,) = extension.continuations
        waits = [step for step in steps if step.end is End.WAIT]
        assert 1 <= len(waits) <= 2 and all(step.thought == (model == "tiny-thinking") for step in waits)
        assert [step.text for step in by_steps(policy, QUESTIONS[1])] == [step.text for step in steps]
        assert extension.cost.generated >= sum(step.generated for step in steps)
        worst = policy.worst_case(Tree(QUESTIONS[1]).root, None)
        assert extension.cost.computed + extension.cost.cached <= worst.computed
        assert (extension.cost.flops or 0) <= (worst.flops or 0)
        if model == "tiny-thinking":
            node = Tree(QUESTIONS[1]).root
            node = node.add(node.reserve(1).start, waits[0])
            ((closing, *_),) = extend(policy, node, [1], action=ANSWER).continuations
            assert closing.text == "\n</think>", "asked for its answer, it does not wait"
    finally:
        if engine == "vllm":
            policy.engine.server.close()


@pytest.mark.slow
def test_a_policy_that_waits_keeps_its_promises(random_policy: str) -> None:
    check_policy(HF(random_policy, delimiter=" + ", max_steps=4, max_step_tokens=8, max_tokens=20, wait=1))


@vllm
def test_vllm_keeps_them() -> None:
    check_policy(VLLM(dtype="float32", max_tokens=60, temperature=2, wait=1, **SERVED), QUESTIONS[2:], repeats=False)
