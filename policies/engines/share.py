"""Which engine runs a model, and what a vLLM engine may take of the machine: knobs that policies and scorers share."""

from dataclasses import dataclass, fields
from enum import StrEnum

from search.errors import check_knob


class Engine(StrEnum):
    """What runs a model."""

    HF = "hf"
    VLLM = "vllm"


@dataclass(frozen=True, kw_only=True)
class Share:
    """Where a vLLM engine runs and how much it may take; no effect on other engines."""

    gpu: int = 0
    """vLLM: which GPU"""
    gpu_memory: float = 0.45
    """vLLM: share of the GPU's memory, weights included; a policy and a scorer on one GPU have a share each"""
    cache_gb: float | None = None
    """vLLM: KV cache in GB; null: what gpu_memory leaves, or 1 on CPU"""
    max_num_seqs: int = 256
    """vLLM: sequences in one batch at most"""
    context: int | None = None
    """vLLM: tokens of question and solution at most; null: the model's, up to 32768"""

    def check_share(self) -> None:
        """Raises KnobError where one of these knobs is out of bounds."""
        check_knob(self, "gpu", least=0)
        check_knob(self, "gpu_memory", above=0, most=0.95)
        check_knob(self, "cache_gb", above=0)
        check_knob(self, "max_num_seqs", least=1)
        check_knob(self, "context", least=2)

    @property
    def share(self) -> "Share":
        """These knobs alone."""
        return Share(**{knob.name: getattr(self, knob.name) for knob in fields(Share)})
