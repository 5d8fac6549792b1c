"""Trains the small policy from scratch: python -m experiments.tiny.train_policy [steps=...] [out=...]

The policy is the model at step `ship`; trained on to the end, it is the stronger model that the small PRM is built on.
If interrupted, the same command resumes from its last checkpoint.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from shutil import copyfile
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.training import CHECKPOINT, IGNORED, Document, Schedule, pack, places, train


@dataclass
class Knobs:
    hidden: int = 128
    """width of the model"""
    layers: int = 4
    """layers of the model"""
    head_size: int = 32
    """width of an attention head"""
    steps: int = 4000
    """training steps of the stronger policy"""
    ship: int = 2200
    """training steps of the shipped policy; fewer on purpose, so that it errs and search has something to do"""
    rows: int = 12
    """rows in a training batch"""
    row_tokens: int = 512
    """tokens in a row"""
    learning_rate: float = 3e-3
    """highest learning rate"""
    seed: int = 0
    """seed of the weights and of the problems"""
    threads: int = 2
    """torch's threads"""
    device: str = "cpu"
    """device that trains"""
    work: str = "runs/train_policy"
    """folder of checkpoints"""
    out: str = "policies/tiny"
    """folder of the shipped policy"""
    strong: str = "runs/train_policy/strong"
    """folder of the stronger policy"""


def config(
    tokenizer: Any, hidden: int = 128, layers: int = 4, head_size: int = 32, intermediate: int | None = None
) -> Qwen2Config:
    heads = hidden // head_size
    return Qwen2Config(
        vocab_size=352,
        hidden_size=hidden,
        intermediate_size=intermediate or 3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )


def problem(rng: random.Random) -> arithmetic.Group:
    """A third are single operations on larger numbers; the rest nested groups, short ones more often."""
    if rng.random() < 0.33:
        return arithmetic.drill(rng)
    groups = rng.choices((1, 2, 3, 4, 5, 8), (4, 6, 3, 4, 1, 0.7))[0]
    return arithmetic.expression(rng, groups, rng.choice((2, 3, 4, 4)) if groups < 8 else 2)


def documents(tokenizer: Any, seed: int, held_out: set[str]) -> Iterator[Document]:
    """Prompts as the chat template writes them, then the worked solution; the question is not trained on."""
    rng = random.Random(seed)
    while True:
        tree = problem(rng)
        text = arithmetic.question(tree)
        if text in held_out:
            continue
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False)
        prompt_ids = tokenizer.encode(prompt)
        ids = tokenizer.encode("".join(arithmetic.solution(tree))) + [tokenizer.eos_token_id]
        yield prompt_ids + ids, [IGNORED] * len(prompt_ids) + ids


def next_token_loss(model: Any, ids: Tensor, labels: Tensor, start: int | None = None) -> Tensor:
    """Mean cross-entropy over the trained positions; ids and labels are [rows, row_tokens].

    Where `start` is given, documents, which begin with that token, do not see each other.
    """
    position_ids = None if start is None else places(ids, start)
    hidden = model.model(ids, position_ids=position_ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    kept = wanted != IGNORED
    return nn.functional.cross_entropy(model.lm_head(hidden[kept]).float(), wanted[kept])


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    tokenizer: Any = build_tokenizer()
    model: Any = Qwen2ForCausalLM(config(tokenizer, knobs.hidden, knobs.layers, knobs.head_size))
    model.to(knobs.device)
    schedule = Schedule(knobs.steps, knobs.rows, knobs.row_tokens, knobs.learning_rate)

    def rows(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        packed = pack(documents(tokenizer, knobs.seed, arithmetic.held_out()), knobs.row_tokens, tokenizer.pad_token_id)
        return islice(packed, step * knobs.rows, None)

    def resume(schedule: Schedule, work: Path, out: str) -> None:
        train(model, rows, next_token_loss, schedule, work, log=lambda line: print(line, flush=True))
        deepcopy(model).to(torch.bfloat16).save_pretrained(out)
        tokenizer.save_pretrained(out)

    work, further = Path(knobs.work), Path(knobs.work) / "further"
    resume(replace(schedule, stop=knobs.ship), work, knobs.out)
    if not (further / CHECKPOINT).exists():
        further.mkdir(exist_ok=True)
        copyfile(work / CHECKPOINT, further / CHECKPOINT)
    resume(schedule, further, knobs.strong)


if __name__ == "__main__":
    main()
