"""The question that a command is given as its first argument, or on standard input."""

import re
import sys
from dataclasses import fields

from experiments.errors import ConfigError


def read_question(argument: str | None, command: type) -> str:
    """The text of the question, read from standard input for `-`. Raises ConfigError where there is none.

    `command` is the dataclass of the command's knobs.
    """
    name = command.__name__.lower()
    if argument is None:
        raise ConfigError(
            f"{name} needs a question: stepsearch {name} 'QUESTION' [key=value ...], or - for standard input"
        )
    knobs = "|".join(field.name for field in fields(command))
    if re.match(rf"({knobs})[.=]\S+$", argument):
        raise ConfigError(
            f"{argument!r} looks like a knob; the question comes first (or - to read it from standard input)"
        )
    try:
        text = sys.stdin.read() if argument == "-" else argument
        text.encode()
    except UnicodeError:
        raise ConfigError("the question is not valid UTF-8") from None
    if not text.strip():
        raise ConfigError("the question is empty")
    return text.strip()
