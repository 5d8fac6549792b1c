"""Which label of a classifier says that a step is right."""

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from policies.engines.models import ModelError
from scorers.checkpoints.head_kinds import check
from scorers.checkpoints.heads import Head, right_label
from tests.models import WEIGHTS, change, save_random


@pytest.mark.parametrize(
    ("names", "right"),
    [
        ({0: "LABEL_0", 1: "LABEL_1"}, 1),
        ({0: "bad", 1: "good"}, 1),
        ({0: "good", 1: "bad"}, 0),
        ({"0": "+", "1": "-"}, 0),
        ({1: "incorrect", 0: "Correct"}, 0),
    ],
)
def test_labels_are_read_by_their_names(names: dict[Any, str], right: int):
    assert right_label("m", names) == right
    with pytest.raises(ModelError, match="has 3 labels"):
        right_label("m", {**names, 2: "neutral"})


def test_a_classifier_of_the_wrong_number_of_labels_is_refused_before_it_is_loaded(tmp_path: Path):
    from transformers import Qwen2ForSequenceClassification, Qwen2ForTokenClassification

    for kind, head, message in (
        (Qwen2ForTokenClassification, Head.TOKENS, "has 3 labels; a step is wrong"),
        (Qwen2ForSequenceClassification, Head.OUTCOME, "has 3 labels; an outcome is one number"),
    ):
        model = save_random(kind, tmp_path / head, 0, num_labels=3)
        (Path(model) / WEIGHTS).write_bytes(b"")
        with pytest.raises(ModelError, match=message):
            check(head, model)


def test_labels_the_other_way_round_give_the_same_scores(tmp_path: Path):
    from tests.scorers.formats import ask, make

    scorer = make("token_classification", tmp_path / "a")
    expected = ask(scorer)
    other = Path(copytree(tmp_path / "a", tmp_path / "b"))
    weights = load_file(other / WEIGHTS)
    weights |= {name: weights[name].flip(0).contiguous() for name in ("score.weight", "score.bias")}
    save_file(weights, other / WEIGHTS, {"format": "pt"})
    change(other, "config.json", id2label={"0": "correct", "1": "wrong"}, label2id={"correct": 0, "wrong": 1})
    assert ask(type(scorer)(model=str(other))) == pytest.approx(expected, abs=1e-6)
