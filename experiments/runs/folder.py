"""The folder of a run: its command line, full config, input fingerprints and code versions."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from experiments.config.compose import compose, joined
from experiments.config.custom import sources
from experiments.errors import OURS, ConfigError, RunError
from experiments.runs.changed_knobs import changed_knobs
from experiments.runs.fingerprints import fingerprint, versions
from experiments.runs.preflight import load_engines
from search.tree.tree import DRAWS

_COMMAND, _CONFIG, _INPUTS, _VERSIONS = "command.json", "config.yaml", "inputs.json", "versions.json"
DRAWS_INPUT = "draws"
FILES = (_COMMAND, _CONFIG, _VERSIONS, _INPUTS)
_HOME = Path(__file__).resolve().parents[2]


class Invocation(NamedTuple):
    """A command line: the config, the overrides it is composed of, and the folder of the run to resume, if any.

    `before` is the config of that run's own command line, with the defaults of today.
    """

    config: DictConfig
    overrides: list[str]
    resumed: Path | None
    before: DictConfig | None = None

    @property
    def draws(self) -> int:
        """How random draws are keyed (`Tree.draws`): in a resumed run, as it was when that run started."""
        inputs = self.inputs_before
        return DRAWS if inputs is None else int(inputs.get(DRAWS_INPUT, 1))

    @property
    def inputs_before(self) -> dict[str, str] | None:
        """The fingerprints of the resumed run's inputs; None without one."""
        if self.resumed is None:
            return None
        try:
            return json.loads((self.resumed / _INPUTS).read_text("utf-8"))
        except (OSError, ValueError):
            return None  # `folder` says what is wrong with the run

    def folder(
        self,
        command: str,
        out: str | None,
        inputs: Mapping[str, str],
        changeable: Sequence[str] = (),
        engines: Sequence[Any] = (),
    ) -> Path:
        """The folder of the resumed run, checked by `check_same`, or a new one.

        The models behind `engines` are loaded first, so a model that cannot be loaded leaves no new folder behind.
        """
        if self.resumed:
            check_same(self.resumed, self.config, inputs, changeable, self.before)
        load_engines(*engines)
        return self.resumed or open_run_folder(command, out, self.config, self.overrides, inputs)


def invocation(knobs: type, overrides: Sequence[str]) -> Invocation:
    """Composes the config of a command line. With `run=`, that run's overrides come first and the new ones after them.

    Raises ConfigError, and RunError where the folder named by `run=` holds no run.
    """
    folders = [override.removeprefix("run=") for override in overrides if override.startswith("run=")]
    if not folders:
        return Invocation(compose(knobs, overrides), list(overrides), None)
    folder = Path(folders[-1]).expanduser()
    own = _overrides_of(folder)
    both = joined(knobs, own, [override for override in overrides if not override.startswith("run=")])
    before = config_of(folder).get("policy") or {}
    return Invocation(compose(knobs, both, before), both, folder, compose(knobs, own, before))


def _overrides_of(folder: Path) -> list[str]:
    """The command line of a run. Raises RunError where there is none."""
    try:
        return json.loads((folder / _COMMAND).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} cannot be resumed: {folder / _COMMAND} cannot be read") from error


def open_run_folder(
    command: str, out: str | None, config: DictConfig, overrides: Sequence[str], inputs: Mapping[str, str]
) -> Path:
    """Makes the folder of a new run and writes its command line, config, inputs and versions.

    `inputs` are the fingerprints of the inputs, by name; those of the user's own classes are added. Raises RunError
    where the folder holds the results of another run or cannot be written.
    """
    inputs = {**inputs, **{name: fingerprint(file) for name, file in _own_classes(config).items()}}
    folder = Path(out).expanduser() if out else unused(Path("runs") / f"{command}-{time.strftime('%Y%m%d-%H%M%S')}")
    if any(folder.glob("*.jsonl")):
        raise RunError(
            f"out={folder} holds the results of another run; name another folder, or resume it: run={folder}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _COMMAND).write_text(json.dumps(list(overrides)) + "\n", "utf-8")
        (folder / _CONFIG).write_text(OmegaConf.to_yaml(config), "utf-8")
        (folder / _INPUTS).write_text(json.dumps(inputs, indent=2) + "\n", "utf-8")
        (folder / _VERSIONS).write_text(json.dumps(versions(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise RunError(f"out={folder} cannot be written: {error.strerror}") from error
    return folder


def given_folder(knobs: Any) -> Path:
    """The folder that the knob `run` of a command names. Raises ConfigError where it is missing."""
    if not knobs.run:
        raise ConfigError(f"{type(knobs).__name__.lower()} needs the folder of a sweep: run=DIR")
    return Path(knobs.run).expanduser()


def config_of(folder: Path) -> dict[str, Any]:
    """The config that a run was composed of; empty where it cannot be read."""
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(folder / _CONFIG))
    except (OSError, ValueError, YAMLError):
        return {}
    return config if isinstance(config, dict) else {}


def check_same(
    folder: Path,
    config: DictConfig,
    inputs: Mapping[str, str],
    changeable: Sequence[str] = (),
    defaults: DictConfig | None = None,
) -> None:
    """Raises RunError with the difference unless the run was started with this config, these inputs and the same code
    of the user's own classes.

    The knobs `changeable` may differ, because they do not affect existing results. A knob that is newer than the run
    has the value in `defaults`.
    """
    try:
        config_text, fingerprint_by_name = (
            (folder / _CONFIG).read_text("utf-8"),
            json.loads((folder / _INPUTS).read_text("utf-8")),
        )
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} was cut off before it started; start a new run with out=") from error
    before, now, newer = (
        OmegaConf.to_container(OmegaConf.create(text))
        for text in (config_text, OmegaConf.to_yaml(config), OmegaConf.to_yaml(defaults or {}))
    )
    if changed := changed_knobs(before, now, changeable, newer):
        raise RunError(
            f"run={folder} was started with a different config; leave these knobs as they were, or start a new run "
            "with out=:\n" + "\n".join(changed)
        )
    changed = [name for name in inputs if inputs[name] != fingerprint_by_name.get(name)]
    own = _own_classes(config).items()
    edited = [(name, file) for name, file in own if fingerprint(file) != fingerprint_by_name.get(name)]
    if changed := [*changed, *(f"{name}: {file} has changed" for name, file in edited)]:
        raise RunError(
            f"run={folder} was started with different inputs: {', '.join(changed)}; start a new run with out="
        )


def _own_classes(config: DictConfig) -> dict[str, Path]:
    """The files of the user's own classes, by knob. Our packages are left out: `versions` records their commit."""
    packages = [_HOME / package for package in OURS]
    files = sources(config).items()
    return {name: file for name, file in files if not any(map(file.resolve().is_relative_to, packages))}


def unused(folder: Path) -> Path:
    """The folder, or the same name followed by the first unused number."""
    number, unused = 1, folder
    while unused.exists():
        number += 1
        unused = folder.with_name(f"{folder.name}-{number}")
    return unused
