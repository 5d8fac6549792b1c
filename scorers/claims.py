r"""What a step claims: two sides of numbers with an equals sign between them, as LaTeX that can be read without running
anything.

    "so \(3 \times 4 = 12\) apples, and 12 + 1 = 13."   ->  (3 \times 4, 12), (12 + 1, 13)

In mathematics mode everything between relations is a side. In prose a side is a run of numbers, operators and
parentheses; a claim there must compute something ("Day 2 = 5" does not) and must not be torn out of a longer formula.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

LONGEST = 300  # characters of a side; a longer one is no simple expression


class Claim(NamedTuple):
    """Two sides, as LaTeX."""

    left: str
    right: str

    @property
    def numeric(self) -> bool:
        """Whether both sides are made of numbers alone, so that the claim is true or false by itself."""
        return not any(_NUMBERS.sub("", side) for side in self)


_DELIMITER = re.compile(r"\\[\[\]()]|(?<!\\)\$\$?|\\(?:begin|end)\{(?:align|equation|gather)\*?\}")
_CLOSED_BY = {r"\[": r"\]", r"\(": r"\)", "$": "$", "$$": "$$"}
_RUN = re.compile(r"[-+*/×·÷^().,\d \t=]+")
_COMPUTES = re.compile(r"[\d)]\s*[-+/^(]|\\(?:times|cdot|div)")
_NUMBERS = re.compile(r"\\(?:[dt]?frac|sqrt|cdot|times|div|pi)(?![a-zA-Z(])|[-+*/^(){}\[\].\d\s]")
# What is no equality of numbers, or means something that the two sides alone do not say.
_BEYOND = re.compile(
    r"\\(?:equiv|p?mod|bmod|approx|neq?|leq?|geq?|sim|circ|[lc]?dots|overline|binom|pm|mp|in|to|pi\s*\(|mid|log)"
    r"(?![a-zA-Z])|[<>≡≈≤≥≠±_!|…;:]|\.\.\.|°"
)
_DRESSING = re.compile(
    r"\\(?:text|mathrm|textbf|mathbf|textit|mbox)\s*\{[^{}]*\}|\\(?:left|right|[bB]igg?)(?![a-zA-Z])|\\[,!;: $]|&"
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{(.*)\}\s*$", re.DOTALL)
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))")
_BREAK = re.compile(r"\\\\|\n|,\s+|\\implies|\\Rightarrow|\\q?quad|\\Longrightarrow")
_PRODUCT = re.compile(r"(?<=[\d)}])\s*(?=\()")  # the grammar reads 5(2) as five and two, a mixed number
_APART = re.compile(r"\d\s+[\d.]")  # 3 R 1: two numbers where a word stood between them
_BULLET = re.compile(r"^[ \t]*[-*][ \t]+", re.MULTILINE)
_UNIT = re.compile(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}")
_MIXED = re.compile(r"\d\s*\\[dt]?frac")  # a mixed number, or a product: who wrote it knows
_SIGNS = str.maketrans({"×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "−": "-", "*": r"\cdot "})


def claims(text: str) -> Iterator[Claim]:
    """Every claim of a step whose sides are balanced and no longer than LONGEST."""
    parts = list(_parts(text))
    for place, (part, is_formula) in enumerate(parts):
        if is_formula:
            yield from _in_formula(part)
        else:
            # Braces stand for the formulas beside it, so that what continues one is seen to be torn out of it.
            yield from _in_prose("}" * (place > 0) + part + "{" * (place < len(parts) - 1))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text cut into prose and formulas; what is opened and never closed is prose."""
    start, closer = 0, ""
    for match in _DELIMITER.finditer(text):
        if closer and match[0] != closer:
            continue
        yield text[start : match.start()], bool(closer)
        closer = "" if closer else _CLOSED_BY.get(match[0], match[0].replace("begin", "end"))
        start = match.end()
    yield text[start:], False


def _in_formula(formula: str) -> Iterator[Claim]:
    for line in _BREAK.split(formula):
        if "=" in line and not _BEYOND.search(line):
            yield from _pairs(line)


def _in_prose(text: str) -> Iterator[Claim]:
    text = _BULLET.sub("", text)
    for match in _RUN.finditer(text):
        run, before, after = (
            match[0].strip(),
            text[max(match.start() - 1, 0) : match.start()],
            text[match.end() : match.end() + 1],
        )
        is_glued = not match[0][:1].isspace() and before.isalnum()  # f(2 + 1), x2 + 1
        is_torn = is_glued or (run[:1] in tuple("+-*/×·÷^)") and (before.isalnum() or before in tuple(")}]'\"")))
        if "=" in run and not is_torn and not (after.isalpha() or after in tuple("\\{_")) and run[-1] != "=":
            yield from (claim for claim in _pairs(run) if any(map(_COMPUTES.search, claim)))


def _pairs(line: str) -> Iterator[Claim]:
    for raw in pairwise(line.split("=")):
        if max(map(len, raw)) > 4 * LONGEST or _other_units(*raw):
            continue
        left, right = map(latex, raw)
        if _readable(left) and _readable(right):
            yield Claim(left, right)


def _other_units(left: str, right: str) -> bool:
    """Whether each side names a unit and the two differ: an hour is 60 minutes."""
    first, second = ({word.strip() for word in _UNIT.findall(side)} for side in (left, right))
    return bool(first and second) and first != second


def _readable(side: str) -> bool:
    return (
        0 < len(side) <= LONGEST
        and not _MIXED.search(side)
        and not _APART.search(side)
        and all(side.count(a) == side.count(b) for a, b in ("()", "{}", "[]"))
    )


def latex(side: str) -> str:
    r"""A side as the grammar reads it best: products with a sign, and without units, spacing or a box around it."""
    side = _DRESSING.sub(" ", side.translate(_SIGNS))
    if box := _BOX.search(side):
        side = side[: box.start()] + box[1]
    return _PRODUCT.sub(r" \\cdot ", _THOUSANDS.sub("", side)).strip().strip(".,").strip()
