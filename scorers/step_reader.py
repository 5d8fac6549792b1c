"""What every engine that reads steps shares: how question and steps become the tokens that a PRM reads."""

from collections.abc import Sequence
from functools import lru_cache

from policies.engines.hf import ModelError, load_config, load_tokenizer
from policies.engines.meter import Meter
from policies.engines.prompt import encode_question
from scorers.qwen2_prm import Qwen2ForProcessRewardModel
from search.protocols import Scored

MODELS = {"Qwen2ForProcessRewardModel": Qwen2ForProcessRewardModel}
STEP_TAG = "<extra_0>"


def architecture(model: str) -> type[Qwen2ForProcessRewardModel]:
    """The class of a checkpoint, by the name in its config. Raises ModelError where it is no PRM that is known."""
    name = (load_config(model).architectures or ["model that names no architecture"])[0]
    if name not in MODELS:
        raise ModelError(f"model={model} is a {name}; a prm is one of: {', '.join(MODELS)}")
    return MODELS[name]


class StepReader:
    """A PRM on an engine; `context` is the most tokens that it reads at once, `meter` counts what it spends.

    It encodes each step by itself, a tag after it, so that prefixes stay prefixes.
    """

    context: int

    def __init__(self, model: str) -> None:
        self.architecture, self.meter = architecture(model), Meter()
        self.tokenizer = load_tokenizer(model)
        if STEP_TAG not in self.tokenizer.get_vocab():
            raise ModelError(f"model={model}: its tokenizer has no {STEP_TAG}, which stands after each step")
        self.tag: int = self.tokenizer.get_vocab()[STEP_TAG]
        self._encode = lru_cache(maxsize=1 << 16)(self._encode_step)

    def encode(self, question: str, texts: Sequence[str], system_prompt: str) -> tuple[list[int], list[int]]:
        """Token ids, and the positions of the tags."""
        ids = encode_question(self.tokenizer, question, system_prompt)
        tags: list[int] = []
        for text in texts:
            ids += [*self._encode(text), self.tag]
            tags.append(len(ids) - 1)
        return ids, tags

    async def read(self, ids: list[int], tags: list[int]) -> Scored:
        """Probability of the positive class at each of the positions `tags`; the last of them is the end of `ids`."""
        raise NotImplementedError

    def _encode_step(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))
