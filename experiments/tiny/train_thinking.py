"""Trains the small thinking policy: python -m experiments.tiny.train_thinking [steps=...] [out=...]

Trains the small policy's weights further, on thoughts (experiments/tiny/thoughts.py). If interrupted, the same command
resumes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from experiments.tiny.thoughts import CLOSE, Piece, Thought, think
from experiments.tiny.tokenizer import START, build_tokenizer
from experiments.tiny.train_policy import next_token_loss, problem
from experiments.tiny.training import IGNORED, Document, Schedule, pack, train
from policies.engines.hf import load_weights
from policies.prompting import Prompting


@dataclass
class Knobs:
    policy: str = "tiny"
    """folder or hub name of the policy whose weights are trained further"""
    steps: int = 700
    """training steps"""
    rows: int = 5
    """rows in a training batch"""
    row_tokens: int = 1600
    """tokens in a row"""
    learning_rate: float = 1e-3
    """highest learning rate"""
    seed: int = 2
    """seed of the problems"""
    threads: int = 2
    """torch's threads"""
    device: str = "cpu"
    """device that trains"""
    work: str = "runs/train_thinking"
    """folder of checkpoints"""
    out: str = "policies/tiny_thinking"
    """folder of the thinking policy"""


class Encoder:
    """Thoughts as token ids, in the pieces in which a model meets them: prompt, thought, closing tag, answer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._prompts = [Prompting("", arguments={"enable_thinking": thinks}) for thinks in (False, True)]

    def document(self, question: str, thought: Thought) -> Document:
        """The question is not trained on, nor what the model shall not write, nor where a limit closes a thought."""
        prompt = list(self._prompts[bool(thought.pieces)].encode(self.tokenizer, question))
        pieces = list(thought.pieces)
        if pieces:
            pieces.append(Piece(f"{CLOSE}\n\n" if thought.closed else f"\n{CLOSE}\n\n", learnt=thought.closed))
        ids, labels = prompt, [IGNORED] * len(prompt)
        for piece in (*pieces, Piece(thought.answer + self.tokenizer.eos_token)):
            tokens = self._encode(piece.text)
            ids, labels = ids + tokens, labels + (tokens if piece.learnt else [IGNORED] * len(tokens))
        return ids, labels

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)


def documents(encoder: Encoder, seed: int) -> Iterator[Document]:
    """For ever, of problems that are not held out."""
    rng, held_out = random.Random(f"thinking {seed}"), arithmetic.held_out()
    while True:
        tree = problem(rng)
        if (text := arithmetic.question(tree)) not in held_out:
            yield encoder.document(text, think(tree, rng))


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    encoder = Encoder(build_tokenizer(thinking=True))

    def rows(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        packed = pack(documents(encoder, knobs.seed), knobs.row_tokens, encoder.tokenizer.pad_token_id)
        return islice(packed, step * knobs.rows, None)

    model = load_weights(Qwen2ForCausalLM, knobs.policy, "cpu", "float32").to(knobs.device)
    schedule = Schedule(knobs.steps, knobs.rows, knobs.row_tokens, knobs.learning_rate)
    loss = partial(next_token_loss, start=encoder.tokenizer.encode(START)[0])
    train(model, rows, loss, schedule, Path(knobs.work), log=lambda line: print(line, flush=True))
    model.to(torch.bfloat16).save_pretrained(knobs.out)
    encoder.tokenizer.save_pretrained(knobs.out)


if __name__ == "__main__":
    main()
