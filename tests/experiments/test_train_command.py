"""stepsearch train on the small models: its scorer reads what it writes; it learns, resumes and overwrites nothing."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from experiments.training.examples import IGNORED, Targets, encoded, read_examples
from scorers.checkpoints.forms import Separated
from scorers.prm import PRM, TokenClassification
from search import End, Step
from tests.command_line import run

pytest.importorskip("accelerate", reason="the extra [train] is not installed")

QUESTION = "((1 + 2) * (3 + 4)) ="
GOOD, BAD = "1 + 2 = 3\n(3 * (3 + 4))", "1 + 2 = 4\n(4 * (3 + 4))"
ROWS = [
    {"prompt": QUESTION, "completions": [step], "labels": [right], "values": [0.75 if right else None], "rollouts": [4]}
    for step, right in [(GOOD, True), (BAD, False)]
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> Path:
    """Eight rows of two kinds, and two held out; a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("prm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS * 4))
    Path("prm.validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def train(*words: str) -> int:
    return run("train", "data=prm.jsonl", "base=tiny", "batch=4", "learning_rate=1e-3", *words)


def scores(scorer: PRM | TokenClassification) -> list[float]:
    async def both() -> list[float]:
        steps = [Step(text, (), (), End.DELIMITER) for text in (GOOD, BAD)]
        return [(await scorer.score(QUESTION, [step], 0)).scores[0] for step in steps]

    return asyncio.run(both())


@pytest.mark.slow
def test_a_trained_model_is_read_by_its_scorer_and_knows_its_data(data: Path, capsys: pytest.CaptureFixture[str]):
    assert train("out=prm", "epochs=25") == 0
    good, bad = scores(PRM(model="./prm", dtype="float32"))
    assert good > 0.7 > 0.3 > bad
    assert json.loads(Path("prm/judge/summary.json").read_text())
    capsys.readouterr()
    before = Path("prm/model.safetensors").read_bytes()
    assert train("out=prm", "epochs=25") == 2
    assert "holds a model; name another folder" in capsys.readouterr().err
    assert Path("prm/model.safetensors").read_bytes() == before


def test_an_adapter_is_merged_and_token_classification_takes_soft_targets(data: Path):
    Path("prm.validation.jsonl").unlink()
    words = ["output=token_classification", "targets=soft", "lora=4", "epochs=15", "learning_rate=3e-3"]
    assert train("out=tokens", *words) == 0
    good, _ = scores(TokenClassification(model="./tokens", dtype="float32"))
    assert good == pytest.approx(0.75, abs=0.1), "the value, and not the label"
    assert not list(Path("tokens").glob("adapter*"))


@pytest.mark.slow
def test_an_interrupted_training_goes_on_and_ends_as_if_it_had_not_been(data: Path, monkeypatch: pytest.MonkeyPatch):
    Path("prm.validation.jsonl").unlink()
    assert train("out=whole", "epochs=3", "save_steps=2") == 0
    shutil.copytree("whole", "cut")
    Path("cut/model.safetensors").unlink()
    for file in Path("cut/checkpoints").glob("*"):
        if int(file.name.partition("-")[2]) > 4:
            shutil.rmtree(file)
    assert list(Path("cut/checkpoints").glob("*"))
    assert train("out=cut", "epochs=3", "save_steps=2") == 0
    assert scores(PRM(model="./cut", dtype="float32")) == scores(PRM(model="./whole", dtype="float32"))


@pytest.mark.slow
def test_batches_that_accumulate_are_one_batch(data: Path):
    Path("prm.validation.jsonl").unlink()
    assert train("out=one", "epochs=2") == 0 == train("out=two", "epochs=2", "batch=2", "accumulate=2")
    one, two = (scores(PRM(model=f"./{name}", dtype="float32")) for name in ("one", "two"))
    assert one == pytest.approx(two, abs=1e-3)
    before = scores(PRM(model="./one", dtype="float32"))
    assert train("out=half", "epochs=2", "learning_rate=5e-4") == 0
    assert scores(PRM(model="./half", dtype="float32")) != pytest.approx(before, abs=1e-3), "the rate would show"


def test_targets_stand_where_the_scorer_reads(data: Path):
    from policies.engines.hf import load_tokenizer

    tokenizer = load_tokenizer("tiny")
    hard, soft = (read_examples("prm.jsonl", targets) for targets in Targets)
    assert [each.targets for each in hard[:2]] == [(1.0,), (0.0,)]
    assert [each.targets for each in soft[:2]] == [(0.75,), (None,)]
    rows = encoded(soft, Separated("\n"), tokenizer, 1000)
    assert len(rows) == 4, "those without a target are left out"
    for row in rows:
        assert [place for place, target in enumerate(row.targets) if target != IGNORED] == [len(row.ids) - 1]


def test_what_cannot_be_trained_is_refused(data: Path, capsys: pytest.CaptureFixture[str]):
    def said(*words: str) -> str:
        assert run("train", *words) == 2
        return capsys.readouterr().err

    Path("empty.jsonl").write_text("")
    Path("wrong.jsonl").write_text(json.dumps({**ROWS[0], "labels": [True, True]}) + "\n")
    assert "data=prm.jsonl base=MODEL out=DIR" in said("base=tiny", "out=x")
    assert "no such file" in said("data=none.jsonl", "base=tiny", "out=x")
    assert "no step has a hard target" in said("data=empty.jsonl", "base=tiny", "out=x")
    assert "'labels' must have true or false for each of 1 steps" in said("data=wrong.jsonl", "base=tiny", "out=x")
    assert not Path("x").exists()
    assert "no row has at most max_tokens=2" in said("data=prm.jsonl", "base=tiny", "out=x", "max_tokens=2")
    assert "begun with other settings (max_tokens: 2 before, 4096 now)" in said("data=prm.jsonl", "base=tiny", "out=x")
