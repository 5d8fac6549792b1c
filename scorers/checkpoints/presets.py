"""Published reward models by name: which scorer reads them, with which knobs."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.engines.models import ModelError

_BARE = re.compile(r"[\w@%+=:,./-]+")  # needs no quotes; letters of any script, which shlex would quote


@dataclass(frozen=True)
class Preset:
    """A scorer by its name on the command line, and the knobs that must be as they are here; None is their default."""

    scorer: str
    knobs: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The overrides of a command line, in quotes where a shell needs them."""
        knobs = [f"scorer.{knob}={value}" for knob, value in self.knobs.items() if value is not None]
        return " ".join(
            word if _BARE.fullmatch(word) else shlex.quote(word) for word in (f"scorer={self.scorer}", *knobs)
        )


_RLHFLOW = Preset("lm_head_prm", {"tag": None})
_ACEMATH = Preset(
    "outcome",
    {"system_prompt": "Please reason step by step, and check your final answer within \\boxed{}."},
)
_EURUS = Preset("implicit", {"reference": "Qwen/Qwen2.5-Math-7B-Instruct"})

PRESETS = {
    "Qwen/Qwen2.5-Math-PRM-7B": Preset("prm"),
    "Qwen/Qwen2.5-Math-PRM-72B": Preset("prm"),
    "Qwen/Qwen2.5-Math-7B-PRM800K": Preset("prm"),
    "peiyi9979/math-shepherd-mistral-7b-prm": Preset("lm_head_prm", {"tag": "ки"}),
    "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data": _RLHFLOW,
    "RLHFlow/Llama3.1-8B-PRM-Mistral-Data": _RLHFLOW,
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B": Preset("value_head"),
    "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B": Preset("value_head"),
    "Qwen/Qwen2.5-Math-RM-72B": Preset("outcome"),
    "nvidia/AceMath-7B-RM": _ACEMATH,
    "nvidia/AceMath-72B-RM": _ACEMATH,
    "PRIME-RL/EurusPRM-Stage1": _EURUS,
    "PRIME-RL/EurusPRM-Stage2": _EURUS,
}


def preset(model: str) -> Preset | None:
    """The preset of a hub name, or of a folder with the model's name; None for an unknown model."""
    return _BY_NAME.get(_last(model))


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


_BY_NAME = {_last(name): preset for name, preset in PRESETS.items()}


def check_preset(scorer: str, model: str, owner: Any) -> None:
    """Raises ModelError, before anything is loaded, where a known model is given to another scorer, or to other knobs.

    `owner` has the knobs. A reference model is compared by the last part of its name, which allows a local copy.
    """
    known = preset(model)
    if known is None:
        return
    given = {knob: getattr(owner, knob, None) for knob in known.knobs}
    same = all(_last(given[knob] or "") == _last(value or "") for knob, value in known.knobs.items())
    if known.scorer != scorer or not same:
        raise ModelError(f"model={model} is read by {known.words}")
