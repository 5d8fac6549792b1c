"""The console command `stepsearch`, also `python -m experiments.cli`.

stepsearch solve '((3 + 4) * (2 - 5)) ='
stepsearch prompt '((3 + 4) * 2) ='
stepsearch sweep problems.limit=20
stepsearch import data.path=completions.jsonl
stepsearch curves run=runs/demo
stepsearch estimate run=runs/demo
stepsearch compare run=runs/demo
stepsearch plan run=runs/demo budget=1000
stepsearch report run=runs/demo
stepsearch judge data=processbench data.path=processbench
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from experiments.collector import collect_rarely
from experiments.errors import INTERRUPTED, ConfigError, is_message, one_of

HELP = ("-h", "--help")
CFG = "--cfg"


class Command(NamedTuple):
    """A subcommand: a module with `main` and a dataclass of knobs named after the command, and a line for the list."""

    module: str
    summary: str
    question: bool = False  # the first argument is a question; only the rest is read as key=value


COMMANDS = {
    "solve": Command("experiments.commands.solve", "search one question; print its answer, votes, cost and tree", True),
    "prompt": Command("experiments.commands.prompt", "print exactly what a model is sent for a question", True),
    "sweep": Command(
        "experiments.commands.sweep", "run searchers x budgets x problems; write results, summary and curves"
    ),
    "import": Command("experiments.commands.importing", "make a run folder from samples generated elsewhere"),
    "curves": Command("experiments.commands.curves", "draw a sweep's accuracy against its compute"),
    "estimate": Command("experiments.commands.estimate", "pass@k, G-Pass@k and votes of k, estimated from n samples"),
    "compare": Command("experiments.commands.compare", "compare a sweep's searchers at equal compute"),
    "plan": Command("experiments.commands.plan", "choose a searcher for a budget, by level of difficulty"),
    "report": Command("experiments.commands.report", "make one HTML page of a sweep: curves, problems, trees"),
    "judge": Command("experiments.commands.judge", "evaluate a scorer on labelled solutions and in Best-of-N"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0, 2 for a wrong command line, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that no user file shadows a module of this project
    collect_rarely()
    return guarded(lambda: _dispatch(arguments))


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in HELP:
        print(_overview())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        raise ConfigError(f"no such command {name!r}; choose from {one_of(COMMANDS, name)}")
    command, question = COMMANDS[name], []
    if command.question and rest and rest[0] not in (*HELP, CFG):
        question, rest = rest[:1], rest[1:]
    module = import_module(command.module)
    knobs: type = getattr(module, name.capitalize())
    if any(argument in HELP for argument in rest):
        from experiments.config.help import command_help

        print(command_help(knobs))
        return 0
    if CFG in rest:
        _print_config(knobs, [argument for argument in rest if argument != CFG])
        return 0
    return module.main(*question, overrides=rest)


def _print_config(knobs: type, overrides: Sequence[str]) -> None:
    from omegaconf import OmegaConf

    from experiments.config.compose import compose

    print(OmegaConf.to_yaml(compose(knobs, overrides)), end="")


def _overview() -> str:
    lines = [f"  {name:<9}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: stepsearch COMMAND [key=value ...]",
            "",
            "Test-time search: a policy writes steps, a scorer judges them, a searcher spends a budget between them.",
            "",
            *lines,
            "",
            "stepsearch COMMAND --help lists every choice and every knob; --cfg prints the composed config.",
        ]
    )


def guarded(run: Callable[[], int]) -> int:
    """Runs a command; returns its exit code. An error written for the user is one line, others keep a traceback."""
    try:
        return run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of standard output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        if is_message(error):
            print(f"stepsearch: {error}", file=sys.stderr)
            return 2
        traceback.print_exception(error, chain=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
