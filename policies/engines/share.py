"""Which engine runs a model, and what a vLLM engine may take of the machine: knobs that policies and scorers share."""

from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Any

from policies.engines.urls import check_urls
from policies.engines.vllm_options import check_options
from search.errors import KnobError, check_knob

_OF_THE_SERVER = ("gpu", "gpus", "gpu_memory", "cache_gb", "vllm")  # with a url these are its own


class Engine(StrEnum):
    """What runs a model."""

    HF = "hf"
    VLLM = "vllm"


@dataclass(frozen=True, kw_only=True)
class Share:
    """Where a vLLM engine runs and how much it may take; no effect on other engines."""

    gpu: int = 0
    """vLLM: which GPU"""
    gpus: list[int] = field(default_factory=list[int], hash=False)
    """vLLM: several GPUs that hold the model together, in place of gpu (tensor parallelism)"""
    gpu_memory: float = 0.45
    """vLLM: share of the GPU's memory, weights included; a policy and a scorer on one GPU have a share each"""
    cache_gb: float | None = None
    """vLLM: KV cache in GB; null: what gpu_memory leaves, or 1 on CPU"""
    max_num_seqs: int = 256
    """vLLM: sequences in one batch at most; with url, half of the requests that a server is sent at once at most"""
    context: int | None = None
    """vLLM: tokens of question and solution at most; null: the model's, up to 32768"""
    url: list[str] = field(default_factory=list[str], hash=False)
    """vLLM: servers of `vllm serve` that run already, http://a:8000,http://b:8000, in place of an engine of its own"""
    served: str | None = None
    """vLLM: the model's name on the servers at url; null: found by the name of the model"""
    patience: float = 300.0
    """vLLM: seconds to wait for a server at url that does not answer"""
    vllm: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """vLLM: its other options, vllm.max_num_partial_prefills=2; those that spoil results or costs are refused"""

    def check_share(self) -> None:
        """Raises KnobError where one of these knobs is out of bounds, or does not go with another one."""
        check_knob(self, "gpu", least=0)
        check_knob(self, "gpu_memory", above=0, most=0.95)
        check_knob(self, "cache_gb", above=0)
        check_knob(self, "max_num_seqs", least=1)
        check_knob(self, "context", least=2)
        check_knob(self, "patience", above=0)
        if self.gpus and (self.gpu or min(self.gpus) < 0 or len(set(self.gpus)) < len(self.gpus)):
            raise KnobError(f"gpus={_typed(self.gpus)}: name each GPU once, from 0 on, and leave gpu={self.gpu} out")
        check_options(self.vllm)
        check_urls(self.url)
        if self.url:
            self._check_remote()
        elif self.served is not None:
            raise KnobError(f"served={self.served} is the model's name on a server; give the server too, url=")

    def _check_remote(self) -> None:
        """Raises KnobError for a knob that would have no effect, because the server was started with its own."""
        given = [knob for knob in _OF_THE_SERVER if getattr(self, knob) != _default(knob)]
        given += ["dtype"] if getattr(self, "dtype", "auto") != "auto" else []
        if given:
            raise KnobError(
                f"{given[0]}={_typed(getattr(self, given[0]))} has no effect with url={_typed(self.url)}: "
                "the server was started with its own; leave it out"
            )
        # A policy's `engine` is no knob, and starts it.
        if any(knob.name == "engine" for knob in fields(self)) and getattr(self, "engine") is not Engine.VLLM:  # noqa: B009
            raise KnobError(f"url={_typed(self.url)} needs engine=vllm")

    @property
    def share(self) -> "Share":
        """These knobs alone."""
        return Share(**{knob.name: getattr(self, knob.name) for knob in fields(Share)})

    @property
    def places(self) -> tuple[int, ...]:
        """The GPUs that hold the model."""
        return tuple(self.gpus) or (self.gpu,)


def _default(knob: str) -> Any:
    found = next(each for each in fields(Share) if each.name == knob)
    return found.default if found.default_factory is MISSING else found.default_factory()


def _typed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
