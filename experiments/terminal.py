"""Formats model output and numbers for a terminal. Text from models is never trusted."""

import sys

from rich.console import Console
from rich.text import Text

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Whether `notes` and `note` print nothing, as with --quiet."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether `notes` and `note` print nothing."""
    return _quiet


def notes() -> Console:
    """A console on standard error, for progress."""
    return Console(stderr=True, quiet=_quiet)


def note(text: str) -> None:
    """Prints a line on standard error that no result depends on."""
    if not _quiet:
        print(text, file=sys.stderr)


def screen() -> Console:
    """A console on standard output; it is 120 columns wide where standard output is not a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def plain(text: str) -> str:
    r"""One line of printable characters: line breaks as " | ", any other control or format character as an escape."""
    line = " | ".join(part for part in text.splitlines() if part.strip())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def plain_lines(text: str) -> str:
    """The text of `plain`, with line breaks kept."""
    return "\n".join(map(plain, text.splitlines()))


def plural(count: int, thing: str) -> str:
    """A count with its noun: 1 solution, 1,000 solutions."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def duration(seconds: float) -> str:
    """A time in its largest unit: 40 s, 12 min, 3.5 h, 2.5 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def failure(text: str, stderr: bool = False) -> None:
    """Prints a line about what failed on standard output, or standard error; in red on a terminal."""
    Console(stderr=stderr).print(Text(text, style="red"), soft_wrap=True)


def number(value: float | None) -> str:
    """A cost as text: `unknown` for None, integers with commas, large numbers in scientific notation."""
    if value is None:
        return "unknown"
    if abs(value) >= 1e7:
        return f"{value:.2e}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.3g}"


def exact(value: float) -> str:
    """All digits of a number, as typed on a command line; integers have no decimal point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def percent(share: float | None, sign: str = "") -> str:
    """A percentage to one decimal: `unknown` for None, `-` for NaN; `sign` is a format flag, "+" or empty."""
    if share is None:
        return "unknown"
    return "-" if share != share else f"{100 * share:{sign}.1f}"
