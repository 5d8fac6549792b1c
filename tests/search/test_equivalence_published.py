"""Which answers are the same, on published sets: their golds, and the cases of Math-Verify's own tests."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest

from experiments.problems.published import Gsm8k, Math, Math500, Published
from search.answers.boxes import boxed
from search.answers.equivalence import Equivalence, equivalent
from search.answers.equivalence_worker import as_latex

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MATH500 = DATA / "math500" / "test.jsonl"
TRIPLETS = DATA / "answer_equiv" / "math_verify_triplets.jsonl"


@pytest.fixture(scope="module")
def same() -> Iterator[Equivalence]:
    with closing(Equivalence(workers=2)) as relation:
        yield relation


def in_pairs(function: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
    """The results for all arguments, two at a time, in their order."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(function, *arguments))


def test_math500_golds_equal_the_boxes_of_their_solutions() -> None:
    if not MATH500.exists():
        pytest.skip("no ../shared/data/math500 beside the checkout")
    problems = [json.loads(line) for line in MATH500.read_text().splitlines()]
    assert all(equivalent(problem["answer"], boxed(problem["solution"]) or "") for problem in problems)


UNREAD = {"counting_and_probability_test/412", "geometry_test/54"}  # `5,\!525` in a fraction; `\frac \pi4`


@pytest.mark.parametrize(
    ("problems", "count", "unread"),
    [
        (Gsm8k(str(DATA / "gsm8k" / "test.jsonl")), 1319, set()),
        (Math500(str(MATH500)), 500, set()),
        pytest.param(
            Math(str(DATA / "math_test5000")), 5000, UNREAD, marks=[pytest.mark.slow, pytest.mark.timeout(600)]
        ),
    ],
    ids=["gsm8k", "math500", "math"],
)
def test_the_golds_of_published_sets_are_read_and_equal_themselves(
    same: Equivalence, problems: Published, count: int, unread: set[str]
) -> None:
    """By Math-Verify's own algebra, not by being the same text; one that it cannot read equals only the same text."""
    if not Path(problems.path).exists():
        pytest.skip(f"no {problems.path.removeprefix(str(ROOT.parent))} beside the checkout")
    library: Any = import_module("math_verify")
    grammar = [library.LatexExtractionConfig()]
    golds = {problem.id: problem.answer or "" for problem in problems.load()}
    texts = sorted(set(golds.values()))
    equal = in_pairs(lambda text: same._ask(text, text), texts)
    parsed = {text: library.parse(as_latex(text), grammar, parsing_timeout=None) for text in texts}
    assert len(golds) == count
    assert all(equal), [text for text, verdict in zip(texts, equal, strict=True) if not verdict]
    assert {name for name, gold in golds.items() if not parsed[gold] or isinstance(parsed[gold][0], str)} == unread


MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def final_answer(text: str) -> str | None:
    """The answer of a text as we take it: the last box, else the only mathematics, else a short text without words."""
    if "boxed{" in text:
        return boxed(text)
    if spans := list(MATHEMATICS.finditer(text)):
        return next(filter(None, spans[0].groups())) if len(spans) == 1 else None
    return text if len(text) <= 12 or (len(text) <= 40 and not re.search(r"(?<!\\)\b[a-z]{4}", text)) else None


EXPLAINED = {
    "of prose without a box, finding the answer is Math-Verify's part; here a model's answer stands in a box": {
        8, 14, 15, 16, 17, 61, 62, 142, 143, 144, 148, 149, 153, 157, 158, 160, 164, 168, 170, 171, 173, 175,
        212, 218, 219,
    },
    "the last box is the answer; Math-Verify takes several together": {
        183, 184, 191, 206, 207, 224, 236, 237, 238, 240, 242, 243, 247, 248, 249, 250, 251,
    },
    "a comma is no decimal point and a space no thousands mark, as the sets write numbers": {3, 6, 7},
    "which signs begin and end mathematics is Math-Verify's part: over lines, and an escaped dollar": {32, 33, 36},
    "asked for other rules than ours: two places of precision, variables by any name, no interval for a relation": {
        134, 140, 188, 254,
    },
    "1 - 1/e is not 1 + 1/e": {264},
}  # fmt: skip


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_agreement_with_math_verify(same: Equivalence, every: int) -> None:
    """Of every so many of the 268 cases of Math-Verify's own tests, by line of the file: where we differ, and why."""
    if not TRIPLETS.exists():
        pytest.skip("no ../shared/data/answer_equiv beside the checkout")
    lines = TRIPLETS.read_text().splitlines()
    assert len(lines) == 268
    numbers = range(1, len(lines) + 1, every)
    cases = [json.loads(lines[number - 1]) for number in numbers]
    golds, answers = ([final_answer(case[side]) for case in cases] for side in ("gold", "pred"))
    verdicts = in_pairs(lambda gold, answer: None not in (gold, answer) and same(gold, answer), golds, answers)
    judged = zip(numbers, cases, verdicts, strict=True)
    differ = {number for number, case, verdict in judged if verdict is not case["expected"]}
    assert differ == set.union(*EXPLAINED.values()) & {*numbers}
