"""The formats of reward models: a random checkpoint in exactly that format, and its scores from the raw weights."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Qwen2ForCausalLM, Qwen2ForSequenceClassification, Qwen2ForTokenClassification, Qwen2Model

from policies.engines.hf import load_tokenizer
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel, Qwen2ForRewardModel
from scorers.outcome import Outcome
from scorers.prm import PRM, STEP_TAG, LMHeadPRM, TokenClassification, ValueHead
from scorers.reward_model import RewardModel
from search import Step
from tests.models import save_random

QUESTION = "((1 + 2) * (3 - -4)) ="
TEXTS = ["1 + 2 = 3\n(3 * (3 - -4))", "3 - -4 = 7\n(3 * 7)", "3 * 7 = 21\n\\boxed{21}"]
RLHFLOW = (  # a chat template of turns alone, as RLHFlow's
    "{% for message in messages %}<|im_start|>{{ message['content'] | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)

Weights = dict[str, Tensor]
Parts = list[tuple[str, bool]]


def two_classes(hidden: Tensor, weights: Weights) -> Tensor:
    return (hidden @ weights["score.weight"].T + weights["score.bias"]).softmax(-1)[:, 1]


def two_words(hidden: Tensor, weights: Weights, good: int, bad: int) -> Tensor:
    logits = hidden @ weights["model.embed_tokens.weight"].T  # tied
    return logits[:, good].exp() / (logits[:, good].exp() + logits[:, bad].exp())


def value(hidden: Tensor, weights: Weights) -> Tensor:
    return torch.sigmoid(hidden @ weights["v_head.summary.weight"].T + weights["v_head.summary.bias"])[:, 0]


def one_label(hidden: Tensor, weights: Weights) -> Tensor:
    return (hidden @ weights["score.weight"].T)[:, 0]


def network(hidden: Tensor, weights: Weights) -> Tensor:
    inner = torch.relu(hidden @ weights["score.0.weight"].T + weights["score.0.bias"])
    return inner @ weights["score.2.weight"].T + weights["score.2.bias"]


def network_of_two(hidden: Tensor, weights: Weights) -> Tensor:
    return network(hidden, weights).softmax(-1)[:, 1]


def network_of_one(hidden: Tensor, weights: Weights) -> Tensor:
    return network(hidden, weights)[:, 0]


class Format(NamedTuple):
    """A scorer, the checkpoint it reads, its conversation by hand as (text, is judged at its end), its head."""

    make: Callable[[str], RewardModel]
    model: type
    knobs: dict[str, Any]
    parts: Parts | Callable[[Any], Parts]
    head: Callable[..., Tensor]


def _separated() -> Parts:
    return [(QUESTION, False), *((part, judged) for text in TEXTS for part, judged in ((text, False), ("\n", True)))]


def _lines() -> Parts:
    parts = [(QUESTION + "\n", False)]
    for text in TEXTS:
        first, second = text.split("\n")
        parts += [(first, False), ("\n", False), (second, False), ("\n", True)]
    return parts


def _chat(tokenizer: Any, answer: str) -> str:
    system = "Please reason step by step, and put your final answer within \\boxed{}."
    roles = {"system": system, "user": QUESTION, "assistant": answer}
    return tokenizer.apply_chat_template([{"role": r, "content": c} for r, c in roles.items()], tokenize=False)


def _tagged(tokenizer: Any) -> Parts:
    """A chat as on the model card of Qwen2.5-Math-PRM: a tag behind each step."""
    *texts, _ = _chat(tokenizer, "".join(text + STEP_TAG for text in TEXTS)).split(STEP_TAG)
    return [(text + STEP_TAG, True) for text in texts]


def _at_the_end(tokenizer: Any) -> Parts:
    return [(_chat(tokenizer, "\n\n".join(TEXTS)), True)]


FORMATS = {
    "prm": Format(PRM, Qwen2ForProcessRewardModel, {}, _tagged, network_of_two),
    "token_classification": Format(
        TokenClassification, Qwen2ForTokenClassification, {"num_labels": 2}, _separated(), two_classes
    ),
    "value_head": Format(ValueHead, Qwen2ForCausalLM, {}, _lines(), value),
    "lm_head_prm, a chat": Format(
        LMHeadPRM,
        Qwen2ForCausalLM,
        {},
        [
            (f"<|im_start|>{QUESTION} {TEXTS[0]}<|im_end|><|im_start|>", True),
            (f"+<|im_end|><|im_start|>{TEXTS[1]}<|im_end|><|im_start|>", True),
            (f"+<|im_end|><|im_start|>{TEXTS[2]}<|im_end|><|im_start|>", True),
        ],
        two_words,
    ),
    "lm_head_prm, a text": Format(
        lambda model: LMHeadPRM(model=model, tag="<extra_0>"),
        Qwen2ForCausalLM,
        {},
        [
            (f"{QUESTION} Step 1: {TEXTS[0]} <extra_0>", True),
            (f"\nStep 2: {TEXTS[1]} <extra_0>", True),
            (f"\nStep 3: {TEXTS[2]} <extra_0>", True),
        ],
        two_words,
    ),
    "outcome, a classifier": Format(Outcome, Qwen2ForSequenceClassification, {"num_labels": 1}, _at_the_end, one_label),
    "outcome, Qwen2.5-Math-RM": Format(Outcome, Qwen2ForRewardModel, {}, _at_the_end, network_of_one),
}


def save(name: str, folder: Path) -> str:
    form = FORMATS[name]
    save_random(form.model, folder, 3, **form.knobs)
    if form.head is value:
        weights = load_file(folder / "model.safetensors")
        torch.manual_seed(4)
        extra = {"v_head.summary.weight": torch.randn(1, 128), "v_head.summary.bias": torch.randn(1)}
        save_file({**weights, **extra}, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def make(name: str, folder: Path) -> RewardModel:
    form = FORMATS[name]
    scorer = form.make(model=save(name, folder)) if isinstance(form.make, type) else form.make(save(name, folder))
    if name == "lm_head_prm, a chat":
        scorer.reader.tokenizer.chat_template = RLHFLOW
    return scorer


def reference(name: str, folder: Path) -> list[float]:
    """Qwen2's own decoder on the tokens put together by hand, then the head from the raw weights."""
    form, tokenizer = FORMATS[name], load_tokenizer(str(folder))
    ids, places = list[int](), list[int]()
    for text, judged in form.parts(tokenizer) if callable(form.parts) else form.parts:
        ids += tokenizer.encode(text, add_special_tokens=False)
        places += [len(ids) - 1] * judged
    weights = load_file(folder / "model.safetensors")
    decoder = Qwen2Model.from_pretrained(folder, dtype=torch.float32)
    decoder.load_state_dict({n.removeprefix("model."): w for n, w in weights.items() if n.startswith("model.")})
    with torch.inference_mode():
        hidden = decoder(torch.tensor([ids])).last_hidden_state[0][places]
        words = [tokenizer.encode(word)[-1] for word in "+-"] if form.head is two_words else []
        return form.head(hidden, weights, *words).tolist()


def ask(scorer: RewardModel, count: int = len(TEXTS), since: int = 0) -> list[float]:
    steps = [Step(text + "\n\n") for text in TEXTS[:count]]
    return list(asyncio.run(scorer.score(QUESTION, steps, since)).scores)
