"""The console command `stepsearch`, also `python -m experiments.cli`.

stepsearch demo
stepsearch solve '((3 + 4) * (2 - 5)) ='
stepsearch prompt '((3 + 4) * 2) ='
stepsearch serve
stepsearch sweep problems.limit=20
stepsearch merge runs=runs/part-1,runs/part-2
stepsearch import data.path=completions.jsonl
stepsearch curves run=runs/demo
stepsearch estimate run=runs/demo
stepsearch compare run=runs/demo
stepsearch plan run=runs/demo budget=1000
stepsearch report run=runs/demo
stepsearch judge data=processbench data.path=processbench
stepsearch label run=runs/demo method=monte_carlo
stepsearch export run=runs/demo format=prm out=prm.jsonl
stepsearch train data=prm.jsonl base=tiny out=runs/prm
stepsearch engines policy.model=Qwen/Qwen2.5-Math-7B-Instruct gpus=0,1
stepsearch list scorers
"""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module, metadata

from experiments.collector import collect_rarely
from experiments.commands.names import COMMANDS
from experiments.errors import INTERRUPTED, ConfigError, is_message, one_of
from experiments.terminal import failure, set_quiet

HELP = ("-h", "--help")
CFG, QUIET, VERSION = "--cfg", "--quiet", "--version"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, the largest file that is allowed
_KNOB = re.compile(r"[-+~]*[\w.@/]+=")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0, 2 for a wrong command line, 3 for no answer, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _open_closed_streams()
    set_quiet(QUIET in arguments)
    arguments = [argument for argument in arguments if argument != QUIET]
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that no user file shadows a module of this project
    collect_rarely()
    return guarded(lambda: _dispatch(arguments))


def _open_closed_streams() -> None:
    """Opens each standard stream that the caller has closed on the null device: no file may get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _dispatch(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in HELP:
        print(_overview())
        return 0 if arguments else 2
    name, *rest = arguments
    if name == VERSION:
        print(f"stepsearch {version()}")
        return 0
    if name not in COMMANDS:
        raise ConfigError(f"no such command {name!r}; choose from {one_of(COMMANDS, name)}")
    command, question = COMMANDS[name], []
    if command.question and rest and rest[0] not in (*HELP, CFG) and not rest[0].startswith("--"):
        question, rest = rest[:1], rest[1:]
    module = import_module(command.module)
    knobs: type = getattr(module, name.capitalize())
    if any(argument in HELP for argument in rest):
        from experiments.config.help import command_help

        print(command_help(knobs))
        return 0
    from experiments.config.files import with_files

    if CFG in rest:
        _print_config(knobs, with_files(knobs, _without_cfg(rest, command.question)))
        return 0
    return module.main(*question, overrides=with_files(knobs, rest))


def version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("stepsearch")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _without_cfg(words: Sequence[str], question: bool) -> list[str]:
    """The words without `--cfg` and, where they follow, `job`, as Hydra has it, and a `question`."""
    at = list(words).index(CFG)
    after = words[at + 1 + (words[at + 1 : at + 2] == ["job"]) :]
    return [*words[:at], *after[1 if question and after and not _KNOB.match(after[0]) else 0 :]]


def _print_config(knobs: type, overrides: Sequence[str]) -> None:
    from omegaconf import OmegaConf

    from experiments.config.compose import compose

    print(OmegaConf.to_yaml(compose(knobs, overrides)), end="")


def _overview() -> str:
    lines = [f"  {name:<12}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: stepsearch COMMAND [key=value ...]",
            "",
            "Test-time search: a policy writes steps, a scorer judges them, a searcher spends a budget between them.",
            "",
            *lines,
            "",
            "stepsearch COMMAND --help lists every choice and every knob; --cfg job prints the composed config,",
            "--quiet leaves out progress and notes, config=FILE reads knobs from a file; stepsearch --version.",
        ]
    )


def guarded(run: Callable[[], int]) -> int:
    """Runs a command; returns its exit code. An error written for the user is one line, others keep a traceback."""
    try:
        code = run()
        sys.stdout.flush()  # what cannot be written is an error here, not at the interpreter's end
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of standard output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            failure(f"stepsearch: standard output cannot be written: {error.strerror}", stderr=True)
            return 2
        if is_message(error):
            failure(f"stepsearch: {error}", stderr=True)
            return 2
        traceback.print_exception(error, chain=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
