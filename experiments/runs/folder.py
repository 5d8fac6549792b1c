"""The folder of a run: its command line and full config, what it read, the versions it ran with."""

import difflib
import json
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple
from omegaconf import DictConfig
from omegaconf import OmegaConf
from yaml import YAMLError
from experiments.errors import RunError
from experiments.config.custom import sources
from experiments.config.compose import compose
from experiments.runs.fingerprints import fingerprint
from experiments.runs.fingerprints import versions


_COMMAND, _CONFIG, _INPUTS, _VERSIONS = "command.json", "config.yaml", "inputs.json", "versions.json"
FILES = (_COMMAND, _CONFIG, _VERSIONS, _INPUTS)


def open_run_folder(
    command: str, out: str | None, config: DictConfig, words: Sequence[str], inputs: Mapping[str, str]
) -> Path:
    """Makes the folder of a run and writes down all it is made of. Raises RunError where it holds lines of a run.

    `words` are the command line's, `inputs` the fingerprints of what is read, by name; those of the user's own classes
    are added.
    """
    inputs = {**inputs, **{name: fingerprint(file) for name, file in sources(config).items()}}
    folder = Path(out).expanduser() if out else _unused(Path("runs") / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}")
    if any(folder.glob("*.jsonl")):
        raise RunError(
            f"out={folder} holds the results of another run; name another folder, or go on with run={folder}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _COMMAND).write_text(json.dumps(list(words)) + "\n", "utf-8")
        (folder / _CONFIG).write_text(OmegaConf.to_yaml(config), "utf-8")
        (folder / _INPUTS).write_text(json.dumps(inputs, indent=2) + "\n", "utf-8")
        (folder / _VERSIONS).write_text(json.dumps(versions(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise RunError(f"out={folder} cannot be written: {error.strerror}") from error
    return folder


class Asked(NamedTuple):
    """A config, the words it is made of, and the folder of the run that is gone on with, if one is."""

    config: DictConfig
    words: list[str]
    begun: Path | None


def asked(knobs: type, overrides: Sequence[str]) -> Asked:
    """What a command line asks for; the words of a run that is gone on with (`run=`) come before those given now.

    Raises ConfigError, and RunError where that folder is no run's.
    """
    runs = [word.removeprefix("run=") for word in overrides if word.startswith("run=")]
    if not runs:
        return Asked(compose(knobs, overrides), list(overrides), None)
    folder = Path(runs[-1]).expanduser()
    words = [*_words_of(folder), *(word for word in overrides if not word.startswith("run="))]
    return Asked(compose(knobs, words), words, folder)


def _words_of(folder: Path) -> list[str]:
    """The command line of a run that is to go on. Raises RunError where there is none."""
    try:
        return json.loads((folder / _COMMAND).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} is no run that can go on: {folder / _COMMAND} cannot be read") from error


def config_of(folder: Path) -> dict[str, Any]:
    """What a run was composed of; empty where it is not known."""
    try:
        held: Any = OmegaConf.to_container(OmegaConf.load(folder / _CONFIG))
    except (OSError, ValueError, YAMLError):
        return {}
    return held if isinstance(held, dict) else {}


def check_same(folder: Path, config: DictConfig, inputs: Mapping[str, str], free: Sequence[str] = ()) -> None:
    """Raises RunError, with the difference, where config, inputs or the user's own classes are not those that the run
    began with.

    `free` are knobs that change nothing of what has been done.
    """
    try:
        began, read = (folder / _CONFIG).read_text("utf-8"), json.loads((folder / _INPUTS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} was cut off while it was being made; begin anew with out=") from error
    before, after = (_without(free, text) for text in (began, OmegaConf.to_yaml(config)))
    if changed := [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"]:
        raise RunError(f"run={folder} was begun with another config; begin anew with out=:\n" + "\n".join(changed))
    changed = [name for name in inputs if inputs[name] != read.get(name)]
    edited = [(name, file) for name, file in sources(config).items() if fingerprint(file) != read.get(name)]
    if changed := [*changed, *(f"{name}: {file} has changed" for name, file in edited)]:
        raise RunError(f"run={folder} was begun with another {' and '.join(changed)}; begin anew with out=")


def _without(knobs: Sequence[str], text: str) -> str:
    """A config's YAML without some of its knobs."""
    held: Any = OmegaConf.to_container(OmegaConf.create(text))
    return OmegaConf.to_yaml(OmegaConf.create({knob: value for knob, value in held.items() if knob not in knobs}))


def _unused(folder: Path) -> Path:
    """The folder, or the same name with the first free number behind it."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


