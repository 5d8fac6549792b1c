"""Prints a script that completes the words of stepsearch in a shell: commands, choices and knobs.

usage: stepsearch completion bash|zsh

    source <(stepsearch completion bash)
    source <(stepsearch completion zsh)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from experiments.commands.listing import KINDS
from experiments.commands.names import COMMANDS
from experiments.config.compose import compose, default_choices
from experiments.config.knobs import Knob, knobs
from experiments.config.registry import GROUPS
from experiments.errors import ConfigError, one_of

_BASH = """\
_stepsearch() {{
    local typed=${{COMP_LINE:0:COMP_POINT}}
    local current=${{typed##* }} words
    read -r -a words <<< "$typed"
    case ${{words[1]}} in
{cases}
        *) words="{commands}" ;;
    esac
    [[ ${{typed% *}} == *" "* ]] || words="{commands}"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    COMPREPLY=("${{COMPREPLY[@]#"${{current%"${{current##*[=:]}}"}}"}}")  # readline replaces what follows = or :
}}
complete -o nospace -o default -F _stepsearch stepsearch
"""
_ZSH = """\
#compdef stepsearch
_stepsearch() {{
    local -a words_of_command
    if (( CURRENT == 2 )); then
        compadd -- {commands}
        return
    fi
    case ${{words[2]}} in
{cases}
    esac
    compadd -S '' -- $words_of_command
    _files
}}
compdef _stepsearch stepsearch
"""


@dataclass(frozen=True)
class Completion:
    """The knobs of `stepsearch completion`: it has none."""


def main(shell: str | None = None, overrides: Sequence[str] = ()) -> int:
    compose(Completion, overrides)
    if shell not in SHELLS:
        raise ConfigError(f"completion {shell or ''}: choose from {one_of(SHELLS, shell or '')}")
    print(script(shell), end="")
    return 0


def script(shell: str) -> str:
    """The script for a shell, with the words of every command."""
    by_command = {name: list(words_of(name, command.module)) for name, command in COMMANDS.items()}
    line = '        {name}) words="{words}" ;;' if shell == "bash" else "        {name}) words_of_command=({words}) ;;"
    cases = [line.format(name=name, words=" ".join(words)) for name, words in by_command.items()]
    return SHELLS[shell].format(cases="\n".join(cases), commands=" ".join(COMMANDS))


def words_of(name: str, module: str) -> Iterator[str]:
    """What can follow a command: its options, choices and knobs, `key=` where a value is to be typed."""
    if name in _WORDS:
        yield from _WORDS[name]
        return
    yield from ("--help", "--cfg", "--quiet", "config=")
    places = dict(default_choices(name))
    seen: dict[str, None] = {}
    own: type = getattr(import_module(module), name.capitalize())
    filled = {place.partition("@")[2].partition(".")[0] or place for place in places}
    for knob in knobs(own):
        if knob.name not in filled:
            seen |= dict.fromkeys(_knob_words(knob, ""))
    for place in places:
        group, _, package = place.partition("@")
        choices = [places[place]] if package else list(GROUPS[group])
        if not package:
            seen |= dict.fromkeys(f"{group}={choice}" for choice in choices)
        for choice in choices:
            for knob in knobs(GROUPS[group][choice]):
                seen |= dict.fromkeys(_knob_words(knob, f"{package or group}."))
    yield from seen


def _knob_words(knob: Knob, prefix: str) -> Iterator[str]:
    if knob.nested:
        for inner in knobs(knob.nested):
            yield from _knob_words(inner, f"{prefix}{knob.name}.")
    elif knob.choices:
        yield from (f"{prefix}{knob.name}={choice}" for choice in knob.choices)
    else:
        yield f"{prefix}{knob.name}="


SHELLS = {"bash": _BASH, "zsh": _ZSH}
_WORDS = {"list": tuple(KINDS), "completion": tuple(SHELLS)}
