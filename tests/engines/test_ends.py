"""Where steps and solutions end: every end by hand."""

import pytest

from policies.engines.boundary import Delimiter
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, most_tokens
from search import End, Step
from tests.engines.cuts import BOX, EOS, VOCABULARY, cut, ends


def test_a_step_ends_with_the_token_that_holds_the_delimiter() -> None:
    cutter = cut("a", "\n\n", "b", ".\n\n", "a", "\n\nc", "b")
    assert ends(cutter.steps) == [("a\n\n", End.DELIMITER), ("b.\n\n", End.DELIMITER), ("a\n\nc", End.DELIMITER)]
    assert not cutter.done and cutter.tokens == 7


def test_a_delimiter_in_parts_ends_a_step_too() -> None:
    """Within the step: what the step before ended with is no part of it."""
    cutter = cut("a", "\n", "\n", "b", "\n", "a", "\n", "\n\nc", "\n", "b")
    assert ends(cutter.steps) == [("a\n\n", End.DELIMITER), ("b\na\n\n\nc", End.DELIMITER)]
    assert ends(cut("a", "\n\n", "\n", "b", "\n\n").steps) == [("a\n\n", End.DELIMITER), ("\nb\n\n", End.DELIMITER)]
    assert ends(cut("a", "\n", "\n", max_steps=1, limits=Limits(max_step_tokens=2)).steps) == [("a\n", End.STEP_TOKENS)]


def test_a_step_keeps_its_tokens() -> None:
    (first, second) = cut("a", "\n\n", "b", EOS).steps
    assert first == Step("a\n\n", (0, 2), (-0.1, -0.2), End.DELIMITER, (0.0, 1.0))
    assert second == Step("b", (1, EOS), (-0.1 * 3, -0.4), End.EOS, (2.0, 3.0), closing=1)
    silent = Cutter(VOCABULARY, Delimiter(), Limits(), 0, 0, 100, None)
    silent.push(2, -1.0)
    assert silent.steps[0].entropy is None


def test_the_end_token_ends_the_solution() -> None:
    for tokens, text in ((("a", EOS), "a"), ((EOS,), "")):
        cutter = cut(*tokens)
        assert ends(cutter.steps) == [(text, End.EOS)] and cutter.done and cutter.steps[0].finished
    with pytest.raises(ValueError, match="has ended"):
        cutter.push(0, -0.1)


def test_a_complete_box_ends_the_solution_at_the_boundary_only() -> None:
    cutter = cut(*BOX, "a", "\n\n", "b")
    assert ends(cutter.steps) == [("\\boxed{7}a\n\n", End.ANSWER)] and cutter.done and cutter.tokens == 5
    assert cut(*BOX, "a").steps == []
    assert ends(cut("\\boxed{", "7", "}\n\n").steps) == [("\\boxed{7}\n\n", End.ANSWER)]


def test_an_incomplete_box_does_not_end_the_solution() -> None:
    cutter = cut("\\boxed{", "7", "\n\n", "a", "}", "\n\n")
    assert ends(cutter.steps) == [("\\boxed{7\n\n", End.DELIMITER), ("a}\n\n", End.DELIMITER)] and not cutter.done


def test_a_box_without_an_answer_ends_nothing() -> None:
    cutter = cut("\\boxed{", "}", "\n\n", "a", "\n\n", *BOX, "\n\n", "a")
    assert [end for _, end in ends(cutter.steps)] == [End.DELIMITER, End.DELIMITER, End.ANSWER]


def test_a_long_step_is_cut_and_may_be_continued() -> None:
    cutter = cut(*"aab", "a", "\n\n", limits=Limits(max_step_tokens=3))
    assert ends(cutter.steps) == [("aab", End.STEP_TOKENS), ("a\n\n", End.DELIMITER)] and not cutter.done
    assert not cutter.steps[0].finished and not cutter.steps[0].truncated
    assert ends(cut(*BOX, "a", limits=Limits(max_step_tokens=3)).steps) == [("\\boxed{7}", End.ANSWER)]
    assert not cut(*BOX, "\n\n", limits=Limits(ends_at_box=False)).done, "where answers are read elsewhere"
    assert ends(cut("a", "b", "\n\n", limits=Limits(max_step_tokens=3)).steps) == [("ab\n\n", End.DELIMITER)]


def test_max_steps_cuts_the_path() -> None:
    cutter = cut("a", "\n\n", "b", "\n\n", "a", limits=Limits(max_steps=2))
    assert ends(cutter.steps) == [("a\n\n", End.DELIMITER), ("b\n\n", End.MAX_STEPS)] and cutter.done
    assert cutter.steps[1].truncated and not cutter.steps[1].finished
    assert ends(cut("a", "\n\n", limits=Limits(max_steps=5), steps_before=4).steps) == [("a\n\n", End.MAX_STEPS)]
    assert ends(cut("a", "\n\n", limits=Limits(max_steps=5), steps_before=3).steps) == [("a\n\n", End.DELIMITER)]
    assert ends(cut(*BOX, "\n\n", limits=Limits(max_steps=1)).steps) == [("\\boxed{7}\n\n", End.ANSWER)]
    assert ends(cut("a", EOS, limits=Limits(max_steps=1)).steps) == [("a", End.EOS)]
    assert ends(cut("a", "b", limits=Limits(max_steps=1, max_step_tokens=2)).steps) == [("ab", End.MAX_STEPS)]


