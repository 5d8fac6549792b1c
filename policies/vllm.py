"""A policy on vLLM, for GPUs: in this process, or on servers that run already. vLLM's CPU build runs it too."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from policies.engines.precision import Precision
from policies.engines.probe import Probe
from policies.engines.share import Share
from policies.writing import Writing


@dataclass(frozen=True)
class VLLM(Precision, Share, Writing):
    """Any causal language model that vLLM runs, from a local folder or the hub."""

    hottest: ClassVar[float] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_share()

    @cached_property
    def engine(self) -> Any:
        from policies.engines.checkpoint import raw_config

        raw_config(self.model)  # what is wrong is said before a model library is imported
        from policies.engines.vllm_writer import shared_writer

        return shared_writer(self.model, self.dtype, self.share, self.boundary, self.adapter)

    @property
    def probe(self) -> Probe | None:
        """What tells the weights of servers at `url`; None where there are none."""
        return self.engine.server.probe if self.url else None

    def load(self) -> None:
        """Starts the engine and waits for it, which would otherwise happen at the first request."""
        self.engine.server.ready()
