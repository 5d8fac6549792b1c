"""Hints: which worked example is fetched, that it is never the question's own, and that it is paid for."""

import asyncio
import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from policies.bm25 import BM25, words
from policies.hf import HF
from policies.hints import Hints
from policies.shots import Shot
from search import Ask, Beam, KnobError, Node, Step, Tree
from tests.helpers import run
from tests.search.golden import FOLDER
from tests.worlds import by_text


def test_bm25_is_its_formula() -> None:
    """By hand, with k1 = 1.2 and b = 0.75: three texts of 2, 3 and 1 words."""
    index = BM25([["a", "b"], ["a", "a", "c"], ["d"]])
    rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    flat = [1.2 * (0.25 + 0.75 * length / 2) for length in (2, 3)]
    expected = [rarity * 1 * 2.2 / (1 + flat[0]), rarity * 2 * 2.2 / (2 + flat[1]), 0]
    assert index.scores(["a", "a", "x"]) == pytest.approx(expected)
    assert list(index.scores(["c"])) == [0, pytest.approx(math.log(1 + 2.5 / 1.5) * 2.2 / (1 + flat[1])), 0]
    assert list(BM25([]).scores(["a"])) == []
    assert words(r"Let $x_1 = \frac{2}{30}$") == [
        "let",
        "$",
        "x",
        "_",
        "1",
        "=",
        r"\frac",
        "{",
        "2",
        "}",
        "{",
        "30",
        "}",
        "$",
    ]


APPLES = Shot(
    "Tom has three red apples and eats one. How many are left?", "He had 3.\n\nHe ate 1.\n\n3 - 1 = 2 are left."
)
TRAIN = Shot(
    "A train drives 60 miles in one hour. How far in three hours?", "Speed is 60 mph.\n\nDistance is 60 * 3 = 180."
)
TRIANGLE = Shot(
    "Find the area of a triangle of base 4 and height 5.", "Area is base times height over 2.\n\n4 * 5 / 2 = 10."
)
BANK = Hints([APPLES, TRAIN, TRIANGLE])


def test_the_most_alike_problem_is_fetched_first_and_then_the_most_alike_step() -> None:
    first = BANK.fetch("A triangle has base 6 and height 2, what is its area?", "")
    assert TRIANGLE.problem in first and "over 2." in first and "= 10" not in first, "no more than its first step"
    later = BANK.fetch("A car drives far, how far?", "The speed is 80 mph.\n\n")
    assert TRAIN.problem in later and later.index("Speed is 60") < later.index("= 180")
    assert BANK.fetch("zebra", "") == BANK.fetch("zebra", "quagga") == "", "no word is shared"
    assert Hints([]).fetch("zebra", "") == Hints([]).fetch("zebra", "x") == ""
    assert Hints([Shot("a b", "one step")]).fetch("q", "b") == ""


@pytest.mark.parametrize(
    "question",
    [
        APPLES.problem,
        APPLES.problem.upper().replace(".", " ."),
        APPLES.problem.replace("three", "four"),
        APPLES.problem.replace("Tom", "Ann").replace("red ", ""),
        f"Solve this: {APPLES.problem} Show your work.",
        "Tom has three red apples and eats one.",
    ],
)
def test_the_question_itself_is_never_given_nor_one_of_the_same_solution(question: str) -> None:
    """Also not in other words that have the same solution, nor where the solution of another repeats it."""
    translated = Shot("Tom avait trois pommes et en a mange une.", APPLES.solution)
    quoting = Shot("Two problems about apples, red and green.", f"First: {APPLES.problem}\n\nHe had 3.")
    hints = Hints([APPLES, translated, quoting])
    for before in ("", "He had 3.\n\n", "He ate 1.\n\n"):
        assert hints.fetch(question, before) == ""
    asked = "Tom has nine pears and Ann has two. How many pears have they together, if none are lost?"
    assert hints.fetch(asked, ""), "another problem is given one"


# on models


@pytest.fixture
def bank(tmp_path: Path) -> str:
    path = tmp_path / "bank.jsonl"
    shots = [Shot("(3 + 4) =", "3 + 4 = 7\n\n\\boxed{7}"), Shot("(1 + 2) =", "1 + 2 = 3\n\n\\boxed{3}")]
    path.write_text("\n".join(json.dumps(shot._asdict()) for shot in shots))
    return str(path)


