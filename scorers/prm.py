"""Process reward models of the Qwen2.5-Math-PRM family: the probability that a step is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from policies.engines.hf import choose_device
from policies.engines.prompt import SYSTEM_PROMPT
from policies.engines.room import Engine, Room
from scorers import hf_reader
from scorers.step_reader import StepReader
from search.errors import check_knob
from search.protocols import Scored
from search.scores import Kind
from search.step import Step


@dataclass(frozen=True)
class PRM(Room):
    """Scores are the probability of the positive class at the tag after each step."""

    model: str = "tiny-prm"
    """tiny-prm (the shipped one), a folder, or a hub name such as Qwen/Qwen2.5-Math-PRM-7B"""
    engine: Engine = Engine.HF
    """hf is Transformers; vllm reads only what is new of a path"""
    delimiter: str = "\n\n"
    """stripped from a step's text before it is read"""
    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""
    dtype: str = "auto"
    """auto (the checkpoint's, or float32 on a CPU that emulates it), float32, bfloat16 or float16"""
    device: str = "auto"
    """hf: auto, cpu, cuda, cuda:1, ..."""
    batch_size: int = 128
    """hf: most solutions in one batch"""
    deterministic: bool = False
    """hf: fp32 and one solution a batch: runs are equal to the last bit, and slow"""

    kind = Kind.CORRECTNESS

    def __post_init__(self) -> None:
        check_knob(self, "batch_size", least=1)
        self.check_room()

    @cached_property
    def reader(self) -> StepReader:
        if self.engine is Engine.VLLM:
            from scorers import vllm_reader

            return vllm_reader.reader(self.model, self.dtype, self.room)
        dtype, batch = ("float32", 1) if self.deterministic else (self.dtype, self.batch_size)
        return hf_reader.reader(self.model, choose_device(self.device), dtype, batch)

    def load(self) -> None:
        """Loads the model, which else happens at the first request."""
        _ = self.reader

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ValueError where question and steps do not fit the model's context; nothing is ever cut off."""
        texts = [step.text.removesuffix(self.delimiter).strip() for step in steps]
        ids, tags = self.reader.encode(question, texts, self.system_prompt)
        if len(ids) > self.reader.context:
            raise ValueError(
                f"question and steps take {len(ids)} tokens, "
                f"but the context of {self.model} holds {self.reader.context}: lower policy.max_tokens"
            )
        return await self.reader.read(ids, tags[since:])
