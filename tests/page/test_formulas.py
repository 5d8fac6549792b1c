"""Formulas on the report's page: found in any text, drawn without an element of the input, and never a hang."""

from typing import Any

import pytest

from experiments.reports.page.formulas import ELEMENTS, Pieces, mathml


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (r"a $\frac{1}{2}$ b", [r"\frac{1}{2}"]),
        (r"\(x\) and \[y\] and $$z$$", ["x", "y", "z"]),
        (r"so \boxed{\frac{1}{2}}.", [r"\boxed{\frac{1}{2}}"]),
        ("it costs $5, and $3 more", []),
        (r"no end $\frac{1}{2", []),
        (r"$\def\a{\a\a}\a$ $\newcommand{\b}{1}\b$", []),
        (r"$\frac{1}$", []),
        ("$" + "{" * 300 + "x" + "}" * 300 + "^" * 100 + "$", []),
        ("$" + "x" * 2000 + "$", []),
    ],
)
def test_formulas_are_cut_out_and_the_rest_stays_text(text: str, sources: list[str]):
    pieces = Pieces()
    cut = pieces.texts[pieces(text)]
    assert [pieces.formulas[p][0] for p in cut if isinstance(p, int)] == sources
    if not sources:
        assert cut == [text]


@pytest.mark.parametrize(
    ("answer", "formula"),
    [
        (r"\frac{1}{2}", ["mfrac", ["mn", "1"], ["mn", "2"]]),
        (r"\frac43", ["mfrac", ["mn", "4"], ["mn", "3"]]),
        (r"$\frac12$", ["mfrac", ["mn", "1"], ["mn", "2"]]),
        (r"\$18.90", ["mrow", ["mi", "$"], ["mn", "18.90"]]),
        (r"3,\!000", ["mrow", ["mn", "3"], ["mo", ","], ["mtext", ""], ["mn", "000"]]),
        (r"\text{Evelyn}", ["mtext", "Evelyn"]),
        (r"x^2", ["msup", ["mi", "x"], ["mn", "2"]]),
        ("42", None),
        ("$5", None),
        ("snake_case", None),
        ("2^5 and more", None),
        (r"\frac{1", None),
        (r"C:\new\file", None),
        (r"\def\a{\a\a}\a", None),
        (r"\frac{1}{2}" * 200, None),
    ],
)
def test_an_answer_is_a_formula_without_dollars_where_it_is_latex(answer: str, formula: list[Any] | None):
    pieces = Pieces()
    pieces.answer(answer)
    drawn = [pieces.formulas[piece][2] for piece in pieces.answers.get(answer, []) if isinstance(piece, int)]
    assert drawn == ([] if formula is None else [formula])


def test_a_formula_has_no_element_or_attribute_of_the_input():
    for source in (
        r"\text{<script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\color{red}{y}",
        r"\style{x}{y}",
    ):
        made = mathml(source)
        assert made is None or _elements(made) <= ELEMENTS
    assert mathml(r"\text{<b>}") == ["mtext", "<b>"] and mathml("a<b") == [
        "mrow",
        ["mi", "a"],
        ["mo", "<"],
        ["mi", "b"],
    ]


def _elements(tree: list[Any]) -> set[str]:
    return {tree[0]}.union(*(_elements(child) for child in tree[1:] if isinstance(child, list)))


@pytest.mark.timeout(20)
def test_no_text_hangs_the_report():
    for text in (
        r"\(" * 20_000,
        "$ " * 20_000,
        r"\boxed{" * 5_000,
        r"\boxed{{a" * 5_000,
        "$$" * 20_000,
        r"\begin{align}" * 5_000,
    ):
        Pieces()(text)
    for source in ("_" * 999, r"\left(" * 160, r"\sqrt[" * 160, r"\frac{" * 160, "{" * 999, "\\" * 999, "'" * 999):
        mathml(source)
        Pieces().answer(source)
