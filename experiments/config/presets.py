"""A policy's knobs that nobody typed are those of its model's preset."""

from collections.abc import Collection, Mapping
from enum import Enum
from pkgutil import resolve_name
from typing import Any

from omegaconf import DictConfig

from policies.presets import preset
from policies.writing import Writing


def preset_knobs(model: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs of a model's preset as they are typed; none where it has no preset."""
    known = preset(model)
    values = known.knobs_with(template) if known else {}
    return {knob: value.name.lower() if isinstance(value, Enum) else value for knob, value in values.items()}


def fill_preset(config: DictConfig, typed: Collection[str], before: Mapping[str, Any]) -> None:
    """Sets the knobs of the preset, where the policy's model has one, that are not among the full names `typed`.

    Knobs of a policy `before`, of a run that is resumed, stand in place of the preset's if it is of the same model.
    """
    policy = config.get("policy")
    target = resolve_name(policy._target_) if isinstance(policy, DictConfig) else None
    if policy is None or not (isinstance(target, type) and issubclass(target, Writing)):
        return
    values = preset_knobs(policy.model, policy.template)
    if before.get("model") == policy.model:  # a knob that is newer than the run has no value there, and its default
        values = {knob: before[knob] for knob in values if knob in before}
    for knob, value in values.items():
        if f"policy.{knob}" not in typed:
            policy[knob] = value
