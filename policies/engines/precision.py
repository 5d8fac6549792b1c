"""How exactly a model computes and how much at once: knobs that policies and scorers share."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The number format of a model on any engine."""

    dtype: str = "auto"
    """auto (the checkpoint's, or float32 on a CPU that emulates it), float32, bfloat16 or float16"""


@dataclass(frozen=True, kw_only=True)
class Embedded(Precision):
    """A model on Transformers, which runs in this process."""

    device: str = "auto"
    """hf: auto (the GPU where there is one; the CPU for the small models that ship), cpu, cuda, cuda:1, ..."""
    batch_size: int = 128
    """hf: most sequences in one batch"""


@dataclass(frozen=True, kw_only=True)
class Repeatable(Embedded):
    """A model whose runs can be made equal to the last bit."""

    deterministic: bool = False
    """hf: fp32 and one sequence a batch: runs are equal to the last bit, and slow"""

    @property
    def embedded(self) -> Embedded:
        """The knobs that Transformers gets, which `deterministic` overrides."""
        dtype, batch_size = ("float32", 1) if self.deterministic else (self.dtype, self.batch_size)
        return Embedded(dtype=dtype, device=self.device, batch_size=batch_size)
