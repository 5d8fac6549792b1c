r"""Where `\n` is a line break and where it begins a LaTeX command, and what JSON made of such a command."""

import json

import pytest

from search.answers.escapes import eaten_command, unescaped


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (r"\n\n", "\n\n"),
        (r"\t", "\t"),
        (r"\nStep", "\nStep"),
        (r"Think.\n\nthen answer within \boxed{}.\n", "Think.\n\nthen answer within \\boxed{}.\n"),
        (r"\nabla x \neq 0, \nu \times \text{cm} \theta \to \tan \frac12", None),
        (r"\(y\) 1e5 true \r \x \\n", None),
        (r"A\nnew line\tnext", "A\nnew line\tnext"),
        (r"\not\n", "\\not\n"),
        ("a\nb", None),
        ("", None),
    ],
)
def test_escapes_are_read_and_latex_is_left_alone(typed: str, read: str | None):
    assert unescaped(typed) == (typed if read is None else read)


@pytest.mark.parametrize(
    ("written", "command"),
    [
        (r"\frac{1}{2}", r"\frac"),
        (r"\boxed{}", r"\boxed"),
        (r"$3 \times 4$", r"\times"),
        (r"5 \text{ cm}", r"\text"),
        (r"$x \neq 0$", r"\neq"),
        (r"$\nabla f$", r"\nabla"),
        (r"\left( x \right)".replace("\\l", "\\\\l"), r"\right"),
        (r"is \nabla.", r"\nabla"),
        (r"$\theta$ and $\rho$", r"\theta"),
    ],
)
def test_a_command_whose_backslash_was_not_doubled_is_found(written: str, command: str):
    assert eaten_command(json.loads(f'"{written}"')) == command
    doubled = written.replace("\\\\", "\\").replace("\\", "\\\\")
    assert eaten_command(json.loads(f'"{doubled}"')) is None


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "Let\nu = 1\ni = 2",
        "one\ttwo\tan\to",
        "then\nexists x",
        "by\neq. (3)",
        "a\r\night",
        "x\n\\frac12",
        "\f1",
    ],
)
def test_line_breaks_and_tabs_of_ordinary_text_are_no_commands(text: str):
    assert eaten_command(text) is None
