"""Trains the small PRM on the small policy: python -m experiments.tiny.train_prm [steps=...] [out=...]

First samples solutions of the policy, with exact labels, then trains on them and on corruptions of right solutions.
The PRM is built on the layers of the stronger policy that train_policy leaves in runs/ (experiments/tiny/verifier.py):
what is trained are two layers above them.

If interrupted, the same command resumes.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
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
from experiments.tiny.corrupt import KINDS, corrupt
from experiments.tiny.samples import sample, training_questions, writer
from experiments.tiny.train_policy import problem
from experiments.tiny.training import IGNORED, Document, Schedule, pack, places, train
from experiments.tiny.verifier import verifier
from policies.engines.hf import load_tokenizer, load_weights
from policies.engines.prompt import encode_question
from policies.engines.share import Engine
from scorers.prm import STEP_TAG


@dataclass
class Knobs:
    policy: str = "tiny"
    """folder or hub name of the policy whose samples are learnt from"""
    base: str = "./runs/train_policy/strong"
    """folder of the stronger policy whose weights the PRM starts from"""
    engine: Engine = Engine.HF
    """what runs the policy"""
    problems: int = 3000
    """problems that are sampled"""
    samples: int = 4
    """samples a problem"""
    steps: int = 1400
    """steps that the learning rate is scheduled for"""
    stop: int | None = 800
    """step to stop at; null: the last. By step 400 the step AUC is 0.98, and machines are slow"""
    rows: int = 12
    """rows in a training batch"""
    row_tokens: int = 512
    """tokens in a row"""
    learning_rate: float = 2e-3
    """highest learning rate"""
    seed: int = 1
    """seed of the samples and of the training"""
    threads: int = 2
    """torch's threads"""
    device: str = "cpu"
    """device that trains"""
    work: str = "runs/train_prm"
    """folder of samples and checkpoints"""
    out: str = "scorers/tiny"
    """folder of the PRM"""


# documents


class Reader:
    """Encodes solutions as the scorer does, a tag after each step, with a label for each token.

    A tag's label is the probability that the step is right; steps without one are not trained on. Where the worked
    solution is given, the tokens up to a solution's first mistake have labels too: right until the text leaves it,
    wrong from there to the step's end. They tell the model where the mistake is; the scorer never reads them.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.tag: int = tokenizer.convert_tokens_to_ids(STEP_TAG)
        self.first: int = encode_question(tokenizer, "", "")[0]

    def document(
        self, question: str, steps: list[str], right_S: Sequence[float | None], truth: Sequence[str] = ()
    ) -> Document:
        ids = encode_question(self.tokenizer, question, "")
        labels: list[float] = [IGNORED] * len(ids)
        followed = True
        for place, (step, right) in enumerate(zip(steps, right_S, strict=True)):
            tokens = self._encode(step)
            same = place < len(truth) and step.strip() == truth[place].strip()
            ids += [*tokens, self.tag]
            labels += [*self._marks(tokens, truth, place, right == 1, followed), IGNORED if right is None else right]
            followed = followed and same
        return ids, labels

    def _encode(self, step: str) -> list[int]:
        return self.tokenizer.encode(step.strip(), add_special_tokens=False)

    def _marks(self, tokens: list[int], truth: Sequence[str], place: int, right: bool, followed: bool) -> list[int]:
        if not followed or place >= len(truth):
            return [IGNORED] * len(tokens)
        worked = self._encode(truth[place])
        agree = next((i for i, (a, b) in enumerate(zip(tokens, worked, strict=False)) if a != b), len(worked))
        if right and agree < len(tokens):
            return [1] * agree + [IGNORED] * (len(tokens) - agree)
        return [1] * min(agree, len(tokens)) + [0] * (len(tokens) - agree)


def documents(reader: Reader, file: Path, seed: int) -> Iterator[Document]:
    """For ever: of 20, nine of the policy's own solutions, nine corruptions of all kinds alike, two right ones; half of
    the wrong ones end with their first wrong step."""
    rng, held_out, kinds = random.Random(seed), arithmetic.held_out(), list(KINDS)
    sampled = [(entry["question"], steps) for entry in map(json.loads, file.open()) for steps in entry["samples"]]
    while True:
        draw = rng.random()
        if draw < 0.45:
            question, steps = rng.choice(sampled)
            tree = arithmetic.read(question)
            assert isinstance(tree, arithmetic.Group)
        else:
            tree = problem(rng)
            question = arithmetic.question(tree)
            wrong = corrupt(tree, rng.choice(kinds), rng) if draw < 0.9 else None
            steps = wrong.steps if wrong else arithmetic.solution(tree)
        if question in held_out:
            continue
        labels = arithmetic.labels(question, steps)
        if False in labels and rng.random() < 0.5:
            steps = steps[: labels.index(False) + 1]
        yield reader.document(question, steps, list(map(float, labels[: len(steps)])), arithmetic.solution(tree))


TAG_WEIGHT = 10.0  # a tag counts as ten tokens: there are twenty to a tag, and scores are read at tags


def label_loss(model: Any, ids: Tensor, labels: Tensor, tag: int, first: int) -> Tensor:
    """Weighted cross-entropy over the labelled positions; ids and labels, the probability of right, are [rows,
    row_tokens].

    Documents, which begin with the token `first`, do not see each other: a mistake in one says nothing of the next.
    """
    kept = labels != IGNORED
    hidden = model.model(ids, position_ids=places(ids, first), use_cache=False).last_hidden_state
    right = labels[kept].float()
    losses = nn.functional.cross_entropy(
        model.score(hidden[kept]).float(), torch.stack([1 - right, right], -1), reduction="none"
    )
    weights = torch.where(ids[kept] == tag, TAG_WEIGHT, 1.0)
    return (losses * weights).sum() / weights.sum()


def fit(
    base: Qwen2ForCausalLM,
    reader: Reader,
    begin: Callable[[], Iterator[Document]],
    schedule: Schedule,
    work: Path,
    out: str | Path,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> None:
    """Trains the PRM that is built on `base` and saves it in `out`; `begin` gives the documents, from the first one."""

    def rows(step: int) -> Iterator[tuple[Tensor, Tensor]]:
        packed = pack(begin(), schedule.row_tokens, reader.tokenizer.pad_token_id)
        return islice(packed, step * schedule.rows, None)

    model: Any = verifier(base, reader.tokenizer, STEP_TAG, "\n\n")
    model.to(device)
    train(model, rows, partial(label_loss, tag=reader.tag, first=reader.first), schedule, work, log)
    model.to(torch.bfloat16).save_pretrained(out)
    reader.tokenizer.save_pretrained(out)


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    torch.manual_seed(knobs.seed)
    base = load_weights(Qwen2ForCausalLM, knobs.base, "cpu", "float32")
    samples = Path(knobs.work) / "samples.jsonl"
    questions, policy = training_questions(f"prm {knobs.seed}", knobs.problems), writer(knobs.policy, knobs.engine)
    asyncio.run(sample(questions, knobs.samples, policy, knobs.seed, samples))
    reader = Reader(load_tokenizer(knobs.policy))
    schedule = Schedule(knobs.steps, knobs.rows, knobs.row_tokens, knobs.learning_rate, stop=knobs.stop)
    begin = partial(documents, reader, samples, knobs.seed)
    fit(base, reader, begin, schedule, Path(knobs.work), knobs.out, knobs.device, partial(print, flush=True))


if __name__ == "__main__":
    main()
