"""Published reward models by name: which scorer reads them, with which knobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.engines.hf import ModelError


@dataclass(frozen=True)
class Preset:
    """A scorer by its name on the command line, and the knobs that are not at their defaults."""

    scorer: str
    knobs: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """As on the command line."""
        return " ".join([f"scorer={self.scorer}", *(f"scorer.{knob}={value}" for knob, value in self.knobs.items())])


_EURUS = Preset("implicit", {"reference": "Qwen/Qwen2.5-Math-7B-Instruct"})

PRESETS = {
    "Qwen/Qwen2.5-Math-PRM-7B": Preset("prm"),
    "Qwen/Qwen2.5-Math-PRM-72B": Preset("prm"),
    "Qwen/Qwen2.5-Math-7B-PRM800K": Preset("prm"),
    "peiyi9979/math-shepherd-mistral-7b-prm": Preset("lm_head_prm", {"tag": "ки"}),
    "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data": Preset("lm_head_prm"),
    "RLHFlow/Llama3.1-8B-PRM-Mistral-Data": Preset("lm_head_prm"),
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B": Preset("value_head"),
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B": Preset("value_head"),
    "Qwen/Qwen2.5-Math-RM-72B": Preset("outcome"),
    "nvidia/AceMath-7B-RM": Preset("outcome"),
    "nvidia/AceMath-72B-RM": Preset("outcome"),
    "PRIME-RL/EurusPRM-Stage1": _EURUS,
    "PRIME-RL/EurusPRM-Stage2": _EURUS,
}
_BY_NAME = {name.rpartition("/")[2].lower(): preset for name, preset in PRESETS.items()}


def preset(model: str) -> Preset | None:
    """That of a hub name, or of a folder that is called as the model is; None for a model that is not known."""
    return _BY_NAME.get(model.rstrip("/").rpartition("/")[2].lower())


def check_preset(scorer: str, model: str, owner: Any) -> None:
    """Raises ModelError, before anything is loaded, where a known model is given to another scorer, or to other knobs.

    `owner` has the knobs. A reference model of another place is taken as it is.
    """
    known = preset(model)
    if known is None:
        return
    others = [knob for knob, value in known.knobs.items() if getattr(owner, knob, None) in (None, "") and value]
    if known.scorer != scorer or others:
        raise ModelError(f"model={model} is read by {known.words}")
