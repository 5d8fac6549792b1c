"""Whether a run may go on with a config and its inputs: as it was started, or grown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from experiments.config.custom import sources
from experiments.config.read_files import read_files
from experiments.config.settings import setting_of
from experiments.errors import OURS, RunError
from experiments.runs.changed_knobs import changed_knobs
from experiments.runs.fingerprints import fingerprint
from experiments.runs.growth import GROWING, before_growth
from experiments.runs.paths import absolute_values

COMMAND, CONFIG, INPUTS = "command.json", "config.yaml", "inputs.json"
WORKING_FOLDER = "folder"
"""The name among the inputs of the folder in which the run was started"""
_HOME = Path(__file__).resolve().parents[2]

Inputs = dict[str, str | list[str]]
"""Fingerprints by name; a list where a file was changed while the run went on, the last one first used last."""


@dataclass(frozen=True)
class Allowed:
    """What may differ between a run and the command that resumes it."""

    changeable: Sequence[str] = ()
    """knobs that affect no result"""
    grows: bool = False
    """whether the run may grow"""
    edited: bool = False
    """whether files of the user's own classes may have changed"""
    part: Mapping[str, str] = field(default_factory=dict[str, str])
    """fingerprints of the part of an input that the run had when it was started, by name"""


def check_same(
    folder: Path, config: DictConfig, inputs: Mapping[str, str], allowed: Allowed, defaults: DictConfig | None = None
) -> Inputs:
    """The inputs that the run then has. Raises RunError with the difference unless the run was started with this
    config, these inputs and the same code of the user's own classes, but for what is `allowed`.

    A knob that is newer than the run has the value in `defaults`.
    """
    try:
        text, stored = (folder / CONFIG).read_text("utf-8"), json.loads((folder / INPUTS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"run={folder} was cut off before it started; start a new run with out=") from error
    before, now, newer = stored_config(text), _written(config), _written(defaults) if defaults else {}
    _check_knobs(folder, before, now, newer, allowed, Path(stored.get(WORKING_FOLDER, ".")).absolute())
    kept = {name: value for name, value in inputs.items() if value != _last(stored, name)}
    changed = [name for name in kept if name not in allowed.part or allowed.part[name] != _last(stored, name)]
    own = own_fingerprints(config, _new_searchers(before, now))
    edited = [(name, file) for name, (file, value) in own.items() if name in stored and value != _last(stored, name)]
    hint = ""
    if edited and not changed:
        hint = "; or go on with changed=ok, where the results that are there may stay" * allowed.grows
    if not allowed.edited:
        changed += [f"{name}: {file} has changed" for name, file in edited]
    if changed:
        raise RunError(
            f"run={folder} was started with different inputs: {', '.join(changed)}; start a new run with out={hint}"
        )
    more: Inputs = {name: [*_all(stored, name), own[name][1]] for name, _ in edited}
    fresh = {name: value for name, (_, value) in own_fingerprints(config).items() if name not in stored}
    return {**stored, **kept, **fresh, **more}


def stored_config(text: str) -> Any:
    """The values of a run's config.yaml, by libyaml where PyYAML has it: it is ten times as fast. Raises YAMLError."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _written(config: DictConfig) -> Any:
    """The values of a config as config.yaml has them."""
    return OmegaConf.to_container(config, enum_to_str=True)


def _check_knobs(folder: Path, before: Any, now: Any, newer: Any, allowed: Allowed, started_in: Path) -> None:
    old, new = absolute_values(before, started_in), absolute_values(now, Path.cwd())
    new = before_growth(old, new) if allowed.grows else new
    changed = changed_knobs(old, new, allowed.changeable, absolute_values(newer, started_in))
    if not changed:
        return
    growth = ""
    if allowed.grows and any(line.partition(":")[0] in GROWING for line in changed):
        growth = "\na run only grows: name what it has as well as what is new"
    raise RunError(
        f"run={folder} was started with a different config; leave these knobs as they were, or start a new run "
        "with out=:\n" + "\n".join(changed) + growth
    )


def _last(inputs: Inputs, name: str) -> str | None:
    return next(iter(reversed(_all(inputs, name))), None)


def _all(inputs: Inputs, name: str) -> list[str]:
    value = inputs.get(name, [])
    return [value] if isinstance(value, str) else value


def _new_searchers(before: Any, now: Any) -> set[str]:
    names: list[str] = now.get("searchers") or []
    return set(map(setting_of, names)) - set(map(setting_of, before.get("searchers") or ()))


def own_fingerprints(config: DictConfig, but: Iterable[str] = ()) -> dict[str, tuple[Path, str]]:
    """The files of the user's own classes, and others that knobs name, with their fingerprints, by knob; without the
    searchers `but`.

    Our packages are left out: `versions` records their commit.
    """
    packages, new = [_HOME / package for package in OURS], tuple(f"search.{name}." for name in but)
    named = {**sources(config), **read_files(config)}
    files = {name: file for name, file in named.items() if not (new and name.startswith(new))}
    ours = {name for name, file in files.items() if any(map(file.resolve().is_relative_to, packages))}
    return {name: (file, fingerprint(file)) for name, file in files.items() if name not in ours}
