"""The folder of a run: its command line, full config, input fingerprints and code versions."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from experiments.config.compose import compose, joined
from experiments.errors import ConfigError, RunError
from experiments.runs.atomic import write_whole
from experiments.runs.fingerprints import versions
from experiments.runs.paths import importable, lasting, relocated
from experiments.runs.preflight import load_engines, prompt_losses
from experiments.runs.resuming import (
    COMMAND,
    CONFIG,
    INPUTS,
    WORKING_FOLDER,
    Allowed,
    Inputs,
    check_same,
    own_fingerprints,
    stored_config,
)
from search.tree.tree import DRAWS

VERSIONS = "versions.json"
LOSSES = "prompt_losses.txt"
"""What prompts lost, a line each; missing where they lost nothing"""
DRAWS_INPUT, OPEN_SCALE = "draws", "open_scale"
FILES = (COMMAND, CONFIG, VERSIONS, INPUTS)


@dataclass(frozen=True)
class Invocation:
    """A command line: the knobs' class, the overrides and what they compose, and the folder of the run to resume."""

    knobs: type
    overrides: list[str]
    config: DictConfig
    resumed: Path | None = None
    own: tuple[str, ...] = ()
    """the overrides of the resumed run's own command line"""

    @property
    def draws(self) -> int:
        """How random draws are keyed (`Tree.draws`): in a resumed run, as it was when that run started."""
        inputs = self.inputs_before
        return DRAWS if inputs is None else int(inputs.get(DRAWS_INPUT, 1))

    @property
    def inputs_before(self) -> Mapping[str, Any] | None:
        """The fingerprints of the resumed run's inputs; None without one."""
        return None if self.resumed is None else _json(self.resumed / INPUTS)

    @property
    def opens(self) -> bool:
        """Whether a swept limit opens the scale (`grid.opened`); not in a resumed run from before it did."""
        return self.resumed is None or OPEN_SCALE in (self.inputs_before or {})

    @property
    def problems_before(self) -> int | None:
        """How many problems the resumed run was limited to; None without a limit."""
        return None if self.resumed is None else (config_of(self.resumed).get("problems") or {}).get("limit")

    def folder(
        self,
        command: str,
        out: str | None,
        inputs: Mapping[str, str],
        allowed: Allowed,
        engines: Sequence[Any] = (),
    ) -> Path:
        """The folder of the resumed run, checked by `check_same`, or a new one.

        The models behind `engines` are loaded first, so a model that cannot be loaded leaves no new folder behind. A
        run that has grown is then described as if it had been started so.
        """
        if self.resumed is None:
            load_engines(*engines)
            folder = open_run_folder(command, out, self.config, self.overrides, inputs)
            if lost := prompt_losses(*engines):
                write_whole(folder / LOSSES, "".join(f"{line}\n" for line in lost))
            return folder
        policy = _policy_of(self.resumed)
        before = compose(self.knobs, self.own, policy)
        after = check_same(self.resumed, self.config, inputs, allowed, before)
        load_engines(*engines)
        kept = [o for o in self.overrides if o in self.own or _knob(o) not in allowed.changeable]
        now = compose(self.knobs, kept, policy)
        if allowed.grows and (now != before or after != self.inputs_before):
            _describe(self.resumed, kept, now, after)
        return self.resumed


