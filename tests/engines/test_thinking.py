"""Where a thought begins and ends, what ends its steps, and what is made of it at its limit."""

from types import SimpleNamespace
from typing import Any

import pytest

from policies.engines.boundary import Delimiter
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from policies.engines.thinking import KNOWN, Stage, Tags, Thinking, Thought, check_thinking, tags_of
from search.errors import KnobError
from search.tree.step import End

EOS, SPECIAL_OPEN, SPECIAL_CLOSE = "<eos>", "[THINK]", "[/THINK]"
WORDS = [*"ab \n", "\n\n", "\\boxed{5}", "<think>", "</think>", "</", "think>", EOS, SPECIAL_OPEN, SPECIAL_CLOSE]
ID = {word: place for place, word in enumerate(WORDS)}
SPECIAL = {ID[word]: word for word in (EOS, SPECIAL_OPEN, SPECIAL_CLOSE)}
TEXTS = ["" if place in SPECIAL else word for place, word in enumerate(WORDS)]
VOCABULARY = Vocabulary(TEXTS, frozenset({ID[EOS]}), lambda ids: "".join(TEXTS[i] for i in ids))
RULE = Thinking(KNOWN[0], most=100, closing=(ID["\n"], ID["</think>"], ID["\n\n"]), marks=SPECIAL)


def rule(**knobs: Any) -> Thinking:
    return Thinking(**{**RULE.__dict__, **knobs})


def cut(
    *words: str,
    rule: Thinking = RULE,
    stage: Stage = Stage.BEFORE,
    before: int = 0,
    limits: Limits = Limits(),  # noqa: B008
    room: int = 1000,
    max_steps: int | None = None,
    given: tuple[str, ...] = (),
) -> Cutter:
    thought = Thought(rule, stage, before, room, limits.max_tokens)
    ids = [ID[word] for word in given]
    cutter = Cutter(VOCABULARY, Delimiter(), limits, 0, 0, room, max_steps, ids, "", thought)
    for word in words:
        cutter.push(ID[word], -1.0)
    return cutter


def steps(cutter: Cutter) -> list[tuple[str, End, bool]]:
    return [(step.text, step.end, step.thought) for step in cutter.steps]


ANSWER = ("\n\n", "\\boxed{5}", EOS)


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.WITHIN])
def test_a_thought_is_one_step_and_no_box_in_it_ends_anything(stage: Stage):
    opening = ("<think>",) if stage is Stage.BEFORE else ()
    cutter = cut(
        *opening, "a", "\\boxed{5}", "\n\n", "b", "\n\n", "</think>", "\n\n", "b", "\n\n", *ANSWER, stage=stage
    )
    assert steps(cutter) == [
        ("".join(opening) + "a\\boxed{5}\n\nb\n\n</think>", End.THOUGHT, True),
        ("\n\nb\n\n", End.DELIMITER, False),
        ("\n\n", End.DELIMITER, False),
        ("\\boxed{5}", End.EOS, False),
    ]
    assert cutter.done


def test_no_step_ends_at_the_delimiter_behind_a_thought():
    (step,) = cut("<think>", "</think>", "\n\n", "\n", "a", "\n\n").steps[1:]
    assert step.text == "\n\n\na\n\n"


def test_a_tag_in_several_tokens_and_one_of_special_tokens():
    assert steps(cut("<think>", "a", "</", "think>")) == [("<think>a</think>", End.THOUGHT, True)]
    magistral = rule(tags=Tags(SPECIAL_OPEN, SPECIAL_CLOSE))
    assert steps(cut(SPECIAL_OPEN, "\\boxed{5}", "\n\n", SPECIAL_CLOSE, rule=magistral)) == [
        ("\\boxed{5}\n\n", End.THOUGHT, True)
    ]


def test_a_tag_behind_the_beginning_of_an_answer_is_text():
    assert steps(cut("a", "<think>", "\n\n", "\\boxed{5}", EOS)) == [
        ("a<think>\n\n", End.DELIMITER, False),
        ("\\boxed{5}", End.EOS, False),
    ]


def test_a_thought_counts_for_no_limit_of_the_answer():
    limits = Limits(max_steps=2, max_step_tokens=3, max_tokens=4)
    cutter = cut(*"ababab", "</think>", "a", "\n\n", "b", "a", stage=Stage.WITHIN, limits=limits)
    assert steps(cutter) == [
        ("ababab</think>", End.THOUGHT, True),
        ("a\n\n", End.DELIMITER, False),
        ("ba", End.MAX_TOKENS, False),
    ]


def test_at_its_limit_a_thought_is_closed_and_the_answer_follows():
    cutter = cut("a", "b", "a", stage=Stage.WITHIN, rule=rule(most=3))
    assert steps(cutter) == [("aba\n</think>\n\n", End.THINKING_TOKENS, True)]
    (step,) = cutter.steps
    assert (step.generated, step.observed, list(step.logprobs)) == (3, 3, [-1, -1, -1, 0, 0, 0])
    assert cutter.observed == list(RULE.closing) and not cutter.done
    cutter.push(ID["b"], -1.0)
    cutter.push(ID[EOS], -1.0)
    assert steps(cutter)[1:] == [("b", End.EOS, False)]


