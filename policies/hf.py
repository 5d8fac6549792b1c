"""A policy on Transformers: the embedded default, on CPU or GPU."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policies.engines.precision import Repeatable
from policies.writing import Writing
from search.errors import check_knob


@dataclass(frozen=True)
class HF(Repeatable, Writing):
    """Any causal language model, from a local folder or the hub."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_knob(self, "batch_size", least=1)

    @cached_property
    def engine(self) -> Any:
        from policies.engines.checkpoint import raw_config

        raw_config(self.model)  # what is wrong is said before a model library is imported
        from policies.engines.hf import choose_device
        from policies.engines.hf_writer import shared_writer

        knobs = self.embedded
        device = choose_device(knobs.device, self.model)
        return shared_writer(self.model, device, knobs.dtype, knobs.batch_size, self.boundary, self.adapter)
