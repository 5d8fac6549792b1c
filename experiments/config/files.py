"""A config file, `config=mine.yaml`: the knobs of a command, also as `--cfg` prints them and a run's folder keeps them.

policy: {model: Qwen/Qwen2.5-Math-1.5B-Instruct, temperature: 0.8}
scorer: outcome
budgets: [1, 4, 16]
search.beam.branch: 2
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError

from experiments.config.compose import default_choices, joined
from experiments.config.knobs import typed
from experiments.config.presets import preset_knobs
from experiments.config.registry import GROUPS, choice_of
from experiments.errors import ConfigError

KEY = "config="
_NOT_TAKEN = ("out", "run")  # of a composed config: each run has a folder of its own


def with_files(knobs: type, overrides: Sequence[str]) -> list[str]:
    """The overrides with each `config=FILE` replaced by the file's knobs; those on the command line win.

    Raises ConfigError where a file cannot be read or holds no knobs.
    """
    files = [word.removeprefix(KEY) for word in overrides if word.startswith(KEY)]
    rest = [word for word in overrides if not word.startswith(KEY)]
    words: list[str] = []
    model = next((word.partition("=")[2] for word in reversed(rest) if word.startswith("policy.model=")), None)
    for file in files:
        words = joined(knobs, words, list(file_overrides(knobs, Path(file).expanduser(), model)))
    return joined(knobs, words, rest) if files else rest


def file_overrides(knobs: type, path: Path, model: str | None = None) -> Iterator[str]:
    """`key=value` for each knob of a file.

    A composed config, whose knobs are all written out, leaves out the preset of its policy's model where another
    `model` takes its place.
    """
    if path.is_dir():
        raise ConfigError(f"config={path} is a folder; name a file, for example config={path / 'config.yaml'}")
    try:
        values: Any = OmegaConf.to_container(OmegaConf.load(path))
    except OSError as error:
        raise ConfigError(f"config={path} cannot be read: {error.strerror}") from error
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"config={path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"config={path} holds no knobs; write key: value, for example seed: 1")
    groups = {place for place, _ in default_choices(knobs.__name__.lower()) if "@" not in place}
    composed = any(isinstance(value, Mapping) and "_target_" in value for value in values.values())
    if composed and model is not None:
        values = {**values, "policy": _without_preset(values.get("policy"), model)}
    for name, value in values.items():
        if name != "_target_" and not (composed and name in _NOT_TAKEN):
            yield from _overrides(str(name), value, groups)


def _without_preset(policy: Any, model: str) -> Any:
    """A policy's knobs without those that the preset of its own model has set, unless it is this model's."""
    if not isinstance(policy, Mapping) or policy.get("model") == model:
        return policy
    set_by_it = preset_knobs(str(policy.get("model")), policy.get("template") or {})
    return {name: value for name, value in policy.items() if name not in set_by_it or set_by_it[name] != value}


def _overrides(name: str, value: Any, groups: set[str]) -> Iterator[str]:
    """The choice of a group, then its knobs, each by its full name."""
    if not isinstance(value, Mapping):
        yield f"{name}={value if name in groups else _typed(value)}"
        return
    if name in groups and (target := str(value.get("_target_", "")).rpartition(".")[2]):
        yield f"{name}={_choice(name, target)}"
    for inner, below in value.items():
        if inner != "_target_":
            yield from _overrides(f"{name}.{inner}", below, groups)


def _choice(group: str, target: str) -> str:
    """The choice that builds `target`. Raises ConfigError where this version has none."""
    choice = "none" if target == "nothing" else choice_of(group, target)
    if choice not in GROUPS[group]:
        raise ConfigError(f"config=: {group} is {target}, which this version does not know")
    return choice


def _typed(value: Any) -> str:
    """A value as Hydra's grammar reads it back."""
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    if not isinstance(value, str):
        return typed(value)
    quoted = re.sub(r"(\\*)(')|(\\+)$", lambda m: m[0].replace("\\", "\\\\").replace("'", r"\'"), value)
    return f"'{quoted}'"