KNOBS: Any = {"max_steps": 2, "max_step_tokens": 4, "max_tokens": 8}
QUESTION = "(1 + 2) ="


def text_of(policy: HF, node: Node, ask: Ask, max_steps: int | None = 1) -> str:
    prompt, _ = policy._prompt(node, policy._hinted(node, max_steps, ask))  # pyright: ignore[reportPrivateUsage]
    return policy.tokenizer.decode(prompt.ids)


def test_a_hint_stands_in_that_requests_prompt_alone_before_what_a_searcher_asks(random_policy: str, bank: str) -> None:
    policy = HF(random_policy, hints=bank, **KNOBS)
    node = Tree(QUESTION).root
    text = text_of(policy, node, Ask(hint="Be brief."))
    assert text.index(QUESTION) < text.index("(3 + 4) =") < text.index("3 + 4 = 7") < text.index("Be brief.")
    assert "\\boxed{3}" not in text and "1 + 2 = 3" not in text, "its own solution is not there"
    step = Step("3 + 4 = 7\n\n", policy.tokenizer.encode("3 + 4 = 7\n\n"), ())
    child = node.add(node.reserve(1).start, step)
    assert "\\boxed{7}" in text_of(policy, child, Ask()) and text_of(policy, child, Ask()).endswith(step.text)
    assert "(3 + 4)" not in text_of(policy, node, Ask(sources=(child,))), "a text about solutions gets none"


def test_it_is_charged_and_the_worst_case_counts_it(random_policy: str, bank: str) -> None:
    root = Tree(QUESTION).root
    bare, hinted = HF(random_policy, **KNOBS), HF(random_policy, hints=bank, **KNOBS)
    costs = [asyncio.run(policy.extend(root, 1, 1, [1])).cost for policy in (bare, hinted)]
    added = len(hinted.tokenizer.encode(text_of(hinted, root, Ask()))) - len(
        bare.tokenizer.encode(text_of(bare, root, Ask()))
    )
    assert added > 50 and costs[1].computed == costs[0].computed + added
    assert hinted.worst_case(root, 1).computed == costs[1].computed
    tree = run(Beam(4, 2, actions=str(FOLDER / "actions.jsonl")), hinted, by_text({}), seed=1)
    first = {node.step.action for node in tree.root.children.values() if node.step}
    assert first == {"rephrase", "step"}, "typed actions go with it"


def test_where_the_context_has_no_room_none_is_given(random_policy: str, bank: str) -> None:
    """It leaves all that the step may take, or half of the room."""
    policy = HF(random_policy, hints=bank, max_steps=99, max_step_tokens=4, max_tokens=999)
    root = Tree(QUESTION).root
    room = policy.engine.context - len(policy.tokenizer.encode(text_of(HF(random_policy), root, Ask())))
    for length, given in ((10, True), (room - 30, False)):
        step = Step("+" * length, [10] * length, (), writer="x")
        child = Tree(QUESTION).root
        child = child.add(child.reserve(1).start, step)
        assert ("Here is a similar problem" in text_of(policy, child, Ask())) is given
    assert "similar problem" not in text_of(policy, root, Ask(given="x" * (room - 10))), "given text takes room, too"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for content, message in ((None, "policy.hints=FILE: No such file"), ("\n", "policy.hints=FILE: no example in it")):
        path = tmp_path / f"bank{content is None}.jsonl"
        if content is not None:
            path.write_text(content)
        with pytest.raises(KnobError, match=re.escape(message.replace("FILE", str(path)))):
            HF(hints=str(path))


def test_a_policy_with_hints_can_be_sent_to_another_process(bank: str) -> None:
    policy = HF(hints=bank)
    sent = pickle.loads(pickle.dumps(policy))
    assert sent == policy and sent.examples.fetch("(3 - 9) =", "") == policy.examples.fetch("(3 - 9) =", "") != ""  # type: ignore[union-attr]


def test_a_file_that_has_changed_is_read_again(bank: str) -> None:
    HF(hints=bank)
    Path(bank).write_text("{}")
    with pytest.raises(KnobError, match="line 1: write"):
        HF(hints=bank)