def test_the_limit_counts_what_was_thought_before():
    assert steps(cut("a", "b", stage=Stage.WITHIN, before=98))[0][1] is End.THINKING_TOKENS
    assert cut("a", "b", stage=Stage.WITHIN, before=97).steps == []


def test_a_short_context_leaves_room_for_the_answer():
    cutter = cut(*"a" * 72, stage=Stage.WITHIN, room=100)
    assert cutter.steps[0].end is End.THINKING_TOKENS
    assert cutter.left == 100 - 72 - 3


def test_steps_of_a_thought():
    delimited = cut("a", "\n\n", "b", "\n\n", "</think>", stage=Stage.WITHIN, rule=rule(delimited=True))
    assert [step[:2] for step in steps(delimited)] == [
        ("a\n\n", End.DELIMITER),
        ("b\n\n", End.DELIMITER),
        ("</think>", End.THOUGHT),
    ]
    counted = cut("a", "\n\n", "b", "a", "</think>", stage=Stage.WITHIN, rule=rule(step_tokens=2))
    assert [step[:2] for step in steps(counted)] == [
        ("a\n\n", End.STEP_TOKENS),
        ("ba", End.STEP_TOKENS),
        ("</think>", End.THOUGHT),
    ]


def test_given_tokens_may_close_a_thought():
    cutter = cut("b", EOS, stage=Stage.WITHIN, given=("\n", "</think>", "\n\n"))
    assert steps(cutter) == [("\n</think>", End.THOUGHT, True), ("\n\nb", End.EOS, False)]
    assert [step.given for step in cutter.steps] == [2, 1]
    assert cut(stage=Stage.WITHIN, given=("\n", "</think>", "\n\n"), max_steps=1).done


def test_the_end_token_and_the_limit_of_a_request_end_a_thought():
    assert steps(cut("a", EOS, stage=Stage.WITHIN)) == [("a", End.EOS, True)]
    assert steps(cut("a", "b", stage=Stage.WITHIN, limits=Limits(most=2))) == [("ab", End.MAX_TOKENS, True)]


def test_tokens_left():
    cutter = cut("a", stage=Stage.WITHIN, rule=rule(most=10, step_tokens=4), limits=Limits(max_step_tokens=5))
    assert (cutter.left, cutter.left_in_step) == (9, 3)
    for word in ("</think>", "b"):
        cutter.push(ID[word], -1.0)
    assert (cutter.left, cutter.left_in_step) == (40 * 5 - 1, 4)


def tokenizer(added: tuple[str, ...] = (), template: str = "") -> Any:
    return SimpleNamespace(get_added_vocab=lambda: dict.fromkeys(added, 0), chat_template=template)


def test_known_tags_are_found_by_tokens_or_template():
    assert tags_of("auto", tokenizer()) is None
    assert tags_of("none", tokenizer(("<think>", "</think>"))) is None
    assert tags_of("auto", tokenizer(("<think>", "</think>"))) == KNOWN[0]
    assert tags_of("auto", tokenizer(template="{{ '<think>' }}{{ content.split('</think>') }}")) == KNOWN[0]
    assert tags_of("<a> </a>", tokenizer()) == Tags("<a>", "</a>")


@pytest.mark.parametrize(("thinking", "steps"), [("yes", "one"), ("auto", "two"), ("auto", "0"), ("<a></a>", "one")])
def test_other_words_are_refused(thinking: str, steps: str):
    with pytest.raises(KnobError, match="thinking"):
        check_thinking(thinking, steps)


@pytest.mark.parametrize(
    ("prompt", "stage"),
    [("q<end>", Stage.BEFORE), ("q<end><think>\n", Stage.WITHIN), ("q<end><think>\n\n</think>\n\n", Stage.OVER)],
)
def test_a_template_may_open_the_thought_or_close_an_empty_one(prompt: str, stage: Stage):
    decoder: Any = SimpleNamespace(decode=lambda ids, skip_special_tokens: prompt)
    assert RULE.stage_of(decoder, [1]) is stage


def test_a_limit_of_the_path_comes_before_the_closing_of_the_thought():
    """Nothing is observed where the path ends, and what was observed is never counted as written."""
    (step,) = cut("a", "b", stage=Stage.WITHIN, rule=rule(most=2), limits=Limits(most=2)).steps
    assert (step.text, step.end, step.generated, step.observed) == ("ab", End.MAX_TOKENS, 2, 0)
    filled = cut("a", stage=Stage.WITHIN, room=4)
    (step,) = filled.steps
    assert (step.end, step.generated, step.observed) == (End.CONTEXT, 1, 3) and filled.done
