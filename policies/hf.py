"""A policy on Transformers: the embedded default, on CPU or GPU."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policies.writing import Writing
from search.errors import check_knob


@dataclass(frozen=True)
class HF(Writing):
    """Any causal language model, from a local folder or the hub."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: str = "auto"
    """auto (the checkpoint's, or float32 on a CPU that emulates it), float32, bfloat16 or float16"""
    batch_size: int = 128
    """most sequences in one batch"""
    deterministic: bool = False
    """fp32 and one sequence a batch: runs are equal to the last bit, and slow"""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_knob(self, "batch_size", least=1)

    @cached_property
    def engine(self) -> Any:
        from policies.engines.hf import choose_device
        from policies.engines.hf_writer import shared_writer

        dtype, batch = ("float32", 1) if self.deterministic else (self.dtype, self.batch_size)
        return shared_writer(self.model, choose_device(self.device), dtype, batch, self.delimiter)
