"""Training of the small models: the loss falls, a run that was interrupted goes on as if it had not been."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen2ForCausalLM

from experiments.problems import arithmetic
from experiments.tiny import train_policy, train_prm
from experiments.tiny.muon import Muon, orthogonal
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.train_policy import config, documents, next_token_loss
from experiments.tiny.train_prm import Reader, label_loss
from experiments.tiny.training import CHECKPOINT, IGNORED, Schedule, pack, places, train
from policies.engines.models import ModelError
from scorers.prm import PRM
from search import Step

TOKENIZER: Any = build_tokenizer()


def run(
    steps: int, folder: Path, stop: int | None = None, layers: int = 2, rate: float = 5e-3, save_every: int = 4
) -> tuple[Qwen2ForCausalLM, list[float]]:
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config(TOKENIZER, hidden=64, layers=layers))
    schedule = Schedule(steps, 2, row_tokens=128, learning_rate=rate, warmup=2, save_every=save_every, stop=stop)

    def rows(step: int):
        packed = pack(documents(TOKENIZER, 0, set()), 128, TOKENIZER.pad_token_id)
        return itertools.islice(packed, step * 2, None)

    return model, train(model, rows, next_token_loss, schedule, folder, log=lambda line: None)


def test_the_loss_falls(tmp_path: Path):
    """A hundred steps with a fraction of the size and of the data."""
    _, losses = run(100, tmp_path, layers=1, rate=2e-2, save_every=50)
    assert np.mean(losses[-20:]) < 0.4 * losses[0]


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path):
    whole, losses = run(8, tmp_path / "whole")
    run(8, tmp_path / "parts", stop=4)
    parts, later = run(8, tmp_path / "parts")
    assert later == pytest.approx(losses[4:], rel=1e-4)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_a_run_that_stops_early_leaves_a_checkpoint(tmp_path: Path):
    run(8, tmp_path, stop=3)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 3, "the next multiple of save_every is 4"


def test_the_policy_ships_from_a_run_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At step 2 it is saved as the policy, at step 4 as the stronger one, which an unbroken run would be, too."""
    small = ["hidden=64", "layers=2", "rows=1", "row_tokens=128", f"threads={torch.get_num_threads()}", "steps=4"]

    def made(name: str, ship: int) -> list[torch.Tensor]:
        folder = tmp_path / name
        where = [f"work={folder}", f"out={folder / 'policy'}", f"strong={folder / 'strong'}"]
        monkeypatch.setattr("sys.argv", ["train_policy", *small, f"ship={ship}", *where])
        train_policy.main()
        models: Any = [Qwen2ForCausalLM.from_pretrained(folder / part) for part in ("policy", "strong")]
        return [model.model.layers[0].self_attn.q_proj.weight for model in models]

    policy, strong = made("two parts", ship=2)
    assert not torch.equal(policy, strong)
    torch.testing.assert_close(made("whole", ship=4), [strong, strong], rtol=1e-2, atol=1e-3)


def test_the_prm_is_made_from_samples_and_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train_prm, "training_questions", lambda salt, count: ["(1 + 2) =", "((1 + 2) * (3 + 4)) ="])
    knobs = ["base=tiny", "samples=2", "steps=2", "stop=1", "rows=1", "row_tokens=256"]
    knobs += [f"threads={torch.get_num_threads()}", f"work={tmp_path}", f"out={tmp_path / 'prm'}"]
    monkeypatch.setattr("sys.argv", ["train_prm", *knobs])
    train_prm.main()
    lines = [json.loads(line) for line in (tmp_path / "samples.jsonl").open()]
    assert [len(line["samples"]) for line in lines] == [2, 2]
    scored = asyncio.run(PRM(str(tmp_path / "prm")).score("(1 + 2) =", [Step("1 + 2 = 3\n\\boxed{3}")], 0))
    assert 0 < scored.scores[0] < 1
    monkeypatch.setattr("sys.argv", ["train_prm", *knobs, f"base={tmp_path / 'nowhere'}"])
    with pytest.raises(ModelError, match=r"nowhere.*there is no folder"):
        train_prm.main()


