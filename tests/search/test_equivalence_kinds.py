"""Pairs of answers, by the kind of writing that they differ in: the same, or not the same."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from search.answers.equivalence import LONGEST, Equivalence
from search.answers.grouping import MathFirsts, group
from search.answers.notation import as_latex

FIELD = Path(__file__).parents[3] / "shared" / "field" / "grader.jsonl"

SAME = r"""
4.5e33 | 4.5 \times 10^{33}
4.5e33 | 4.5 \cdot 10^{33}
4.5E+33 | 4500000000000000000000000000000000
3e8 | 300000000
3e8 | 3 × 10⁸
3e8 | 3*10^8
3e8 | 3*10**8
3e8 | 3 x 10^8
1.39e-10 | 0.000000000139
1.39e-10 | 1.39\times10^{-10}
-2.5e-3 | -0.0025
1e-5 | 10^{-5}
6.02\mathrm{e}23 | 6.02e23
x=3e8 | 3e8
(3e8, 1) | (300000000,1)
\{1e-3, 2\} | \{2, 0.001\}
6.63e-34\ \mathrm{J\cdot s} | 6.63\times 10^{-34}
1e11 | 10^{11}
10\,000 | 10000
10 000 | 10000
1\,234\,567 | 1234567
12\,345 | 12345
10{,}000 | 10000
10,\!000 | 10000
11,\! 111,\! 111,\! 100 | 11111111100
1\ 000 | 1000
10~000 | 10000
1\,234.5 | 1234.5
-10\,000 | -10000
1.602\,176\,634 \times 10^{-19} | 1.602176634e-19
\frac{10\,000}{3} | \frac{10000}{3}
\frac{5,\!525}{2} | 2762.5
1,000, 2,000 | \{1000, 2000\}
x = 1,000 | 1000
1,000\text{ m} | 1000
12,000\pi | 12000\pi
\$1,234.50 | 1234.5
10 000 | 10 000
204. | 204
x+1. | x+1
\frac{7}{5} + \frac{1}{5} i. | \frac{7}{5} + \frac{1}{5} i
5., | 5
(1,2). | (1,2)
\text{Yes.} | \text{Yes}
42.\\ | 42
$5.$ | 5
3./2 | 3/2
.5 | 0.5
4-6i | 4-6 i
4-6i | 4 - 6\cdot i
4-6i | 4-6\mathrm{i}
4-6i | 4-6\,\text{i}
4-6i | 4-6*i
4-6i | 4-6\imath
4-6i | -6i+4
4-\mathrm{i} | 4-i
2i | 2\cdot i
3(1-i) | 3-3i
(1+i)^2 | 2i
e^{i\pi} | -1
\frac{1}{i} | -i
|3-4i| | 5
\sqrt{-4} | 2i
x+6i | x + 6\cdot i
2(3) | 6
(2)(3) | 6
3(4+1) | 15
1 1/2 | 3/2
-1 1/2 | -3/2
2\frac{1}{3} | \frac73
2 \times 3 | 6
2\cdot3 | 6
x(x+1) | x^2+x
52_8 | 52_{8}
52_8 | 52_{\text{eight}}
52_8 | 52
1A_{16} | 1A_{16}
1010_2 | 1010_{2}
\textbf{(B)}\ 12 | 12
(B) 12 | 12
\text{(B) } 12 | 12
\text{(B)} | B
\textbf{B} | B
9 (apples) | 9
9\text{ (apples)} | 9
12 (km/h) | 12
5 apples | 5
5 cm^2 | 5
9.8\ \mathrm{m/s^2} | 9.8
9.8 \frac{\mathrm{m}}{\mathrm{s}^2} | 9.8
3\ \mathrm{kg} \cdot \mathrm{m}/\mathrm{s} | 3
5 \text{ cm}, 6 \text{ cm} | 5, 6
x=5\text{ cm} | 5
25^\circ\text{C} | 25
\text{12 apples} | 12
7 dollars | 7
28.5\% | 28.5
28.5\% | 0.285
33\frac{1}{3}\% | \frac{1}{3}
1/3 | 0.\bar{3}
0.1\overline{6} | 1/6
0.\overline{142857} | 1/7
0.\dot{3} | 1/3
0.\dot{1}4285\dot{7} | 1/7
1.\overline{3} | 4/3
0.333\ldots | 1/3
0.333... | 1/3
0.003783783... | 0.003783783
0.(3) | 1/3
0.999\ldots | 1
2√3 | \sqrt{12}
√(x+1) | \sqrt{x+1}
½ | 0.5
2½ | 5/2
x² | x^2
π/2 | \frac{\pi}{2}
2π | 6.28318531
θ | \theta
−5 | -5
x ≤ 3 | (-\infty, 3]
(−∞, 2]∪[5, ∞) | (-\infty,2]\cup[5,\infty)
3×4 | 12
∅ | \emptyset
sqrt(2)/2 | \frac{1}{\sqrt2}
2*sqrt(3) | 2\sqrt{3}
sin(x)**2 | \sin^2 x
x**(n+1) | x^{n+1}
e**(-x) | e^{-x}
(x+1)/(x-1) | \frac{x+1}{x-1}
pi*r**2 | \pi r^2
x<=3 | x \le 3
2^((n+1)/2) | 2^{\frac{n+1}{2}}
exp(2) | e^2
__73__ | 73
`73` | 73
**x = 5** | 5
\underline{73} | 73
\color{blue}73 | 73
{\color{blue}{73}} | 73
\displaystyle\frac12 | 0.5
\mathbf{73} | 73
\fbox{73} | 73
\left(1,2\right) | (1,2)
\bigl(1,2\bigr) | (1,2)
\large 73 | 73
\sin 30^\circ | 1/2
\tan(45°) | 1
2\cos 60^{\circ} | 1
\sin^2 60^\circ | 3/4
30\degree | 30
\{x : x > 3\} | (3,\infty)
\{x \in \mathbb{R} \mid x \neq 0\} | (-\infty,0)\cup(0,\infty)
\{ x \mid 1 \le x \le 2 \} | [1,2]
odd | \text{odd}
even | \text{Even}
Evelyn | \text{Evelyn}
no solution | \text{No solution}
infinity | \infty
3\text{ and }4 | 3, 4
x=1\text{ or }x=2 | x=2\text{ or }x=1
1000 | 1{,}000
\frac{20000000}{3} | 6666666.6667
3.14159 | \pi
0.166667 | \frac{1}{6}
1.04858e6 | 2^{20}
\frac{1}{52!} | 1/(52!)
\begin{pmatrix} 1 \\ 2\end{pmatrix} | \begin{pmatrix}1.0 \\ 4/2\end{pmatrix}
y=2x+1 | y = 1 + 2x
\frac{1}{3} E_{1}+\frac{2}{3} E_{2} | \frac{E_1 + 2E_2}{3}
a=b=c | c
-\frac{1}{2} | \frac{-1}{2}
+3 | 3
5\text{ cm}^2 | 5
6.022 \times 10^{23} | 6.022 \times 10^{+23}
6.022 \times {10}^{23} | 6.022e23
5.0 \cdot 10^{-7} | 0.0000005
2.998\times10^8\text{ m/s} | 2.998e8
1.5e3\text{ km} | 1500
4 e 33 \cdot 1 | 4 e 33
7.0E37 | 7e37
1.6\times 10^{-19}\,\mathrm{C} | 1.6e-19
10^{5} | 100000
-1e-8 | -10^{-8}
1e0 | 1
100,000,000 | 10^8
1{,}234{,}567 | 1234567
123 456 789 | 123456789
3.141\,592 | 3.141592
\$ 12{,}000 | 12000
2\,000\pi | 2000\pi
\frac{1}{2}. | 0.5
x^2+1\,. | x^2+1
(3, 4). | (3,4)
7; | 7
\boxed{7} | 7
3+4 i | 4i+3
-\mathit{i} | -i
2\mathrm{i}\sqrt{3} | 2 i \sqrt 3
\frac{1+i}{\sqrt{2}} | e^{i\pi/4}
\cos\theta + i\sin\theta | e^{i\theta}
5(2+3) | 25
3\frac{1}{4} | 3.25
3 \frac14 | 3.25
10 3/4 | 10.75
4(x+1) | 4x+4
(x+1)(x-1) | x^2-1
2^3(5) | 40
101_{2} | 101_2
FF_{16} | FF_{\text{sixteen}}
A | (A)
\textbf{(A)} | \text{(A)}
(C)~\frac{1}{2} | 0.5
\text{(E)}\ \$5.50 | 5.5
12 (square units) | 12
8\pi\text{ square inches} | 8\pi
60\text{ mph} | 60
3.5\ \text{hours} | 7/2
\frac{1}{2}\text{ hour} | 0.5
2\sqrt{3}\text{ cm} | 2\sqrt{3}
100 \, \mathrm{J} \cdot \mathrm{mol}^{-1} \cdot \mathrm{K}^{-1} | 100
6\text{ apples and }3\text{ pears} | 6, 3
16\ \text{m}^2 | 16
45^{\circ} | 45
120 \text{ degrees} | 120
\text{\$}5 | 5
0.\overline{09} | 1/11
2.\overline{6} | 8/3
0.12\overline{3} | 37/300
0.1666\ldots | 1/6
¾ | 0.75
³√8 | ³√8
5⁻¹ | 1/5
a₁+a₂ | a_1+a_2
α+β | \alpha+\beta
[1, ∞) | x \ge 1
x ∈ [1,2] | 1 \le x \le 2
10÷4 | 5/2
sqrt(3)/2 | \frac{\sqrt{3}}{2}
cos(pi/3) | \frac12
log(x) | \log x
arctan(1) | \pi/4
(-inf, 2) | (-\infty,2)
**\frac{1}{2}** | 0.5
\textbf{73} | 73
\text{73} | 73
\emph{73} | 73
\textcolor{blue}{\frac{1}{2}} | \frac12
\{x\mid x\le 2\} | (-\infty,2]
\{x \in \mathbb{R} : -1 < x < 4\} | (-1,4)
\{ t : t \geq 0 \} | [0,\infty)
\text{None} | none
\text{no} | No
3 : 4 | 3:4
p=3, q=4 | q=4, p=3
x^{2}-3 x+2 | (x-1)(x-2)
\dfrac{-3}{4} | -.75
\tfrac{3}{4} | \frac{3}{4}
\left\{1,2\right\} | \{2,1\}
\left(\frac12,\,3\right) | (0.5,3)
5! | 120
\binom{5}{2} | 10
|-5| | 5
\log_{2}8 | 3
3\text{-}4 | 3\text{-}4
f(x)=x^2 | f(x) = x^2
y=\frac{1}{2}x | y=0.5x
\frac{\pi}{2} + 2\pi k | 2k\pi+\frac{\pi}{2}
90 ^\circ | 90
-1 | -1.0
5.00 | 5
"""

DIFFERENT = r"""
4.5e33 | 4.6e33
3e8 | 24e
3e8 | 3e9
2e | 5.43
6.63\times10^{-34} | 9.11\times 10^{-31}
6.63\times10^{-34} | 0.0
0 | 10^{-12}
1e-5 | 0
(1.6e-19, 1) | (9.1e-31, 1)
\{1e-20\} | \{1e-21\}
x = 1.6e-19 | x = 9.1e-31
[0, 1e-20] | [0, 1e-21]
\frac{1}{10^{12}} | \frac{1}{10^{12}+1}
12\,345 | 357
10 000 | 0
1\,234\,567 | 802
10\,000 | 10,001
3 4 | 7
1 2 | 3
5 6 7 | 18
3 4 | 12
2(3) | 5
2(3) | 23
1.234.567 | 0.699678
2 m | 2
2m | 2
n^2+2 m | n^2+2
-c | -
3t | 3
5c | 5
4-6i | 4-6
i | 1
4-6i | 4+6i
\frac{7}{5} + \frac{1}{5} i. | \frac{1}{5}
\frac{1}{3} E_{1}+\frac{2}{3} E_{2} | \frac{1}{3} E_{1}+\frac{2}{3} E_{2}+1
E_1 | E_2
5 \text{ cm}, 6 \text{ cm} | 6
5 \text{ cm}, 6 \text{ cm} | 5
10\text{ m and }20\text{ m} | 20
x=1 \text{ or } x=2 | 2
1 \text{ and } 2 | 2
\pm 2 | 2
52_8 | 52_9
52_8 | 53_8
1A_{16} | 1B_{16}
5\% | 5.1
5\% | 500\%
50\% | 0.05
1048576.5 | 2^{20}
10^{20} | 10^{20}+1
0.33 | 1/3
1.000001 | \frac{2}{2}
y' + y = 0 | 2y = 0
\cos 60 | 1/2
\{x \mid x > 3\} | [3,\infty)
x > 3 | x < 3
(B) 12 | 13
\text{(B)} | C
0.\overline{3} | 0.3
0.\overline{3} | 0.33
0.1\overline{6} | 0.\overline{16}
9 (apples) | 8
a(b) | a+b
x \text{ is prime} | x
\text{even} | \text{odd}
3\text{ and }4 | 3,5
(1,000) | 1000
\{1,2\} | \{1,3\}
(1,2) | (2,1)
1.39e-10 | 1.40e-10
2e27 | 2.02e27
10\,000 | 1000
10 000 | 10
3.14 | \pi
\frac{1}{3} | 0.333
x+1. | x+2
2 3 | 23
2\\3 | 5
2 \quad 3 | 6
7 8 9 | 24
1010_2 | 1010_3
FF_{16} | FE_{16}
n+k | n
2 s | 2
4 h | 4
ab | a
4 t^2 | 4
5 g | 5
\frac{1}{2} m | \frac12
3\pm 1 | 4
1\text{ or }2 | 1
5\text{ m}, 3\text{ m}, 2\text{ m} | 2
2\text{ and }3\text{ cm} | 3
\frac{1}{5} i . | \frac15
2 + 3 E_{1} | 2
e_1+e_2 | e_1
10^{-30} | 10^{-31}
(0, 10^{-12}) | (0, 10^{-13})
1.1e-12x | 1.2e-12x
(A) | (B)
\text{yes} | \text{no}
5\% | 0.5
\{x \mid x \ge 3\} | (3,\infty)
\sin 30 | 0.5
0.\overline{9} | 0.9
6'2" | 6
f' | f
5 (apples) | 6
x(2) | x
100! | 99!
"""


@pytest.fixture(scope="module")
def same() -> Iterator[Equivalence]:
    with closing(Equivalence()) as relation:
        yield relation


def pairs(table: str) -> list[list[str]]:
    return [line.split(" | ") for line in table.strip("\n").split("\n")]


@pytest.mark.parametrize(("table", "verdict"), [(SAME, True), (DIFFERENT, False)], ids=["same", "different"])
def test_pairs(same: Equivalence, table: str, verdict: bool) -> None:
    wrong = [pair for pair in pairs(table) if [same(*pair), same(*reversed(pair))] != [verdict] * 2]
    assert not wrong


def test_pairs_from_the_field(same: Equivalence) -> None:
    if not FIELD.exists():
        pytest.skip("no ../shared/field beside the checkout")
    cases = [json.loads(line) for line in FIELD.read_text("utf-8").splitlines()]
    assert cases
    assert not [case for case in cases if same(case["first"], case["second"]) is not case["same"]]


def test_what_the_text_alone_tells_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.answers.equivalence.Worker", None)
    same = Equivalence()
    assert (
        same(r"10\,000", "10000") and same("4.5e33", "45" + "0" * 32) and same("204.", "204") and same("**73**", "73")
    )
    assert not same("1e-19", "1e-31") and not same("0", "1e-99") and not same("3 4", "7") and not same("52_8", "52_9")


@pytest.mark.parametrize(
    "text", ["1 " * 999, "9" * 1999, "1,000," * 300, "((" * 999, "\\text{" * 300, "{" * 1999, "0." + "3" * 1990]
)
def test_writing_an_answer_in_one_way_takes_no_time(text: str) -> None:
    """Of any text that is not too long to be read at all."""
    assert len(text) <= LONGEST
    started = time.process_time()
    as_latex(text)
    assert time.process_time() - started < 0.1


def test_an_answer_is_written_in_one_way_once() -> None:
    texts = {answer for table in (SAME, DIFFERENT) for pair in pairs(table) for answer in pair}
    again = {text: as_latex(as_latex(text)) for text in texts}
    assert {text: latex for text, latex in again.items() if latex != as_latex(text)} == {}


@pytest.mark.parametrize("write", [str, lambda n: f"{n:,}", lambda n: f"{n}e5", lambda n: f"{n} {n}"])
def test_four_thousand_different_answers_are_grouped_at_once(write: object) -> None:
    answers: list[str | None] = [write(n) for n in range(1, 4097)]  # type: ignore[operator]
    same = Equivalence()
    started = time.process_time()
    assert len(group(answers, MathFirsts(same))) == 4096
    assert time.process_time() - started < 1 and not same._idle, "no process was asked"
