"""Free process rewards: a step is worth what one language model finds likelier in it than another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from policies.engines.precision import Embedded
from policies.engines.prompt import SYSTEM_PROMPT, encode_question
from policies.engines.share import Engine, Share
from scorers.checkpoints.forms import Encoded, pieces
from scorers.checkpoints.heads import Head
from scorers.checkpoints.presets import check_preset
from scorers.checkpoints.step_reader import StepReader
from scorers.model_scorer import ModelScorer
from search.errors import KnobError, check_knob
from search.parts import parts
from search.protocols import Scored
from search.tasks import together
from search.tree import Node
from search.tree.cost import Cost
from search.tree.path import PathView
from search.tree.scores import Kind
from search.tree.step import Step


@dataclass(frozen=True)
class Implicit(Share, Embedded, ModelScorer):
    """beta x the sum, over a step's tokens, of log p(model) - log p(reference): an increment; a path's add up.

    "Free Process Rewards without Process Labels" (arXiv 2412.01981), proposition 3.1; EurusPRM.
    """

    model: str = ""
    """the trained model: a folder, or a hub name such as PRIME-RL/EurusPRM-Stage2"""
    reference: str = ""
    """what it was trained from: a folder, or a hub name such as Qwen/Qwen2.5-Math-7B-Instruct"""
    engine: Engine = Engine.HF
    """hf is Transformers; vllm, where each of the two models has half of gpu_memory"""
    beta: float = 0.001
    """scale of the log-ratio, as in training"""
    delimiter: str = "\n\n"
    """between two steps; its tokens belong to the step before"""
    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""
    batch_size: int = 64

    kind = Kind.ADDITIVE

    def __post_init__(self) -> None:
        check_knob(self, "beta", above=0)
        check_knob(self, "batch_size", least=1)
        self.check_share()
        if self.url:
            raise KnobError("scorer=implicit reads with two models, and url= names servers of one; leave url out")

    @cached_property
    def readers(self) -> tuple[StepReader, StepReader]:
        """The readers of model and reference. Raises KnobError and ModelError where the two do not fit together."""
        from scorers.checkpoints.head_kinds import check

        check_preset(Head.LIKELIHOOD, self.model, self)
        for knob, name in (("model", self.model), ("reference", self.reference)):
            if not name:
                raise KnobError(f"scorer.{knob}: name a folder or a hub model")
            check(Head.LIKELIHOOD, name)
        model, reference = self._reader(self.model), self._reader(self.reference)
        if model.tokenizer.get_vocab() != reference.tokenizer.get_vocab():
            raise KnobError(f"scorer.reference={self.reference} has other tokens than scorer.model={self.model}")
        return model, reference

    def _reader(self, model: str) -> StepReader:
        if self.engine is Engine.VLLM:
            from scorers.checkpoints import vllm_reader

            half = replace(self.share, gpu_memory=self.gpu_memory / 2)
            return vllm_reader.shared_reader(Head.LIKELIHOOD, model, self.dtype, half, None)
        from policies.engines.hf import choose_device
        from scorers.checkpoints import hf_reader

        device = choose_device(self.device, model)
        return hf_reader.shared_reader(Head.LIKELIHOOD, model, device, self.dtype, self.batch_size)

    def start_loading(self) -> None:
        """Begins to load; a vLLM engine goes on in the background."""
        _ = self.readers

    def load(self) -> None:
        """Loads the models, which would otherwise happen at the first request."""
        for reader in self.readers:
            reader.ready()

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Two readings of the whole context; where nothing is to come, of the path as it stands."""
        length, ends = self._context, None
        if not tokens:
            ids, ends = self._encode(node.tree.question, [step.text for step in PathView(node, self.thoughts)])
            length = len(ids)
        ours, theirs = (reader.worst_case(length, ends) for reader in self.readers)
        return None if ours is None or theirs is None else ours + theirs

    @property
    def _context(self) -> int:
        """The most tokens that both models read at once."""
        return min(reader.context for reader in self.readers)

    def room(self, question: str) -> int:
        """How many tokens of a solution to the question fit both contexts, in one step; below 1: none."""
        return self._context - len(self._encode(question, ["1"])[0]) + 1

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ValueError where question and steps do not fit a model's context; nothing is ever cut off."""
        ids, ends = self._encode(question, [step.text for step in steps])
        if len(ids) > self._context:
            raise ValueError(
                f"question and steps take {len(ids)} tokens, but the context of scorer.model or scorer.reference "
                f"holds {self._context}: lower policy.max_tokens"
            )
        with parts() as read:
            ours, theirs = await together(*(read.ask(reader.read, ids, ends[since:]) for reader in self.readers))
        ratios = [self.beta * (a - b) for a, b in zip(ours.scores, theirs.scores, strict=True)]
        return Scored(ratios, read.cost, not read.exact)

    def _encode(self, question: str, texts: Sequence[str]) -> Encoded:
        """Token ids, and the ends of question and steps among them, [1 + S]."""
        tokenizer = self.readers[0].tokenizer
        ids = list(encode_question(tokenizer, question, self.system_prompt))
        ends = [len(ids)]
        for text in texts:
            stripped = text.removesuffix(self.delimiter)
            ids += [*pieces(tokenizer, stripped.strip()), *pieces(tokenizer, text[len(stripped) :])]
            ends.append(len(ids))
        return Encoded(ids, ends)
