"""Cuts text with LaTeX into pieces: plain text, and formulas as MathML in plain data.

Neither the text nor the converter's output is trusted: a formula is rebuilt from a list of allowed elements, without
attributes. A formula that cannot be converted, is too long or defines macros stays text.
"""

import re
import unicodedata
from functools import lru_cache
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import Converter

LONGEST = 1_000  # characters of a formula's source


DEEPEST = 40  # nesting depth of the elements that a browser receives


ELEMENTS = frozenset(
    {"mrow", "mi", "mn", "mo", "mtext", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder", "mover"}
    | {"munderover", "mtable", "mtr", "mtd", "mphantom"}
)


_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}


_ROWS = frozenset({"math", "mstyle", "mpadded", "menclose"})  # elements that are replaced by their contents


_MACROS = re.compile(r"\\(re)?newcommand|\\def|\\newenvironment|\\DeclareMathOperator|\\verb")


_FORMULA = re.compile(
    r"\$\$(?P<dollars>[^$]{1,1000})\$\$"
    r"|\\\[(?P<brackets>.{1,1000}?)\\\]"
    r"|\\\((?P<parentheses>.{1,1000}?)\\\)"
    r"|(?<!\\)\$(?P<dollar>(?![\s$])(?:\\.|[^$\\\n]){1,1000}?)(?<!\s)\$(?!\d)"
    r"|(?P<environment>\\begin\{(?P<name>(?:align|equation|gather|cases|[pbvB]?matrix)\*?)\}.{1,1000}?\\end\{(?P=name)\})"
    r"|(?P<boxed>\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]{0,200}\}){0,200}\}){1,200}\})",
    re.DOTALL,
)


_WRITTEN_AS_FORMULA = re.compile(r"\\[a-zA-Z,!;:%$]|\^")
"""What an answer without dollars has that is LaTeX."""


_COMMAND = re.compile(r"\\(text|mathrm|mbox|textbf|operatorname|begin|end)\s*\{[^{}]*\}|\\[a-zA-Z]+")


_WORD = re.compile(r"[^\W\d_]{3}")


_BLOCKS = ("dollars", "brackets", "environment")


_LETTERS = "∞∂∇∅∀∃"  # mathematical symbols that are not operators


Mathml = list[Any]  # [element, child or text, ...]


Piece = str | int


class Pieces:
    """Cuts texts into pieces. A formula is a number: its place in `formulas`, which hold [source, is a block, MathML].

    A text is cut once: `texts` holds the pieces of each, and calling gives its place there. `answers` holds the pieces
    of each answer that has a formula; an answer needs no dollars, it may be one as a whole.
    """

    def __init__(self) -> None:
        self.texts: list[list[Piece]] = []
        self.answers: dict[str, list[Piece]] = {}
        self.formulas: list[tuple[str, bool, Mathml]] = []
        self._places: dict[str, int] = {}
        self._numbers: dict[tuple[str, bool], int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.texts)
            self.texts.append(self._cut(text))
        return self._places[text]

    def answer(self, text: str | None) -> None:
        """Keeps the pieces of an answer in `answers`, where it has a formula."""
        if text is None or text in self.answers:
            return
        pieces: list[Piece] = self._cut(text)
        if "$" not in text.replace(r"\$", "") and _is_formula(text):
            whole = self._number(text, False)
            pieces = pieces if whole is None else [whole]
        if any(isinstance(piece, int) for piece in pieces):
            self.answers[text] = pieces

    def _cut(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        start = 0
        for match in _FORMULA.finditer(text):
            kind = match.lastgroup if match.lastgroup != "name" else "environment"
            number = self._number(match[kind or 0], kind in _BLOCKS)
            if number is not None:
                pieces += [text[start : match.start()], number]
                start = match.end()
        return [piece for piece in (*pieces, text[start:]) if piece != ""]

    def _number(self, source: str, block: bool) -> int | None:
        """The formula's place; None where it stays text."""
        if (source, block) not in self._numbers:
            formula = mathml(source)
            if formula is None:
                return None
            self._numbers[source, block] = len(self.formulas)
            self.formulas.append((source, block, formula))
        return self._numbers[source, block]


def _is_formula(answer: str) -> bool:
    """Whether an answer is LaTeX as a whole: it has a command or a power, and no words beside its commands."""
    return bool(_WRITTEN_AS_FORMULA.search(answer)) and not _WORD.search(_COMMAND.sub("", answer))


@lru_cache(maxsize=1 << 14)
def mathml(source: str) -> Mathml | None:
    r"""A formula as [element, child or text, ...] of ELEMENTS, or of "boxed", the frame of \boxed; None where it cannot
    be converted.
    """
    if len(source) > LONGEST or _MACROS.search(source):
        return None
    try:
        return _rebuilt(Converter().convert_to_element(source), DEEPEST)
    except Exception:  # the converter raises many types, and no formula may end a report
        return None


def _space(width: str) -> str:
    """A blank of about that width; none where it is negative."""
    if width.startswith(("-", "negative")):
        return ""
    return "\u2003" if width.startswith(("1", "2")) else "\u2009"


def _rebuilt(element: Element, depth: int) -> Mathml:
    """The element without attributes. Raises ValueError for an unknown, malformed or too deep element or command."""
    if depth == 0:
        raise ValueError("too deep")
    tag, text = element.tag, unescape(element.text or "")
    children = [_rebuilt(child, depth - 1) for child in element]
    if tag == "mspace":
        return ["mtext", _space(element.get("width", ""))]
    if text.startswith("\\") and len(text) > 1:
        raise ValueError(f"unknown command {text}")
    if tag == "menclose" and element.get("notation") == "box":
        return ["boxed", *children]
    if tag in _ROWS:
        return children[0] if len(children) == 1 else ["mrow", *children]
    if tag not in ELEMENTS:
        raise ValueError(f"unknown element {tag}")
    if len(children) != _CHILDREN.get(tag, len(children)):
        raise ValueError(f"{tag} of {len(children)} parts")
    if tag == "mrow" and len(children) == 1:
        return children[0]
    if tag == "mi" and len(text) == 1 and unicodedata.category(text) == "Sm" and text not in _LETTERS:
        tag = "mo"
    return [tag, *([text] if text else []), *children]
