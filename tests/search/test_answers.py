"""The content of the last complete box: known texts, hostile texts, and real solutions."""

import json
import time
from pathlib import Path

import pytest

from search.answers.boxes import boxed, has_boxed

MATH500 = Path(__file__).parents[3] / "shared" / "data" / "math500" / "test.jsonl"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"so $\boxed{42}$.", "42"),
        (r"\boxed{1} and then \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{x \mid x > 0\right.}", r"\left\{x \mid x > 0\right."),
        (r"\boxed{a \\} b", r"a \\"),  # a line break, then the closing brace
        (r"\boxed {5}", "5"),
        ("\\boxed{\n5\n}", "\n5\n"),
        (r"\boxed{}", None),
        (r"\\boxed{5}", "5"),  # escaped twice
        (r"\\\boxed{5}", "5"),  # a line break before the box
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{a \boxed{7} b}", "7"),  # the innermost is opened last
        (r"\boxed{1} but \boxed{2", "1"),
        (r"{ } } \boxed{3} } {", "3"),
        (r"{ \boxed{3}", "3"),
        (r"\boxed{x{y}", None),
        (r"\fbox{5}", "5"),
        (r"\framebox[2cm][l]{$5$}", "$5$"),
        (r"\boxed{\fbox{5}}", "5"),
        (r"$\boxed 5$", "5"),
        (r"\boxed 1,234.5, as said", "1,234.5"),
        (r"\boxed -3.", "-3"),
        (r"\boxed5", "5"),
        (r"so \boxed \frac{1}{2}", r"\frac{1}{2}"),
        (r"$\boxed\frac12$", r"\frac12"),
        (r"$\boxed x^2+1$", "x^2+1"),
        (r"\boxed{5}, not $\boxed A$.", "A"),
        (r"in \boxed form", None),
        (r"\boxed a number", None),
        (r"boxed{5}", None),
        (r"\boxedly{5}", None),
        (r"\boxed{5\}", None),
        ("\\", None),
        ("", None),
    ],
)
def test_known_texts(text: str, content: str | None) -> None:
    assert boxed(text) == content
    assert has_boxed(text) is (content is not None)


@pytest.mark.parametrize(
    "content",
    [
        *("", " ", "$$", "...", "…", "?", "___", r"\_\_", r"\ldots", r"\dots, \dots", "[...]", "(?)", r"\square"),
        *(r"\text{}", r"\underline{\hspace{1cm}}", "answer", "Answer", "your answer", r"\text{your final answer}"),
        *("<answer>", "[Your Answer]", "the final result", "final numerical value", "ANSWER HERE", "答案", "你的答案"),
        *(
            "insert your answer here",
            "put the answer here",
            "**answer**",
            r"\boxed{}",
            r"\fbox{...}",
            r"\boxed{\boxed{}}",
        ),
    ],
)
def test_a_box_that_repeats_the_instruction_holds_no_answer(content: str) -> None:
    box = rf"\boxed{{{content}}}"
    assert boxed(box) is None and not has_boxed(box)
    assert boxed(rf"So \boxed{{5}}. I have put it in {box}.") == "5"
    assert boxed(rf"I write {box}: \boxed{{5}}") == "5"


@pytest.mark.parametrize(
    "content",
    [
        *(
            "0",
            "x",
            "-",
            "<",
            "*",
            "[]",
            "()",
            r"\{\}",
            r"\emptyset",
            "A",
            "(A)",
            r"\text{no solution}",
            "none",
            "1, 2, ...",
        ),
        *("number", "Answer: 5", "the sum of the answers", r"\ldots 3", "no", "inserted", "put", "a " * 50),
    ],
)
def test_an_answer_that_resembles_a_placeholder_is_one(content: str) -> None:
    assert boxed(rf"\boxed{{{content}}}") == content


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{" * 50_000, None),
        (r"\boxed{" * 50_000 + "}" * 50_000, None),
        (r"\boxed{" * 50_000 + "5}", "5"),
        ("{" * 200_000 + r"\boxed{5}", "5"),
        ("}" * 200_000 + r"\boxed{5}", "5"),
        ("\\" * 200_001 + "boxed{5}", "5"),
        ("\\" * 200_000, None),
        ((r"\boxed" + " " * 100) * 2_000, None),
        (r"\boxed{" + "\0" * 200_000 + "}", "\0" * 200_000),
        (r"\boxed{" + " " * 200_000 + "}", None),
        (r"\boxed{...}" * 20_000, None),
        (r"\boxed 1," * 20_000, "1"),
        (r"\boxed \frac{1" * 20_000, r"\frac"),
        (r"\boxed a" + " " * 200_000, "a"),
        (r"\framebox[" * 20_000, None),
    ],
    ids=[
        *("open", "nested", "one closed", "braces", "closing", "odd escapes", "escapes", "spaces", "NUL"),
        *("blank", "placeholders", "bare", "bare and open", "bare and blank", "open options"),
    ],
)
def test_hostile_texts_take_linear_time(text: str, content: str | None) -> None:
    start = time.process_time()
    assert boxed(text) == content
    assert time.process_time() - start < 1


def test_real_solutions() -> None:
    if not MATH500.exists():
        pytest.skip("the shared folder with MATH-500 is not here")
    problems = [json.loads(line) for line in MATH500.read_text().splitlines()]
    assert len(problems) == 500
    assert [boxed(problem["solution"]) for problem in problems] == [problem["answer"] for problem in problems]
