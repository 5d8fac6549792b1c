"""Where programs stand in a text that grows, and how they end steps."""

import pytest

from policies.engines.boundary import Delimiter
from policies.engines.code_blocks import Fences, output_block, programs
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from policies.engines.thinking import KNOWN, Stage, Thinking, Thought
from search import End


def test_programs_are_blocks_of_python_that_are_closed() -> None:
    text = "Let\n```python\nx = '```'\n```\n```output\n2\n```\n```js\n```\n `y`\n  ```py\ny\n\nz\n  ```\n```Python3 \nw"
    assert programs(text) == ["x = '```'\n", "y\n\nz\n"]
    assert programs(text + "\n```") == ["x = '```'\n", "y\n\nz\n", "w\n"]
    for none in ("", "```python\n", "```\nx\n```", "```python x\n```", "so ```python\nx\n```", "```python\nx```"):
        assert programs(none) == []
    assert programs("```python\n```") == [""]


TEXT = "a ``b`` \n```js\nx\n```\n\n```python\n# a ``\n\n'```'\n```\n```output\n1\n```\n\n ```python\ny"


@pytest.mark.parametrize("width", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("before", [0, 5, 10, 29, 40])
def test_a_text_that_grows_says_where_a_program_ends(before: int, width: int) -> None:
    fences, ends = Fences(TEXT[:before]), list[int]()
    end = TEXT.index("'\n```\n```output") + 5
    for place in range(before, len(TEXT), width):
        fences.push(TEXT[place : place + width])
        ends += [place] * fences.closed
        shown = place + width
        if shown < end:
            assert fences.inside == (shown >= TEXT.index("python\n") + 7) and not fences.closed
    assert len(ends) == 1 and ends[0] < end <= ends[0] + width
    assert fences.inside and fences.holds
    never = Fences(None)
    never.push(TEXT)
    assert not never.holds


def test_an_output_has_no_fence_of_its_own() -> None:
    assert output_block("```", "a```b") == "\n```output\na'''b\n```\n"
    assert output_block("```\n", "") == "```output\n\n```\n"


# Where steps end

WORDS = ["a", "\n\n", "\n```", "python\n", "x", "\\boxed{5}", "<eos>", "\n```\n\n", "</think>"]
ID = {word: place for place, word in enumerate(WORDS)}
VOCABULARY = Vocabulary(WORDS, frozenset({ID["<eos>"]}), lambda ids: "".join(WORDS[i] for i in ids))


def cut(*words: str, path: str | None = "", limits: Limits = Limits(), thought: bool = False) -> list[tuple[str, End]]:  # noqa: B008
    rule = Thought(Thinking(KNOWN[0], 100, closing=(8,)), Stage.WITHIN, 0, 999, 9) if thought else None
    cutter = Cutter(VOCABULARY, Delimiter(), limits, 0, 0, 1000, None, (), "", rule, Fences(path))
    for word in words:
        assert not cutter.done
        cutter.push(ID[word], -1.0)
    return [(step.text, step.end) for step in cutter.steps]


PROGRAM = ("\n```", "python\n", "x", "\n\n", "x", "\n```")


def test_a_program_ends_its_step_and_the_continuation() -> None:
    text = "".join(PROGRAM)
    assert cut("a", "\n\n", *PROGRAM) == [("a\n\n", End.DELIMITER), (text, End.CODE)]
    assert cut("a", *PROGRAM[:-1], "\n```\n\n") == [("a" + text + "\n\n", End.CODE)]
    assert cut("x", "\n```", path="a\n\n```python\nx") == [("x\n```", End.CODE)]
    assert cut(*PROGRAM, path=None) == [("\n```python\nx\n\n", End.DELIMITER)]
    assert cut("\n```", "x", "\n\n", "\n```") == [("\n```x\n\n", End.DELIMITER)]


def test_a_box_in_a_program_is_no_answer() -> None:
    box = ("\n```", "python\n", "\\boxed{5}")
    assert cut(*box, "\n\n", "\n```") == [("".join([*box, "\n\n\n```"]), End.CODE)]
    assert cut(*box, limits=Limits(max_step_tokens=3)) == [("".join(box), End.STEP_TOKENS)]
    assert cut("\\boxed{5}", "\n\n") == [("\\boxed{5}\n\n", End.ANSWER)]


@pytest.mark.parametrize(
    ("limits", "end"),
    [(Limits(max_tokens=6), End.MAX_TOKENS), (Limits(max_steps=1), End.MAX_STEPS), (Limits(most=6), End.MAX_TOKENS)],
)
def test_at_a_limit_the_path_is_cut_and_nothing_is_run(limits: Limits, end: End) -> None:
    assert cut(*PROGRAM, limits=limits) == [("".join(PROGRAM), end)]


def test_a_program_within_a_thought_ends_a_step_of_the_thought() -> None:
    assert cut("a", *PROGRAM, thought=True) == [("a" + "".join(PROGRAM), End.CODE)]
    assert cut("\n\n", "a", "</think>", thought=True)[0][1] is End.THOUGHT
