"""The knobs of a module that is run by itself, `python -m experiments.tiny.evaluate n=4`, and its --help."""

import sys
from pathlib import Path
from typing import TypeVar

from omegaconf import OmegaConf

from experiments.config.help import knob_lines, module_docstring
from experiments.config.knobs import knobs as knobs_of
from experiments.config.overrides import apply, parse
from experiments.config.schema import build, schema
from experiments.errors import is_message

T = TypeVar("T")


def from_overrides(knobs: type[T]) -> T:
    """A script's knobs, from the key=value overrides of its command line.

    With --help, prints the module's docstring and the knobs, and exits. A mistake becomes one line and exit code 2.
    """
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print("\n".join([module_docstring(knobs), "", "Knobs:", *knob_lines(knobs_of(knobs))]))
        sys.exit()
    config = OmegaConf.structured(schema(knobs))
    try:
        for word in words:
            apply(config, parse(word))
        return build(config)
    except Exception as error:
        if not is_message(error):
            raise
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        sys.exit(2)
