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
        (r"\boxed{}", ""),
        (r"\\boxed{5}", "5"),  # escaped twice
        (r"\\\boxed{5}", "5"),  # a line break before the box
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{a \boxed{7} b}", "7"),  # the innermost is opened last
        (r"\boxed{1} but \boxed{2", "1"),
        (r"{ } } \boxed{3} } {", "3"),
        (r"{ \boxed{3}", "3"),
        (r"\boxed{x{y}", None),
        (r"\boxed 5", None),
        (r"\fbox{5}", None),
        (r"boxed{5}", None),
        (r"\boxedly{5}", None),
        (r"\boxed{5\}", None),
        ("\\", None),
        ("", None),
    ],
)
def test_known_texts(text: str, content: str | None) -> None:
    assert boxed(text) == content
    assert has_boxed(text) is bool(content and content.strip())


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{" * 50_000, None),
        (r"\boxed{" * 50_000 + "}" * 50_000, ""),
        (r"\boxed{" * 50_000 + "5}", "5"),
        ("{" * 200_000 + r"\boxed{5}", "5"),
        ("}" * 200_000 + r"\boxed{5}", "5"),
        ("\\" * 200_001 + "boxed{5}", "5"),
        ("\\" * 200_000, None),
        ((r"\boxed" + " " * 100) * 2_000, None),
        (r"\boxed{" + "\0" * 200_000 + "}", "\0" * 200_000),
    ],
    ids=["open", "nested", "one closed", "braces", "closing", "odd escapes", "escapes", "spaces", "NUL"],
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
