r"""An answer's text as LaTeX that a grammar of mathematics reads in one way. Nothing is computed here.

x**2 + sqrt(2)  ->  x^{2} + \sqrt{2}      **½**           ->  \frac{1}{2}      \textcolor{red}{204.}  ->  204
2√3             ->  2\sqrt{3}             4 - 6\,\mathrm{i}  ->  4 - 6 i       \{x \mid x > 3\}       ->  x > 3
"""

import re
import unicodedata
from collections.abc import Callable

from search.answers.numerals import numerals, products
from search.answers.units import without_units

_SIGNS = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "×": r" \times ",
        "·": r" \cdot ",
        "⋅": r" \cdot ",
        "∗": "*",
        "÷": r" \div ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "±": r"\pm ",
        "∓": r"\mp ",
        "∞": r"\infty ",
        "∪": r"\cup ",
        "∩": r"\cap ",
        "∈": r"\in ",
        "∅": r"\emptyset ",
        "∖": r"\setminus ",
        "√": r"\sqrt",
        "ℝ": r"\mathbb{R}",
        "ℤ": r"\mathbb{Z}",
        "ℚ": r"\mathbb{Q}",
        "ℕ": r"\mathbb{N}",
        "ℂ": r"\mathbb{C}",
        "°": r"^\circ ",
        "⁄": "/",
        "∕": "/",
        "…": r"\ldots ",
        "¬": r"\neg ",
        "∧": r"\land ",
        "∨": r"\lor ",
        "€": "",
        "£": "",
        "¥": "",
        "“": "",
        "”": "",
        "‘": "'",
        "’": "'",
        "′": "'",
        "″": "''",
        "₁": "_1",
    }
)
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_LETTERS = str.maketrans(
    {
        unicodedata.lookup(f"GREEK SMALL LETTER {name.upper().replace('LAMBDA', 'LAMDA')}"): f"\\{name} "
        for name in _GREEK.split()
    }
)
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_RAISED = re.compile("[⁰¹²³⁴-⁹⁻⁺ⁿ]+")
_LOWERED = re.compile("[₀-₉]+")
_TEXT = re.compile(r"(\\(?:text|mathrm|mbox|operatorname)\{[^{}]*\})")

_WRAPPED = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"\$\$?([^$]*)\$\$?",
        r"\\\((.*)\\\)",
        r"\\\[(.*)\\\]",
        r"\*\*([^*]+)\*\*",
        r"__([^_]+)__",
        "`([^`]+)`",
    )
]
_DRESSING = re.compile(
    r"\\(?:textcolor|colorbox|color) ?\{[^{}]*\} ?|"
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathtt|boldsymbol|bm|underline|emph|boxed|fbox|ensuremath) ?(?=\{)"
)
_STYLE = re.compile(
    r"\\(?:displaystyle|textstyle|large|Large|small|normalsize|bf|it|rm|limits|nolimits|hfill|left|right|[bB]igg?[lrm]?)"
    r"(?![a-zA-Z])\.?|\\!|\\text ?\{ ?\\?\$ ?\}|[\u200b-\u200f\u2060\ufeff]"
)
_TIGHT = re.compile(r", ?\\! ?")  # the comma of `10,\!000`
_TEXTS = re.compile(r"\\(?:text(?:normal|bf|it|rm|sf|tt|up)|mathrm|mbox|textrm) ?(?=\{)|\\text (?=\{)")
_SPACES = re.compile(r"(?:(?<!\\)\\[,;: ]|\\q?quad(?![a-zA-Z])|\\hspace\{[^{}]*\}|~|\s)+")
_BREAKS = re.compile(r"\\\\(?:\[[^\]]*\])?(?![a-zA-Z])|\\newline(?![a-zA-Z])")
_TAIL = re.compile(r"(?:\s|\\\\|(?<!\\)[,;:]|(?<![.\\])\.)+$")
_LETTER = re.compile(r"(?<=\d) ?\\text\{ ?([eE]) ?\}(?=[-+\d{])|\\(?:text\{ ?([ie]) ?\}(?!_)|imath(?![a-zA-Z]))")
_FULL_STOP = re.compile(r"(\\text\{[^{}]*?)\. ?\}$")
_BOTH = re.compile(r"(?<=[\w)}]) ?\\text\{([^{}]*?) ?\b(?:and|or)\b ?([^{}]*)\}(?= ?[-\w\\(])")
_CHOICE = re.compile(r"(?:\\text\{ ?\(?[A-H]\)?[.:]? ?\}|\([A-H]\))[.:]? *(?=[^\s+*/^=)\]}_,-])")

