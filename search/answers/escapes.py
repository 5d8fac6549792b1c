r"""A backslash and a letter: an escape, or the beginning of a LaTeX command. `\n` is a line break, `\neq` is not.

A command line gives both as they are typed. JSON reads `\neq` as a line break and "eq" where its writer forgot to
double the backslash.
"""

import re

_REST = {
    "n": "abla atural ewline exists earrow warrow leftarrow rightarrow Leftarrow Rightarrow leftrightarrow e eg eq i u "
    "ot otin onumber olimits ormalsize leq geq less gtr leqslant geqslant mid nmid parallel prec succ sim cong "
    "subseteq supseteq vdash",
    "t": "ag an anh au binom ext extbf extit extrm extsf extstyle extsuperscript exttt extup frac herefore heta "
    "hickapprox hicksim hinspace ilde imes iny o op riangle riangleleft rianglelefteq riangleq riangleright "
    "rianglerighteq woheadrightarrow",
    "r": "angle brace brack ceil floor ho ight ightarrow ightleftharpoons m moustache oot ule vert",
}
_COMMANDS = {letter: frozenset(rest.split()) for letter, rest in _REST.items()}
"""What follows the first letter in the names of LaTeX's commands."""
_WORDS = {"exists", "e", "eg", "i", "u", "less", "mid", "parallel", "prec", "sim", "an", "ag", "o", "op", "eq."}
_ESCAPE = re.compile(r"(?<!\\)\\([nt])(?=([A-Za-z]*))")
_EATEN = re.compile(r"([\f\b\t\n\r])([A-Za-z]+\.?)")
_LETTERS = {"\f": "f", "\b": "b", "\t": "t", "\n": "n", "\r": "r"}


def unescaped(text: str) -> str:
    r"""The text with `\n` and `\t` as line break and tab, except where they begin a LaTeX command."""
    breaks = {"n": "\n", "t": "\t"}
    return _ESCAPE.sub(lambda match: match[0] if match[2] in _COMMANDS[match[1]] else breaks[match[1]], text)


def eaten_command(text: str) -> str | None:
    r"""The LaTeX command that a control character in the text stands for, such as `\frac`; None where there is none.

    Before a letter, form feed and backspace have no other meaning. Tab and line breaks have, and count only before what
    is the rest of a command and no word.
    """
    for character, rest in _EATEN.findall(text):
        letter, name = _LETTERS[character], rest.rstrip(".")
        if letter in "fb" or (name in _COMMANDS[letter] and not _WORDS & {name, rest}):
            return f"\\{letter}{name}"
    return None
