"""The process that reads and compares answers for `search.answers.equivalence_worker`; it imports nothing of ours.

It answers one line of JSON with another, until its stdin ends:

    ["\\\\frac{1}{2}"]           -> [0.5, 0.0]   its value, real and imaginary part; see `_value`
    ["\\\\frac{1}{2}", "2/4"]    -> true         whether they are the same

The answers are LaTeX as `search.answers.notation` writes it. The first line is "ready".
"""

import cmath
import json
import logging
import math
import os
import re
import signal
import sys
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple
from zlib import crc32

_MEMORY = 2 << 30  # bytes of address space, lest `9^{9^{9}}` push the machine into swap before it is killed
_PERCENT = re.compile(r"\s*(?:\\?%|percent(?:age)?|pct|\\text\{ ?percent(?:age)? ?\})$")
_DIGITS = 30  # to which exact numbers are compared
_ENDLESS = ("Sum", "Product", "Integral", "Limit")  # what may have no value, and takes long to say so
_DECIMAL = re.compile(r"[-+]?\d*\.?(\d*)(?: *\\(?:times|cdot) *10\^\{(-?\d+)\})?")


def main(seconds: float) -> None:
    """The process: answers questions until stdin ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not reach the replies
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    algebra = Algebra()
    algebra.same("1", r"\frac{2}{2}")  # fills the grammar's tables now, not on the first question's time
    print(json.dumps("ready"), file=replies, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # only a failed start has something to tell the user
    for line in sys.stdin:
        _limit_time(seconds)
        answers = json.loads(line)
        text = json.dumps(algebra.value(*answers) if len(answers) == 1 else algebra.same(*answers))
        _limit_time(0)
        print(text, file=replies, flush=True)


class Algebra:
    """Math-Verify's grammar and comparison, of whole answers only, and numbers compared to the size that they have."""

    def __init__(self) -> None:
        # Here and not above: slow, untyped, and no business of the parent's.
        self._sympy: Any = import_module("sympy")
        self._grammar: Any = import_module("latex2sympy2_extended.latex2sympy2")
        self._library: Any = import_module("math_verify")
        logging.disable()
        # Units are no longer in the text, and Math-Verify's list of them would cut variables off.
        self._form = self._grammar.NormalizationConfig(malformed_operators=True, nits=True, boxed="none")
        self._endless = [getattr(self._sympy, name) for name in ("oo", "zoo", "nan", *_ENDLESS)]
        self.parsed = lru_cache(maxsize=1024)(self._parse)

    def value(self, latex: str) -> tuple[float, float] | None:
        """The value of an expression where each variable is a number that follows from its name; for several numbers,
        in a tuple, set, interval or matrix, the sum of their sizes.

        None where there is none: relations, text (which is a symbol) and per cents are equal by rules of their own.
        NaN for a sum or integral that has none here: it would have none in any comparison, but take long to say so.
        """
        sympy, expression = self._sympy, self.parsed(latex)
        if (members := self._members(expression)) is not None:
            return self._size(members.members)
        if not isinstance(expression, sympy.Expr) or expression.is_Symbol or expression.has(sympy.UnevaluatedExpr):
            return None
        try:
            names = {symbol: str(symbol).encode() for symbol in expression.free_symbols}
            point = {symbol: sympy.Rational(5000 + crc32(name) % 10007, 10007) for symbol, name in names.items()}
            number = expression.evalf(subs=point)
            # What is left of a difference of equals has lost its digits: it is zero.
            value = complex(number.xreplace({f: sympy.S.Zero for f in number.atoms(sympy.Float) if f._prec < 40}))
        except Exception:  # whatever sympy raises
            return (math.nan, math.nan) if expression.has(*self._endless[3:]) else None
        return None if cmath.isnan(value) else (value.real, value.imag)

    def _size(self, members: list[Any]) -> tuple[float, float] | None:
        finite = [x for x in members if x.is_finite]
        if any(x.has(self._sympy.UnevaluatedExpr) for x in finite):
            return None
        with suppress(Exception):  # a number that no float holds
            numbers = [complex(x.evalf()) for x in finite]
            return (math.fsum(map(abs, numbers)), 0.0) if len(members) > 1 else (numbers[0].real, numbers[0].imag)
        return None

    def same(self, first: str, second: str) -> bool:
        """Whether the two are the same. One that cannot be read equals only the same text."""
        if first == second:
            return True
        a, b = self.parsed(first), self.parsed(second)
        if a is None or b is None:
            return False
        a, b = self._sides(a, b)
        unit = min(_unit(first), _unit(second))
        for alike in (self._same_numbers(a, b, unit), self._same_members(a, b)):
            if alike is not None:
                return alike
        # Sets may equal relations, so that `1 < x < 2` is `(1, 2)` both ways round; and one way round is not enough:
        # against the gold answer `1`, `2x + z = 1` is cut down to its right side. No timeouts, for they are signals.
        verify = self._library.verify
        return all(verify(*pair, allow_set_relation_comp=True, timeout_seconds=None) for pair in ((a, b), (b, a)))

    def _parse(self, latex: str) -> Any:
        """What the grammar makes of the whole text; None where it cannot be read."""
        percent = _PERCENT.search(latex)
        latex = self._grammar.normalize_latex(latex[: percent.start()] if percent else latex, self._form)
        sides = [] if re.search("[,;]", latex) else re.split(r"(?<![\\<>!])=", latex)
        for text in [latex, sides[-1]] if len(sides) > 2 else [latex]:  # of a chain of equations, the last side
            with suppress(Exception):  # whatever the grammar raises
                parsed = self._imaginary(self._grammar.latex2sympy(text, is_real=True, normalization_config=None))
                return self._grammar.convert_to_pct(parsed) if percent else parsed
        return None

    def _imaginary(self, parsed: Any) -> Any:
        """The same with the imaginary unit for a variable of its name, which is what the grammar takes it for."""
        names = {symbol: self._sympy.I for symbol in getattr(parsed, "free_symbols", ()) if symbol.name == "i"}
        return parsed.xreplace(names) if names else parsed

    def _sides(self, a: Any, b: Any) -> tuple[Any, Any]:
        """The right sides of assignments to one variable, or of one assignment where the other answer is a number."""
        a_named, b_named = (isinstance(x, self._sympy.Eq) and x.lhs.is_Symbol for x in (a, b))
        if a_named and b_named:
            return (a.rhs, b.rhs) if a.lhs == b.lhs else (a, b)
        if a_named and self._numbers(b):
            return a.rhs, b
        if b_named and self._numbers(a):
            return a, b.rhs
        return a, b

    def _numbers(self, parsed: Any) -> list[Any]:
        """The number that an expression without variables is, for a per cent also its hundredth; none for all else."""
        sympy = self._sympy
        if not isinstance(parsed, sympy.Expr) or parsed.free_symbols or parsed.has(*self._endless):
            return []
        if parsed.has(sympy.UnevaluatedExpr):
            whole = parsed.args[0] if isinstance(parsed, sympy.Mul) and len(parsed.args) == 2 else parsed
            return [] if whole.has(sympy.UnevaluatedExpr) else [whole, whole / 100]
        return [parsed]

    def _same_numbers(self, a: Any, b: Any, unit: float = 0.0) -> bool | None:
        """Whether two numbers are the same, by the size that they have; None where one is no number."""
        first, second = self._numbers(a), self._numbers(b)
        if not first or not second:
            return None
        if len(first) == len(second):
            return self._close(first[0], second[0], unit)
        return any(self._close(x, y, unit) for x in first for y in second)

    def _close(self, a: Any, b: Any, unit: float) -> bool:
        """Whether two numbers are equal, or one is a decimal that agrees with the other to six significant digits.

        A decimal that has more digits agrees to its last place, a `unit`, or to the sixth behind the point.
        """
        sympy = self._sympy
        exact = [x.xreplace({f: sympy.Rational(str(f)) for f in x.atoms(sympy.Float)}) for x in (a, b)]
        gap = abs((exact[0] - exact[1]).evalf(15))
        least, most = sorted(abs(x.evalf(15)) for x in exact)
        if gap <= most * sympy.Float(f"1e-{_DIGITS}"):
            return True
        if exact == [a, b] or not least:
            return False
        half = sympy.Float(10) ** (math.floor(sympy.log(least, 10)) - 5) / 2
        return bool(gap <= half and gap < max(unit * (1 - 1e-9), 5e-7 * (1 + 1e-9)))

    def _same_members(self, a: Any, b: Any) -> bool | None:
        """Whether two tuples, sets, intervals or matrices of numbers are the same; None for all else.

        The open interval (1, 2) may be a point; and where one is a set, `1, 2`, the other may be a tuple in its order.
        """
        first, second = self._members(a), self._members(b)
        if first is None or second is None:
            return None
        if first.shape != second.shape and {"tuple", "set"} != {first.shape, second.shape}:
            return None
        if len(first.members) != len(second.members):
            return False
        members = [
            sorted(m.members, key=_place) if first.shape == second.shape == "set" else m.members
            for m in (first, second)
        ]
        pairs = zip(*members, strict=True)
        return all(x == y or self._same_numbers(x, y, math.inf) for x, y in pairs)

    def _members(self, parsed: Any) -> "_Members | None":
        """The numbers in a tuple, set, interval or matrix; None where it is another thing, or has other members."""
        sympy = self._sympy
        if isinstance(parsed, sympy.MatrixBase):
            shape, members = f"matrix {parsed.shape}", list(parsed)
        elif isinstance(parsed, sympy.Interval):
            shape = "tuple" if parsed.is_open else f"interval {parsed.left_open} {parsed.right_open}"
            members = [parsed.start, parsed.end]
        elif isinstance(parsed, sympy.Tuple):
            shape, members = "tuple", list(parsed)
        elif isinstance(parsed, sympy.FiniteSet):
            shape, members = "set", list(getattr(parsed, "_unsorted_args", parsed))
        else:
            return None
        infinite = (sympy.oo, -sympy.oo)
        return _Members(shape, members) if all(x in infinite or self._numbers(x) for x in members) else None


class _Members(NamedTuple):
    shape: str
    members: list[Any]


def _place(number: Any) -> tuple[float, float]:
    """Sorts numbers by their real part, then by their imaginary one."""
    value = complex(number.evalf())
    return value.real, value.imag


def _unit(latex: str) -> float:
    """The unit of a decimal's last place; infinite where the text is no decimal."""
    decimal = _DECIMAL.fullmatch(latex)
    return 10.0 ** (int(decimal[2] or 0) - len(decimal[1])) if decimal else math.inf


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not every system has this limit or lets it be set
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _limit_time(seconds: float) -> None:
    """Ends this process once it has computed for so many seconds; 0 takes it back.

    Processor time is what counts, so that a busy machine changes no verdict. No exception would reach into C code.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