@pytest.mark.parametrize("end", [End.MAX_TOKENS, End.CONTEXT])
def test_max_tokens_and_the_context_cut_the_path(end: End) -> None:
    def limited(*tokens: str | int, most: int, max_step_tokens: int = 512) -> Cutter:
        if end is End.CONTEXT:
            return cut(*tokens, room=most, limits=Limits(max_step_tokens=max_step_tokens))
        return cut(*tokens, tokens_before=100, limits=Limits(max_tokens=100 + most, max_step_tokens=max_step_tokens))

    assert ends(limited(*"abab", most=3).steps) == [("aba", end)]
    assert limited(*"abab", most=3).done and limited(*"abab", most=3).steps[0].truncated
    assert ends(limited("a", "\n\n", "b", most=2).steps) == [("a\n\n", end)]
    assert ends(limited("a", "\n\n", "b", "b", most=3).steps) == [("a\n\n", End.DELIMITER), ("b", end)]
    assert ends(limited("a", EOS, most=2).steps) == [("a", End.EOS)]
    assert ends(limited(*BOX, "\n\n", most=4).steps) == [("\\boxed{7}\n\n", End.ANSWER)]
    assert ends(limited(*BOX, "\n\n", most=3).steps) == [("\\boxed{7}", End.ANSWER)], "the box is complete"
    assert ends(limited(*BOX, "a", "b", most=4).steps) == [("\\boxed{7}a", End.ANSWER)]
    assert ends(limited(*BOX, most=2).steps) == [("\\boxed{7", end)]
    assert ends(limited(*BOX, most=3, max_step_tokens=3).steps) == [("\\boxed{7}", End.ANSWER)], "both at once"
    assert ends(limited(*"aaab", most=4, max_step_tokens=2).steps) == [("aa", End.STEP_TOKENS), ("ab", end)]


def test_one_step_or_the_whole_solution() -> None:
    tokens = ("a", "\n\n", "b", "\n\n", *BOX, EOS, "a")
    one, all_ = cut(*tokens, max_steps=1), cut(*tokens, max_steps=None)
    assert ends(one.steps) == [("a\n\n", End.DELIMITER)] and one.done and one.tokens == 2
    assert [end for _, end in ends(all_.steps)] == [End.DELIMITER, End.DELIMITER, End.EOS] and all_.done
    assert cut(*tokens, max_steps=2).tokens == 4
    assert ends(cut("a", "b", max_steps=1, limits=Limits(max_step_tokens=1)).steps) == [("a", End.STEP_TOKENS)]


def test_every_end_is_open_finished_or_truncated() -> None:
    kinds = {end: (Step("", end=end).finished, Step("", end=end).truncated) for end in End}
    assert {end for end, kind in kinds.items() if kind == (True, False)} == {End.ANSWER, End.EOS}
    assert {end for end, kind in kinds.items() if kind == (False, True)} == {
        End.MAX_STEPS,
        End.MAX_TOKENS,
        End.CONTEXT,
        End.UNSURE,
    }
    assert {end for end, kind in kinds.items() if kind == (False, False)} == {
        End.DELIMITER,
        End.STEP_TOKENS,
        End.THOUGHT,
        End.THINKING_TOKENS,
        End.WAIT,
        End.CODE,
    }


# given tokens


def test_given_tokens_begin_the_first_step_and_count_for_no_limit() -> None:
    cutter = cut("b", "\n\n", "a", "\n\n", given=("a", "\n\n", "a"), limits=Limits(max_step_tokens=2))
    assert ends(cutter.steps) == [("a\n\nab\n\n", End.DELIMITER), ("a\n\n", End.DELIMITER)] and cutter.tokens == 4
    first, second = cutter.steps
    assert (
        (first.given, second.given) == (3, 0) and first.logprobs[:3] == (0.0, 0.0, 0.0) and first.written == slice(3, 5)
    )
    assert first.entropy == (0.0, 0.0, 0.0, 0.0, 1.0)
    assert ends(cut("a", "b", "a", given=("a", "b"), limits=Limits(max_tokens=2)).steps) == [("abab", End.MAX_TOKENS)]


def test_a_delimiter_or_a_box_that_is_given_in_part_is_completed() -> None:
    assert ends(cut("\n", "a", given=("a", "\n")).steps) == [("a\n\n", End.DELIMITER)]
    assert ends(cut("7", "}", "\n\n", given=("\\boxed{",)).steps) == [("\\boxed{7}\n\n", End.ANSWER)]


def test_where_an_engine_gives_no_entropy_given_tokens_have_none() -> None:
    cutter = Cutter(VOCABULARY, Delimiter(), Limits(), 0, 0, 100, None, [0])
    cutter.push(2, -1.0)
    assert cutter.steps[0].entropy is None


def test_what_is_left_is_never_exceeded() -> None:
    """`left` and `left_in_step` tokens may follow, and no more; what most_tokens says is reached."""
    for limits in (Limits(), Limits(max_steps=3, max_step_tokens=4), Limits(max_tokens=9, max_step_tokens=4)):
        for max_steps in (1, 2, None):
            cutter = Cutter(VOCABULARY, Delimiter(), limits, 1, 2, 50, max_steps)
            most = most_tokens(limits, 1, 2, 50, max_steps)
            while not cutter.done:
                assert cutter.left == most - cutter.tokens and 1 <= cutter.left_in_step <= cutter.left
                steps, last = len(cutter.steps), cutter.left_in_step == 1
                cutter.push(0, -0.1)
                assert (len(cutter.steps) > steps) == last
            assert cutter.tokens == most
    assert most_tokens(Limits(max_tokens=5), 0, 9, 50, None) == most_tokens(Limits(), 0, 0, -3, 1) == 1
