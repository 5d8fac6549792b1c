"""The frozen world against Transformers, its draws, its files, vLLM's blocks, and the weak PRM."""

import asyncio
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from experiments.benchmarks.frozen import __main__ as driver
from experiments.benchmarks.frozen import scorer as scorers
from experiments.benchmarks.frozen import tables, words
from experiments.benchmarks.frozen.blocks import Blocks
from experiments.benchmarks.frozen.calibrate import logistic
from experiments.benchmarks.frozen.policy import Frozen
from experiments.benchmarks.frozen.steps import FrozenReader
from experiments.benchmarks.frozen.words import FrozenWriter, Place
from policies.engines.hf_writer import causal_model
from scorers.checkpoints.heads import Head
from scorers.prm import PRM
from search import BestOfN, Grower, KnobError, Node, Rebase, Tree, solve
from tests.command_line import run
from tests.models import QUESTIONS

PRMS = PRM(dtype="float32")
HARD = "((-3 - -5 * -2 + 6) * (0 + -5 * 7 * 8)) ="


def nodes(tree: Tree) -> Iterator[Node]:
    return (node for node in tree.nodes() if node.depth)


def grown(question: str, searcher: Any, policy: Any = None, scorer: Any = None, seed: int = 0) -> Tree:
    return asyncio.run(solve(question, searcher, policy or Frozen(), scorer or scorers.Frozen(), seed=seed))


def logprobs(policy: Frozen, leaf: Node) -> list[float]:
    """Of a path's tokens, in one pass of Transformers."""
    prompt = policy._path(leaf.tree.root).ids  # pyright: ignore[reportPrivateUsage]
    tokens = [token for step in leaf.steps() for token in step.token_ids]
    with torch.inference_mode():
        logits = causal_model("tiny", "cpu", "float32", None)(torch.tensor([[*prompt, *tokens]])).logits[0].float()
    table = logits.log_softmax(-1)[len(prompt) - 1 :]
    return [float(table[place, token]) for place, token in enumerate(tokens)]


@dataclass(frozen=True)
class OneByOne:
    """n solutions, step by step."""

    n: int = 4
    scale = "n"

    async def search(self, grow: Grower) -> None:
        for node in await grow.extend(grow.root, self.n):
            while node.open:
                (node,) = await grow.extend(node)


@pytest.mark.parametrize("question", [QUESTIONS[0], HARD])
def test_distributions_and_scores_are_those_of_transformers(question: str) -> None:
    policy = Frozen()
    tree = grown(question, Rebase(8), policy)
    for leaf in tree.leaves():
        kept = [number for step in leaf.steps() for number in step.logprobs]
        assert kept == pytest.approx(logprobs(policy, leaf), abs=1e-4)
        plain = asyncio.run(PRMS.score(question, leaf.steps(), 0)).scores
        assert [node.score for node in leaf.line()] == pytest.approx(list(plain), abs=2e-6)


@pytest.mark.slow
def test_forgotten_keys_are_read_again() -> None:
    """A room of 300 tokens holds one path; six of them need more, and what was forgotten is read again."""
    small = Frozen()
    writer = small.__dict__["engine"] = FrozenWriter("tiny", small.boundary, small.limits, None)
    reading = writer._reading  # pyright: ignore[reportPrivateUsage]
    reading.room = 300
    for seed in range(6):
        (leaf,) = grown(HARD, BestOfN(1), small, seed=seed).leaves()
        (plain,) = grown(HARD, BestOfN(1), seed=seed).leaves()
        assert leaf.text() == plain.text()
    assert reading.eras > 1


@pytest.mark.slow
def test_draws_have_the_frequencies_of_the_distribution() -> None:
    """8,000 first steps; a share is within 4.5 standard errors of its probability."""
    count = 8_000
    steps = asyncio.run(Frozen().extend(Tree(HARD).root, count, 1, range(0, count << 20, 1 << 20)))
    drawn = Counter(continuation[0] for continuation in steps.continuations)
    chances = {step: math.exp(sum(step.logprobs)) for step in drawn}
    assert len(drawn) > 5 and sum(chances.values()) > 0.9
    for step, chance in chances.items():
        assert abs(drawn[step] / count - chance) < 4.5 * math.sqrt(chance * (1 - chance) / count) + 1 / count


def test_a_place_has_the_same_text_in_every_search() -> None:
    """Written whole or step by step; other seeds write other texts."""
    whole, steps, other = (
        {leaf.path[0]: leaf.text() for leaf in grown(HARD, searcher, seed=seed).leaves()}
        for searcher, seed in ((BestOfN(8), 3), (OneByOne(8), 3), (BestOfN(8), 4))
    )
    assert whole == steps != other


def test_what_is_on_file_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def world() -> tuple[Frozen, scorers.Frozen]:
        policy, scorer = Frozen(folder=str(tmp_path)), scorers.Frozen(folder=str(tmp_path))
        policy.__dict__["engine"] = FrozenWriter("tiny", policy.boundary, policy.limits, tmp_path)
        scorer.__dict__["reader"] = FrozenReader(Head.PRM, "tiny-prm", tmp_path)
        return policy, scorer

    policy, scorer = world()
    first = grown(QUESTIONS[0], Rebase(8), policy, scorer)
    for kept in (policy.engine, scorer.reader):
        kept._store.save()  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    monkeypatch.setattr("experiments.benchmarks.frozen.reading.Reading.read", None)
    again = grown(QUESTIONS[0], Rebase(8), *world())
    assert [(n.path, n.step, n.score) for n in nodes(again)] == [(n.path, n.step, n.score) for n in nodes(first)]
    assert again.ledger._replace(seconds=0) == first.ledger._replace(seconds=0)


