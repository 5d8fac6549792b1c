"""Trains the small thinking policy: python -m experiments.tiny.train_thinking [steps=...] [out=...]

First samples attempts of the small policy, then trains its weights further, on thoughts made of them
(experiments/tiny/thoughts.py). If interrupted, the same command resumes.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2ForCausalLM

from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from experiments.tiny.samples import sample, training_questions, writer
from experiments.tiny.thoughts import AGAIN, CLOSE, Thought, think
from experiments.tiny.tokenizer import START, build_tokenizer
from experiments.tiny.training import IGNORED, Document, Schedule, pack, places, train
from policies.engines.hf import load_weights
from policies.engines.share import Engine
from policies.prompting import Prompting


@dataclass
class Knobs:
    policy: str = "tiny"
    """folder or hub name of the policy whose samples are thought of, and whose weights are trained further"""
    engine: Engine = Engine.HF
    """what runs the policy"""
    problems: int = 4000
    """problems that are sampled"""
    samples: int = 8
    """samples a problem"""
    steps: int = 700
    """training steps"""
    rows: int = 6
    """rows in a training batch"""
    row_tokens: int = 1280
    """tokens in a row"""
    learning_rate: float = 1e-3
    """highest learning rate"""
    seed: int = 2
    """seed of the problems, the samples and the training"""
    threads: int = 2
    """torch's threads"""
    device: str = "cpu"
    """device that trains"""
    work: str = "runs/train_thinking"
    """folder of samples and checkpoints"""
    out: str = "policies/tiny_thinking"
    """folder of the thinking policy"""


class Encoder:
    """Thoughts as token ids, in the pieces in which a model meets them: prompt, thought, closing tag, answer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._prompts = [Prompting("", arguments={"enable_thinking": thinks}) for thinks in (False, True)]

    def document(self, question: str, thought: Thought) -> Document:
        """The question is not trained on, nor is a thought that a limit cut short: only what follows it is."""
        prompt = list(self._prompts[bool(thought.thought)].encode(self.tokenizer, question))
        closing = self._encode(f"{CLOSE}\n\n" if thought.closed else f"\n{CLOSE}\n\n") if thought.thought else []
        inside = [*self._encode(thought.thought), *closing]
        answer = [*self._encode(thought.answer), self.tokenizer.eos_token_id]
        labels = inside if thought.closed else [IGNORED] * len(inside)
        return prompt + inside + answer, [IGNORED] * len(prompt) + labels + answer

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)


def documents(encoder: Encoder, file: Path, seed: int) -> Iterator[Document]:
    """For ever, from the sampled questions at random."""
    rng, held_out = random.Random(seed), arithmetic.held_out()
    entries = [entry for entry in map(json.loads, file.open()) if entry["question"] not in held_out]
    while True:
        entry = rng.choice(entries)
        if thought := think(entry["question"], entry["samples"], rng):
            yield encoder.document(entry["question"], thought)


DECISION_WEIGHT = 5.0


def thinking_loss(model: Any, ids: Tensor, labels: Tensor, start: int, close: int, again: int) -> Tensor:
    """Weighted cross-entropy over the trained positions; ids and labels are [rows, row_tokens].

    Documents, which begin with the token `start`, do not see each other. Whether to go on, `again`, or to `close` the
    thought is one token of hundreds, and weighs more.
    """
    hidden = model.model(ids, position_ids=places(ids, start), use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    kept = wanted != IGNORED
    losses = nn.functional.cross_entropy(model.lm_head(hidden[kept]).float(), wanted[kept], reduction="none")
    weights = torch.where((wanted[kept] == close) | (wanted[kept] == again), DECISION_WEIGHT, 1.0)
    return (losses * weights).sum() / weights.sum()


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    file = Path(knobs.work) / "samples.jsonl"
    questions = training_questions(f"thinking {knobs.seed}", knobs.problems)
    asyncio.run(sample(questions, knobs.samples, writer(knobs.policy, knobs.engine), knobs.seed, file))
    encoder = Encoder(build_tokenizer(thinking=True))

    def rows(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        packed = pack(documents(encoder, file, knobs.seed), knobs.row_tokens, encoder.tokenizer.pad_token_id)
        return islice(packed, step * knobs.rows, None)

    model = load_weights(Qwen2ForCausalLM, knobs.policy, "cpu", "float32").to(knobs.device)
    schedule = Schedule(knobs.steps, knobs.rows, knobs.row_tokens, knobs.learning_rate)
    start, close, again = (encoder.tokenizer.encode(text)[0] for text in (START, CLOSE, AGAIN))
    loss = partial(thinking_loss, start=start, close=close, again=again)
    train(model, rows, loss, schedule, Path(knobs.work), log=lambda line: print(line, flush=True))
    model.to(torch.bfloat16).save_pretrained(knobs.out)
    encoder.tokenizer.save_pretrained(knobs.out)


if __name__ == "__main__":
    main()
