r"""Numbers in an answer's text: how they are written, as LaTeX that a grammar reads in one way.

10\,000 -> 10000     4.5e33 -> 4.5 \times 10^{33}     0.\overline{3} -> \frac{1}{3}     1 1/2 -> 1\frac{1}{2}
"""

import re
from fractions import Fraction
from functools import partial

_MANTISSA = r"\d{1,100}(?:\.\d{1,100})?"
_POWER = r"10\^(?:\{(-?\d{1,3})\}|(\d))"
_PLAIN = re.compile(rf"([-+]?)(?:({_MANTISSA})(?: *\\(?:times|cdot) *{_POWER})?|{_POWER})", re.ASCII)
_LARGEST = 200  # of an exponent: such a number is still a float
_BASED = re.compile(r"([\dA-Z]+)_(?:\{(?:\\text\{)?([a-z]+|\d{1,2})\}{1,2}|(\d))", re.ASCII)
_NAMES = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_BASES = {name: base for base, name in enumerate(_NAMES.split(" "), 2)}

_GAP = r"(?:\{,\}|, ?\\!|\\[,;:! ]|~| )"  # what may stand between the thousands
_THOUSANDS = re.compile(rf"(?<![\w.])[1-9]\d{{0,2}}(?P<gap>{_GAP})\d{{3}}(?:(?P=gap)\d{{3}})*(?![\d/])", re.ASCII)
_PLACES = re.compile(rf"(?<=\d)\.\d{{3}}(?P<gap>{_GAP})(?:\d{{3}}(?P=gap))*\d{{1,3}}(?!\d)", re.ASCII)
_COMMAS = re.compile(r"(?<![\w.])[1-9]\d{0,2}(?:,\d{3})+(?!\d)", re.ASCII)
_LISTS = re.compile(r"[(\[;]|\\\{|\\lang|\\begin|,(?!\s)")

_X_TIMES = re.compile(r"(?<=\d) ?[xX] ?(?=10 ?\^)")
_BARE_POWER = re.compile(r"(?<=10)\^ ?([-+]?\d+)")
_E = re.compile(r"(?<![\w.\\])(\d+(?:\.\d*)?|\.\d+)[eE]([-+]?)(?:\{?0*(?=\d))(\d{1,4})\}?(?![\w.(])", re.ASCII)
_BAR = r"\\(?:overline|overbar|bar|dot) ?(?:\{(\d{1,20})\}|(\d))"
_DOTS = r"(?:\\[lc]?dots|\.{3})"
_RECURRING = (
    re.compile(r"(?<!\d)(\d{0,12})\.(\d{0,20})\\dot ?\{?(\d)\}?(\d{0,20})\\dot ?\{?(\d)\}?(?!\d)", re.ASCII),
    re.compile(rf"(?<!\d)(\d{{0,12}})\.(\d{{0,20}}){_BAR}(?!\d)", re.ASCII),
    re.compile(r"(?<!\d)(\d{1,12})\.()\((\d{1,20})\)", re.ASCII),
    re.compile(rf"(?<!\d)(\d{{0,12}})\.(\d{{0,12}}?)(\d{{1,6}}?)\3\3+ ?{_DOTS}", re.ASCII),
)
_CUT_OFF = re.compile(rf"(?<=\.\d{{3}}) ?{_DOTS}$|(?<=\d{{6}}) ?{_DOTS}$", re.ASCII)
_MIXED = re.compile(r"(?<![\w.^_{])(\d+) +(\d+) ?/ ?(\d+)(?![\w.(^])", re.ASCII)
_STOP = re.compile(rf"(?<=\d)\.(?![\d.])(?! ?{_DOTS})")
_NO_ZERO = re.compile(r"(?<![\w.])\.(?=\d)")
_APART = re.compile(r"(?:^|[^\w^.])\d[\d.]* +\.?\d|\d\.\d+\.\d", re.ASCII)
_FACTORS = re.compile(r"((?:^|[^\w.^])\d[\d.]*|\)) ?(?=\()", re.ASCII)


def plain_number(latex: str) -> Fraction | None:
    r"""A decimal number with at most one power of ten, `-0.5`, `4.5 \times 10^{33}`, `10^{3}`; None for all else."""
    match = _PLAIN.fullmatch(latex)
    if match is None:
        return None
    sign, mantissa, *powers = match.groups()
    exponent = int(next(filter(None, powers), "0"))
    if abs(exponent) > _LARGEST:
        return None
    return Fraction(mantissa or 1) * Fraction(10) ** exponent * (-1 if sign == "-" else 1)


def based(latex: str) -> tuple[str, int] | None:
    """The digits and the base of `52_8` and `1A_{16}`; None for all else."""
    match = _BASED.fullmatch(latex)
    if match is None:
        return None
    base = match[2] or match[3]
    base = _BASES.get(base, 0) if base.isalpha() else int(base)
    return (match[1].lstrip("0") or "0", base) if 2 <= base <= 36 else None


def are_apart(latex: str) -> bool:
    """Whether two numbers stand side by side, `3 4`: neither a number nor a product."""
    return bool(_APART.search(latex))


def numerals(text: str) -> str:
    """The text with each number in the one form that the grammar knows. Linear in the length of the text."""
    for pattern in (_PLACES, _THOUSANDS):
        text = pattern.sub(_without_gaps, text)
    joined = _COMMAS.sub(lambda number: number[0].replace(",", ""), text)
    text = text if _LISTS.search(joined) else joined
    text = _BARE_POWER.sub(r"^{\1}", _X_TIMES.sub(r" \\times ", text))
    text = _E.sub(partial(_scientific, len(text)), text)
    for pattern in _RECURRING:
        text = pattern.sub(_recurring, text)
    text = _CUT_OFF.sub("", text)
    return _NO_ZERO.sub("0.", _STOP.sub("", text))


def products(text: str) -> str:
    r"""The text with a mixed number as such, and a sign in the products `2(3)` and `(2)(3)`, which the grammar adds."""
    return _FACTORS.sub(r"\1 \\cdot ", _MIXED.sub(r"\1\\frac{\2}{\3}", text))


def _without_gaps(number: "re.Match[str]") -> str:
    return number[0].replace(number["gap"], "")


def _scientific(whole: int, number: "re.Match[str]") -> str:
    mantissa, sign, exponent = number.groups()
    latex = rf"{mantissa.rstrip('.')} \times 10^{{{'-' * (sign == '-')}{exponent}}}"
    return latex if number.end() - number.start() >= whole - 1 else f"({latex})"  # alone, or after its sign


def _recurring(number: "re.Match[str]") -> str:
    """A decimal number whose last digits recur, as a fraction."""
    whole, places, *digits = number.groups()
    period = "".join(filter(None, digits))
    value = Fraction(int(f"0{whole}{places}{period}") - int(f"0{whole}{places}"), 10 ** len(places))
    value /= 10 ** len(period) - 1
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
