"""What all scorers share that read steps with a reward model: the knobs, and how a path becomes its scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from policies.engines.models import ModelError
from policies.engines.precision import Repeatable
from policies.engines.probe import Probe
from policies.engines.share import Engine, Share
from scorers.checkpoints.forms import Encoded, Form
from scorers.checkpoints.heads import Head, Words
from scorers.checkpoints.presets import check_preset
from scorers.checkpoints.step_reader import StepReader
from scorers.model_scorer import ModelScorer
from search.errors import check_knob
from search.protocols import Scored
from search.tree import Node
from search.tree.cost import Cost
from search.tree.path import PathView
from search.tree.scores import Kind
from search.tree.step import Step


@dataclass(frozen=True)
class RewardModel(Repeatable, ModelScorer):
    """A reward model; what a subclass adds is its head, what it was trained to read, and what its number means."""

    delimiter: str = "\n\n"
    """stripped from a step's text before it is read"""

    kind = Kind.CORRECTNESS
    head: ClassVar[Head]

    def __post_init__(self) -> None:
        check_knob(self, "batch_size", least=1)

    @property
    def form(self) -> Form:
        """How the model reads question and steps."""
        raise NotImplementedError

    @property
    def words(self) -> Words | None:
        """What a causal language model answers with."""
        return None

    @cached_property
    def reader(self) -> StepReader:
        """Raises KnobError and ModelError, before anything is loaded, where the model is not of this format."""
        from policies.engines.checkpoint import raw_config

        self.check_model()
        check_preset(self.head, self.model, self)
        raw_config(self.model)  # what is wrong is said before a model library is imported
        from policies.engines.hf import load_tokenizer
        from scorers.checkpoints.head_kinds import check

        check(self.head, self.model)
        try:
            self.form.encode(load_tokenizer(self.model), "1 + 1 =", ["2"])
        except ModelError as error:
            raise ModelError(f"model={self.model}: {error}") from error
        return self._reader()

    def _reader(self) -> StepReader:
        from policies.engines.hf import choose_device
        from scorers.checkpoints import hf_reader

        knobs = self.embedded
        device = choose_device(knobs.device, self.model)
        return hf_reader.shared_reader(self.head, self.model, device, knobs.dtype, knobs.batch_size, self.words)

    def start_loading(self) -> None:
        """Begins to load; a vLLM engine goes on in the background."""
        _ = self.reader

    def load(self) -> None:
        """Loads the model, which would otherwise happen at the first request."""
        self.reader.ready()

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Of reading the whole context: nobody knows how many of the model's tokens the policy's will become.

        Where nothing is to come, of reading the path as it stands.
        """
        if tokens or not node.depth:
            return self.reader.worst_case(self.reader.context)
        ids, places = self._encode(node.tree.question, PathView(node, self.thoughts))
        return self.reader.worst_case(len(ids), places)

    def room(self, question: str) -> int:
        """How many tokens of a solution to the question fit the context, in one step; below 1: none."""
        return self.reader.context - len(self.form.encode(self.reader.tokenizer, question, ["1"]).ids) + 1

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ValueError where question and steps do not fit the model's context; nothing is ever cut off."""
        ids, places = self._encode(question, steps)
        if len(ids) > self.reader.context:
            raise ValueError(
                f"question and steps take {len(ids)} tokens, "
                f"but the context of {self.model} holds {self.reader.context}: lower policy.max_tokens"
            )
        return await self.reader.read(ids, places[since:])

    def _encode(self, question: str, steps: Sequence[Step]) -> Encoded:
        texts = [step.text.removesuffix(self.delimiter).strip() for step in steps]
        return self.form.encode(self.reader.tokenizer, question, texts)


@dataclass(frozen=True)
class ServedRewardModel(Share, RewardModel):
    """A reward model that vLLM runs, too."""

    engine: Engine = Engine.HF
    """hf is Transformers; vllm reads only what is new of a path"""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_share()

    @property
    def probe(self) -> Probe | None:
        """What tells the weights of servers at `url`; None where there are none."""
        if not self.url:
            return None
        reader: Any = self.reader
        return reader.server.probe

    def _reader(self) -> StepReader:
        if self.engine is not Engine.VLLM:
            return super()._reader()
        from scorers.checkpoints import vllm_reader

        return vllm_reader.shared_reader(self.head, self.model, self.dtype, self.share, self.words)