def test_rows_hold_whole_documents_and_train_on_solutions_only():
    ids, labels = next(pack(documents(TOKENIZER, 0, set()), 256, TOKENIZER.pad_token_id))
    assert len(ids) == len(labels) == 256
    trained = TOKENIZER.decode(ids[labels != IGNORED])
    assert "<|im_start|>" not in trained
    assert "\\boxed{" in trained


def test_held_out_questions_are_never_written():
    first = next(documents(TOKENIZER, 0, set()))
    text = TOKENIZER.decode(first[0]).removeprefix("<|im_start|>").split("<|im_end|>")[0]
    assert next(documents(TOKENIZER, 0, {text})) != first
    assert len(arithmetic.held_out()) == arithmetic.SHIPPED_COUNT


def test_the_prm_reader_marks_the_first_mistake():
    question = "((1 + 2) * (3 + 4)) ="
    truth = ["1 + 2 = 3\n(3 * (3 + 4))\n\n", "3 + 4 = 7\n(3 * 7)\n\n", "3 * 7 = 21\n\\boxed{21}"]
    wrong = [truth[0], "3 + 4 = 8\n(3 * 8)\n\n", "3 * 8 = 24\n\\boxed{24}"]
    reader = Reader(TOKENIZER)
    ids, labels = reader.document(question, wrong, [1.0, 0.0, 0.0], truth)
    assert len(ids) == len(labels)
    assert [label for token, label in zip(ids, labels, strict=True) if token == reader.tag] == [1, 0, 0]
    tags = [place for place, token in enumerate(ids) if token == reader.tag]
    marks = list(zip(TOKENIZER.convert_ids_to_tokens(ids), labels, strict=True))[tags[0] + 1 : tags[1]]
    assert [mark for _, mark in marks[:4]] == [1, 1, 1, 1], "3, +, 4 and = are right"
    assert marks[4] == ("8", 0)
    assert all(label == IGNORED for label in labels[tags[1] + 1 : tags[2]]), "after a mistake only tags are labelled"


def test_an_orthogonal_update_has_singular_values_near_one():
    matrix = torch.randn(24, 64, generator=torch.Generator().manual_seed(0))
    for each in (matrix, matrix.T):
        values = torch.linalg.svdvals(orthogonal(each))
        assert orthogonal(each).shape == each.shape
        assert values.min() > 0.6
        assert values.max() < 1.3


def test_muon_steps_as_torchs_own_does_up_to_its_bfloat16():
    start = torch.randn(24, 64, generator=torch.Generator().manual_seed(0))
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        Muon([ours], lr=0.1),
        torch.optim.Muon([theirs], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for step in range(3):
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = (weight.detach() ** 2).roll(step, 0)
            optimizer.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved


def test_a_tag_weighs_as_much_as_ten_tokens():
    class Guess(torch.nn.Module):
        """Says right with probability 0.5 to the first token and 0.25 to the others."""

        def model(self, ids, **_):
            return type("Out", (), {"last_hidden_state": (ids > 5).float()[..., None]})

        def score(self, hidden):
            return torch.cat([hidden * torch.log(torch.tensor(3.0)), torch.zeros_like(hidden)], -1)

    ids, labels = torch.tensor([[5, 7, 9, 9]]), torch.tensor([[1, 1, IGNORED, IGNORED]])
    loss = label_loss(Guess(), ids, labels, tag=7, first=5)
    wanted = -(torch.tensor(0.5).log() + 10 * torch.tensor(0.25).log()) / 11
    torch.testing.assert_close(loss, wanted)


def test_documents_of_a_row_do_not_see_each_other():
    torch.manual_seed(0)
    model: Any = Qwen2ForCausalLM(config(TOKENIZER, hidden=64, layers=2)).model
    one, two = [1, 7, 9, 4], [1, 5, 8]
    row = torch.tensor([one + two])
    assert places(row, first=1).tolist() == [[0, 1, 2, 3, 0, 1, 2]]
    together = model(row, position_ids=places(row, first=1), use_cache=False).last_hidden_state[0]
    for ids, rows in ((one, together[:4]), (two, together[4:])):
        torch.testing.assert_close(rows, model(torch.tensor([ids])).last_hidden_state[0])
