"""What ends a solution beside its end token and its box: `stop`; and log-probabilities that are no numbers."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from policies.engines.boundary import Delimiter
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from policies.engines.models import ModelError
from search import End, Step

TEXTS = ["a", "b", "\n\n", ".\n\n", "Q", ":", "Q:", "xQ", ":y", "", "", "\n\nQ:"]
SPECIAL = {"<|eot|>": 9, "<|end|>": 10}
VOCABULARY = Vocabulary(TEXTS, frozenset({10}), lambda ids: "".join(TEXTS[i] for i in ids), SPECIAL, model="model=m")


def cut(*tokens: str | int, stop: Sequence[str], before: str = "", given: Sequence[str] = (), **more: Any) -> Cutter:
    """A cutter that was pushed these tokens until it was done."""
    limits, ids = Limits(stop=tuple(stop), **more), [TEXTS.index(text) for text in given]
    cutter = Cutter(VOCABULARY, Delimiter(), limits, 0, 0, 10**6, None, ids, before)
    for token in tokens:
        if not cutter.done:
            cutter.push(token if isinstance(token, int) else TEXTS.index(token), -0.1)
    return cutter


@pytest.mark.parametrize(
    ("tokens", "steps"),
    [
        (("a", "Q:", "b"), [("a", 2, 1)]),  # text, tokens, of these closing
        (("a", "Q", ":", "b"), [("a", 3, 2)]),
        (("a", "xQ", ":", "b"), [("ax", 3, 1)]),  # a token that is the policy's in part stays
        (("a", "Q", ":y", "b"), [("a", 3, 2)]),
        (("Q", "a", "Q:", "b"), [("Qa", 3, 1)]),
        (("Q", "Q", ":"), [("Q", 3, 2)]),
        (("Q:",), [("", 1, 1)]),
        (("a", "\n\n", "Q", ":"), [("a\n\n", 2, 0), ("", 2, 2)]),
    ],
)
def test_a_stop_text_ends_the_solution_and_is_no_part_of_its_text(tokens: Any, steps: Any) -> None:
    cutter = cut(*tokens, stop=["never", "Q:"])
    assert [(step.text, len(step.token_ids), step.closing) for step in cutter.steps] == steps
    assert cutter.done and cutter.steps[-1].end is End.EOS
    assert not cut(*tokens, stop=["never"]).done


def test_a_stop_text_may_begin_in_an_earlier_step_or_request() -> None:
    """The step was ended by then; the part that stands in it stays."""
    at_once = cut("a", "\n\n", "Q", ":", "b", stop=["\n\nQ:"]).steps
    assert [(step.text, step.end) for step in at_once] == [("a\n\n", End.DELIMITER), ("", End.EOS)]
    assert cut("Q", ":", "b", stop=["\n\nQ:"], before="a\n\n").steps == [at_once[1]]
    assert cut("Q", ":", "b", stop=["\n\nQ:"], before="a\n\nb").steps == []
    one = cut("a", "\n\nQ:", stop=["\n\nQ:"]).steps
    assert [(step.text, step.end, step.closing) for step in one] == [("a", End.EOS, 1)], "before the delimiter's rule"
    assert cut("a", ".\n\n", "b", stop=["\n\n"]).steps[0].text == "a."


def test_given_tokens_hold_no_stop_text() -> None:
    assert not cut(":", "a", given=["Q"], stop=["Q:"]).done
    assert cut(":", "Q:", given=["Q"], stop=["Q:"]).steps[0].text == "Q:"


@pytest.mark.parametrize("stop", [[], ["<|eot|>"]])
def test_a_special_token_is_a_stop_by_its_name(stop: list[str]) -> None:
    """It has no text of its own."""
    step = cut("a", 9, "b", 10, stop=stop).steps[0]
    assert (step.text, step.token_ids, step.closing) == (("a", (0, 9), 1) if stop else ("ab", (0, 9, 1, 10), 1))


def test_an_end_token_with_a_text_is_no_part_of_the_steps() -> None:
    cutter = Cutter(VOCABULARY._replace(end_ids=frozenset({4})), Delimiter(), Limits(), 0, 0, 99, None)
    for token in (0, 4):
        cutter.push(token, -0.1)
    assert cutter.steps == [Step("a", (0, 4), (-0.1, -0.1), End.EOS, closing=1)]


def test_an_empty_stop_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        Limits(stop=("Q:", ""))


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf])
def test_a_log_probability_that_is_not_finite_is_an_error_that_names_the_model(logprob: float) -> None:
    cutter = cut("a", stop=[])
    with pytest.raises(ModelError, match=r"model=m.*dtype=bfloat16 or dtype=float32"):
        cutter.push(1, logprob)