def test_blocks_of_one_search() -> None:
    blocks, ids = Blocks(), list(range(70))
    assert blocks.cached("a", ids, 69) == 0
    assert blocks.cached("a", ids, 69) == 64
    assert blocks.cached("a", ids[:64], 63) == 32, "the last token is always computed"
    assert blocks.cached("b", ids, 69) == 0, "another search has its own"
    assert blocks.cached("a", [*ids[:40], 7, *ids[41:]], 69) == 32, "a block is all that came before, too"
    blocks.add("a", list(range(100)))
    assert blocks.cached("a", list(range(100)), 99) == 96


def test_a_best_of_n_is_charged_its_prompt_once() -> None:
    """The first sample computes the prompt, each further one what is behind its whole blocks."""
    tree = grown(QUESTIONS[2], BestOfN(4))
    policy = Frozen()
    prompt = len(policy._path(tree.root).ids)  # pyright: ignore[reportPrivateUsage]
    rest = prompt - (prompt - 1) // 32 * 32
    assert tree.ledger.prompt_tokens_computed == prompt + 3 * rest
    assert tree.ledger.generated_tokens == sum(len(step.token_ids) for leaf in tree.leaves() for step in leaf.steps())


@pytest.mark.parametrize("knobs", [{"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.9}])
def test_another_distribution_is_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises((KnobError, ExceptionGroup)):
        asyncio.run(Frozen(**knobs).extend(Tree(QUESTIONS[0]).root, 1, 1, [0]))


def test_greedy_takes_the_most_likely_token() -> None:
    (steps,) = asyncio.run(Frozen(temperature=0).extend(Tree(QUESTIONS[0]).root, 1, None, [5])).continuations
    place = words.shared_writer("tiny", Frozen().boundary, Frozen().limits, None).place(
        Frozen()._path(Tree(QUESTIONS[0]).root).ids  # pyright: ignore[reportPrivateUsage]
    )
    for token in (token for step in steps for token in step.token_ids):
        assert isinstance(place, Place) and place.choices is not None
        assert token == place.choices.ids[0] and place.choices.logprobs[0] == max(place.choices.logprobs)
        place = place.children[token]


def test_the_weak_prm_is_the_strong_one_with_noise() -> None:
    """Without noise and with slope 1 it is the same; with noise the same path has the same score, in any request."""
    question = QUESTIONS[2]
    leaf = grown(question, BestOfN(1)).leaves()[0]
    strong = [node.score for node in leaf.line()]

    def weak(since: int = 0, **knobs: Any) -> list[float]:
        return list(asyncio.run(scorers.Weak(**knobs).score(question, leaf.steps(), since)).scores)

    assert weak(noise=0, slope=1, offset=0) == pytest.approx(strong, rel=1e-6)
    assert weak() == weak() != weak(noise_seed=1)
    assert weak(since=1) == weak()[1:]


def test_the_logistic_fit_finds_what_made_the_labels() -> None:
    """40,000 labels: slope and offset within five standard errors."""
    rng = np.random.Generator(np.random.Philox(0))
    x = rng.normal(2, 3, 40_000)
    fit = logistic(x, rng.random(len(x)) < 1 / (1 + np.exp(-(0.4 * x - 0.7))))
    assert fit == pytest.approx((0.4, -0.7), abs=0.1)


@pytest.mark.slow
def test_the_sweeps_run_once_and_their_tables_show_every_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two small sweeps a PRM, in this process; started again, nothing is searched anew."""
    sweeps = {
        "fixed": ("searchers=best_of_n,rebase", "budgets=1,4"),
        "again-best_of_n": ("searchers=again", "budgets=1", "search.again.inner=best_of_n"),
    }
    problems, out = tmp_path / "problems.jsonl", tmp_path / "out"
    problems.write_text(json.dumps({"input": QUESTIONS[1], "target": "3"}))
    monkeypatch.setattr(driver, "SWEEPS", sweeps)
    monkeypatch.setattr(tables, "SWEEPS", sweeps)
    in_process = SimpleNamespace(run=lambda words, check: SimpleNamespace(returncode=run(*words[3:])))
    monkeypatch.setattr(driver, "subprocess", in_process)
    lines = list[str]()
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["frozen", f"problems={problems}", "seeds=0", f"out={out}"])
        assert driver.main() == 0
        lines.append("".join(file.read_text() for file in sorted(out.glob("*/results.jsonl"))))
    assert lines[0] == lines[1] and len(lines[0].splitlines()) == 2 * (4 + 2)
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["tables", f"out={out}"])
    tables.main()
    rows = [line.split(" | ")[:3] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    shown = ["best_of_n 1", "best_of_n 4", "rebase 1", "rebase 4", "again-best_of_n 1"]
    assert [f"{name[2:]} {n}" for name, n, _ in rows if n not in ("N", "---")] == 2 * shown
    words = ["rules=majority", f"picture={tmp_path / 'drawn'}", f"larger={out / 'strong-0-fixed'}"]
    monkeypatch.setattr(sys, "argv", ["tables", f"out={out}", *words])
    tables.main()
    headings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| searcher")]
    assert all(line.endswith("| GFLOP | majority, equal tokens | majority, equal FLOPs |") for line in headings)
    assert "greedy, strong-0-fixed" in (tmp_path / "drawn.svg").read_text()
