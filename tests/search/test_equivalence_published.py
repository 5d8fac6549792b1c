"""Which answers are the same, on published sets: their golds, and the cases of Math-Verify's own tests."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from experiments.problems.published import Gsm8k, Math, Math500, Published
from search.answers.algebra import Algebra
from search.answers.boxes import boxed
from search.answers.equivalence import Equivalence, equivalent
from search.answers.notation import as_latex
from search.answers.numerals import are_apart

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MATH500 = DATA / "math500" / "test.jsonl"
MINERVA = Path(os.environ.get("MINERVA", DATA / "minerva_math" / "test.jsonl"))
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


@pytest.mark.parametrize(
    ("problems", "count"),
    [
        (Gsm8k(str(DATA / "gsm8k" / "test.jsonl")), 1319),
        (Math500(str(MATH500)), 500),
        pytest.param(Math(str(DATA / "math_test5000")), 5000, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
    ids=["gsm8k", "math500", "math"],
)
def test_the_golds_of_published_sets_are_read_and_equal_themselves(problems: Published, count: int) -> None:
    """By the algebra, not by being the same text; one that it cannot read equals only the same text."""
    if not Path(problems.path).exists():
        pytest.skip(f"no {problems.path.removeprefix(str(ROOT.parent))} beside the checkout")
    golds = [problem.answer or "" for problem in problems.load()]
    assert len(golds) == count
    assert not [gold for gold in sorted({*golds}) if not read(gold)]


def read(answer: str) -> bool:
    latex = as_latex(answer)
    return ALGEBRA.parsed(latex) is not None and not are_apart(latex)


ALGEBRA = Algebra()
E_NOTATION = re.compile(r"([\d.]+)e(-?\d+)")


def test_the_golds_of_minerva_are_read_and_equal_their_other_forms(same: Equivalence) -> None:
    """`evaluation/data/minerva_math/test.jsonl` of QwenLM/Qwen2.5-Math, where MINERVA names the file."""
    if not MINERVA.exists():
        pytest.skip("MINERVA names no file, and ../shared/data/minerva_math is not beside the checkout")
    golds = [boxed(json.loads(line)["solution"]) or "" for line in MINERVA.read_text("utf-8").splitlines()]
    assert len(golds) == 272
    assert not [gold for gold in golds if not read(gold)]
    numbers = {gold: float(gold) for gold in golds if re.fullmatch(r"[-+]?[\d.]+(e-?\d+)?", gold)}
    forms = [
        (gold, E_NOTATION.sub(form, gold)) for gold in numbers for form in (r"\1 \\times 10^{\2}", r"\1 \\cdot 10^{\2}")
    ]
    forms += [(gold, f"{Decimal(gold):f}") for gold in numbers]
    assert len(numbers) > 160 and sum(gold != form for gold, form in forms) > 150
    assert not [pair for pair in forms if not same(*pair)]
    others = [(gold, f"{value * 1.01:.6g}") for gold, value in numbers.items() if value]
    others += [
        (gold, rf"1.01 \left({gold}\right)")
        for gold in golds
        if gold not in numbers and "=" not in gold and "," not in gold
    ]
    assert not [pair for pair in others if same(*pair)]


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
    "a comma is no decimal point, as the sets write numbers": {6, 7},
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