def _knob(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def invocation(knobs: type, overrides: Sequence[str]) -> Invocation:
    """Composes the config of a command line. With `run=`, that run's overrides come first and the new ones after them.

    Raises ConfigError, and RunError where the folder named by `run=` holds no run.
    """
    typed = [lasting(override) for override in overrides if _knob(override) != "run"]
    folders = [override.partition("=")[2] for override in overrides if _knob(override) == "run"]
    if not folders:
        return Invocation(knobs, typed, compose(knobs, typed))
    folder = Path(folders[-1]).expanduser()
    own, started_in = _overrides_of(folder), _json(folder / INPUTS).get(WORKING_FOLDER)
    if started_in:
        importable(Path(started_in))
        own = [relocated(override, Path(started_in)) for override in own]
    both = joined(knobs, own, typed)
    return Invocation(knobs, both, compose(knobs, both, _policy_of(folder)), folder, tuple(own))


def inherited(knobs: type, run: Path, overrides: Sequence[str], groups: Sequence[str]) -> DictConfig:
    """The config of a command about a run: the run's own choices of these groups, then the overrides.

    Raises ConfigError, and RunError where the folder holds no run.
    """
    started_in = _json(run / INPUTS).get(WORKING_FOLDER)
    own = [override for override in _overrides_of(run) if _knob(override).partition(".")[0] in groups]
    if started_in:
        importable(Path(started_in))
        own = [relocated(override, Path(started_in)) for override in own]
    typed = [lasting(override) for override in overrides]
    return compose(knobs, joined(knobs, own, typed), _policy_of(run))


def _policy_of(folder: Path) -> Mapping[str, Any]:
    """The policy's knobs that a run recorded, presets included."""
    return config_of(folder).get("policy") or {}


def _json(path: Path) -> dict[str, Any]:
    """A JSON file; empty where it cannot be read: `check_same` says what is wrong with the run."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _overrides_of(folder: Path) -> list[str]:
    """The command line of a run. Raises RunError where there is none."""
    try:
        return json.loads((folder / COMMAND).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} cannot be resumed: {folder / COMMAND} cannot be read") from error


def open_run_folder(
    command: str, out: str | None, config: DictConfig, overrides: Sequence[str], inputs: Mapping[str, str]
) -> Path:
    """Makes the folder of a new run and writes its command line, config, inputs and versions.

    `inputs` are the fingerprints of the inputs, by name; those of the user's own classes are added. Raises RunError
    where the folder holds the results of another run or cannot be written.
    """
    own = {name: value for name, (_, value) in own_fingerprints(config).items()}
    described: Inputs = {**inputs, **own, WORKING_FOLDER: str(Path.cwd())}
    folder = Path(out).expanduser() if out else new_folder(command)
    if any(folder.glob("*.jsonl")):
        raise RunError(
            f"out={folder} holds the results of another run; name another folder, or resume it: run={folder}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"out={folder} cannot be written: {error.strerror}") from error
    _describe(folder, overrides, config, described)
    write_whole(folder / VERSIONS, json.dumps(versions(), indent=2) + "\n")
    return folder


def _describe(folder: Path, overrides: Iterable[str], config: DictConfig, inputs: Inputs) -> None:
    """Writes the files that say what a run is, each whole, where they differ.

    The config comes last: `check_same` lets a run go on whose inputs have grown and whose config has not.
    """
    texts = {
        COMMAND: json.dumps(list(overrides)) + "\n",
        INPUTS: json.dumps(inputs, indent=2) + "\n",
        CONFIG: OmegaConf.to_yaml(config),
    }
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            write_whole(path, text)


def given_folder(knobs: Any) -> Path:
    """The folder that the knob `run` of a command names. Raises ConfigError where it is missing."""
    if not knobs.run:
        raise ConfigError(f"{type(knobs).__name__.lower()} needs the folder of a sweep: run=DIR")
    return Path(knobs.run).expanduser()


def config_of(folder: Path) -> dict[str, Any]:
    """The config that a run was composed of; empty where it cannot be read."""
    try:
        config = stored_config((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, YAMLError):
        return {}
    return config if isinstance(config, dict) else {}


def losses_of(folder: Path) -> list[str]:
    """What the prompts of a run lost, a line each."""
    try:
        return (folder / LOSSES).read_text("utf-8").splitlines()
    except (OSError, UnicodeError):
        return []


def new_folder(command: str) -> Path:
    """The folder of a command's new run: runs/<command>-<time>, followed by a number where that is there."""
    folder = Path("runs") / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}"
    number, unused = 1, folder
    while unused.exists():
        number += 1
        unused = folder.with_name(f"{folder.name}-{number}")
    return unused