_NAMES = (
    "sqrt|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|log|ln|exp|min|max|gcd|lcm|pi|theta|alpha|beta"
)
_ASCII = re.compile(rf"(?<![\\a-zA-Z])(?:(?:np|numpy|math)\.)?({_NAMES}|infty|infinity|inf|oo)(?![a-zA-Z])")
_NAME = rf"\\(?:{'|'.join(_GREEK.split())}|infty|ell)(?![a-zA-Z])"  # that stands for a number, and takes nothing
_ROOT = re.compile(rf"(\\sqrt(?: ?\[[^\[\]]*\])?) *(\d+(?:\.\d+)?|[a-zA-Z](?![a-zA-Z])|{_NAME})")
_BRACES = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_OVER = re.compile(rf"(\\[dtc]?frac) ?({_NAME}) ?")
_UNDER = re.compile(rf"(\\[dtc]?frac ?(?:[\da-zA-Z]|{_BRACES})) ?({_NAME})")
_RELATIONS = [(re.compile("<="), r"\\le "), (re.compile(">="), r"\\ge "), (re.compile(r"(?<= )!="), r"\\ne ")]
_BUILDER = re.compile(
    r"\\\{ ?[a-zA-Z](?: ?\\in ?(?:\\mathbb ?\{? ?R ?\}?|R))? ?(?:\\mid|\\vert|\\colon|[|:]) ?(?P<holds>[^{}|]+?) ?\\\}"
)
_DEGREES = re.compile(r"(?:(?<![\d.])(\d+(?:\.\d+)?) ?)?\^ ?\{? ?\\(?:circ|degree) ?\}?|\\degree(?![a-zA-Z])")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_PRIMES = re.compile(r"(?<=[a-zA-Z})])('+)")
_STAR = re.compile(r"_ ?\{? ?\\(max|min|odot|oplus|text|star|infty|circ|ast|perp|parallel)(?![a-zA-Z]) ?\}?")
_E_NAME = re.compile(r"(?<![a-zA-Z\\])([EeI])(?=_)")
_PHRASE = re.compile(r"(?=.*[a-zA-Z]{4}|(?:yes|no|odd|all|one|two|six|ten|DNE)$)[a-zA-Z][a-zA-Z' -]*", re.IGNORECASE)


def as_latex(answer: str) -> str:
    """The answer's text in its one form. Any text may be given; what is no mathematics stays about as it is."""
    text = _unwrapped(answer.translate(_LETTERS).translate(_SIGNS))
    text = _LOWERED.sub(_lowered, _RAISED.sub(_raised, _VULGAR.sub(_vulgar, text)))
    text = _unwrapped(_DRESSING.sub("", _STYLE.sub("", _TIGHT.sub("{,}", text))))
    text = _LETTER.sub(lambda letter: letter[1] or f" {letter[2] or 'i'} ", _TEXTS.sub(r"\\text", text))
    text = _BOTH.sub(r"\\text{\1},\\text{\2}", _FULL_STOP.sub(r"\1}", text))
    if _PHRASE.fullmatch(text) and not _ASCII.fullmatch(text):
        return rf"\text{{{text}}}"
    text = _CHOICE.sub("", text, count=1) if _CHOICE.match(text) else text
    text = _outside_texts(numerals, text.replace("**", "^"))
    if r"\begin" not in text:
        text = _BREAKS.sub(" ", text)
    text = _outside_texts(_formula, _SPACES.sub(" ", text))
    text = _BUILDER.sub(lambda builder: builder["holds"], text)
    return _outside_texts(products, without_units(_angles(text))).strip()


def _unwrapped(text: str) -> str:
    """The text without signs of mathematics or of emphasis around it, and without stops behind it."""
    before = None
    while text != before:
        before, text = text, _TAIL.sub("", text.strip())
        for pattern in _WRAPPED:
            if wrapped := pattern.fullmatch(text):
                text = wrapped[1]
        if text.startswith("{") and _closing(text, 0, "{}") == len(text) - 1:
            text = text[1:-1]
    return text


def _outside_texts(rule: Callable[[str], str], text: str) -> str:
    r"""Applies the rule where no \text{...} stands."""
    parts = _TEXT.split(text)
    return "".join(part if place % 2 else rule(part) for place, part in enumerate(parts))


def _formula(text: str) -> str:
    """Plain-text mathematics as LaTeX, and names that the grammar lacks."""
    text = _ASCII.sub(
        lambda name: {"infinity": r"\infty", "inf": r"\infty", "oo": r"\infty"}.get(name[1], f"\\{name[1]}"), text
    )
    text = re.sub(r"\^ ?([-+]\d+)", r"^{\1}", text)
    text = re.sub(r" ?\* ?", r" \\cdot ", text)
    for pattern, sign in _RELATIONS:
        text = pattern.sub(sign, text)
    for pattern in (_ROOT, _OVER, _UNDER):
        text = pattern.sub(r"\1{\2}", text)
    text = _braced(r"\sqrt", _braced("^", text))
    text = _PRIMES.sub(lambda primes: "^{" + r"\prime" * len(primes[1]) + "}", text)
    return _E_NAME.sub(r"\\text{\1}", _STAR.sub(r"_{\1}", text))


def _braced(operator: str, text: str) -> str:
    """What stands in parentheses behind the operator, in braces: `^(n+1)` is `^{n+1}`."""
    place = text.find(operator)
    while place >= 0:
        start = place + len(operator)
        start += text.startswith(" ", start)
        if text.startswith("(", start) and (end := _closing(text, start, "()")) > 0:
            text = f"{text[:start]}{{{text[start + 1 : end]}}}{text[end + 1 :]}"
        place = text.find(operator, start)
    return text


def _closing(text: str, start: int, pair: str) -> int:
    """The place where the bracket at `start` is closed; -1 where it is not."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == pair[0]) - (text[place] == pair[1])
        if not depth:
            return place
    return -1


def _angles(text: str) -> str:
    """Degrees are radians under a trigonometric function, and dropped elsewhere."""
    if _TRIGONOMETRY.search(text):
        return _DEGREES.sub(lambda angle: rf"(\frac{{{angle[1] or 1}\pi}}{{180}})", text)
    return _DEGREES.sub(lambda angle: angle[1] or "", text)


def _vulgar(fraction: "re.Match[str]") -> str:
    over, _, under = unicodedata.normalize("NFKC", fraction[0]).partition("⁄")
    return rf"\frac{{{over}}}{{{under}}}"


def _raised(digits: "re.Match[str]") -> str:
    return f"^{{{unicodedata.normalize('NFKC', digits[0]).replace('−', '-')}}}"


def _lowered(digits: "re.Match[str]") -> str:
    return f"_{{{unicodedata.normalize('NFKC', digits[0])}}}"
