"""Checkpoints whose files disagree, or whose weights are broken, on both engines."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import Qwen2ForCausalLM

from policies.engines.hf import load_tokenizer
from policies.engines.models import SHIPPED, ModelError
from policies.engines.turn_end import turn_end
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from search import End
from tests.models import CONTEXT, QUESTIONS, extend, ids_of, save_random, vllm

engines = pytest.mark.parametrize("engine", ["hf", pytest.param("vllm", marks=vllm)])


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """A greedy policy of an engine on a model's folder; its vLLM engine ends with the test."""
    made: list[Writing] = []

    def policy(engine: str, folder: str | Path, **knobs: Any) -> Writing:
        knobs = {"temperature": 0, "dtype": "float32"} | knobs
        made.append(HF(str(folder), **knobs) if engine == "hf" else VLLM(str(folder), context=CONTEXT, **knobs))
        return made[-1]

    yield policy
    for one in made:
        if isinstance(one, VLLM) and "engine" in vars(one):
            one.engine.server.close()


def variant(folder: Path, file: str = "", **values: Any) -> Path:
    """A copy of the shipped policy, with other values in one of its files."""
    shutil.copytree(SHIPPED["tiny"], folder, dirs_exist_ok=True)
    if file:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | values))
    return folder


# the template's own end of turn


@engines
def test_a_turn_ends_where_the_template_ends_it(make: Any, engine: str, tmp_path: Path):
    """Its files name another end token, as those of base models do."""
    folder = variant(tmp_path / "model", "tokenizer_config.json", eos_token="<|endoftext|>")
    for file in ("config.json", "generation_config.json"):
        variant_file = folder / file
        variant_file.write_text(json.dumps(json.loads(variant_file.read_text()) | {"eos_token_id": 256}))
    (steps,) = extend(make(engine, folder, max_tokens=120, ends_at_box=False), QUESTIONS[0], [1]).continuations
    (plain,) = extend(HF(dtype="float32", temperature=0, ends_at_box=False), QUESTIONS[0], [1]).continuations
    assert steps[-1].end is End.EOS and ids_of(steps)[-1] == 258 and ids_of(steps) == ids_of(plain)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}", "<|im_end|>"),
        ("{% for m in messages %}{{ m.content }} <|endoftext|>{% endfor %}", "<|endoftext|>"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content | trim }}<extra_0>\n{% endfor %}", "<extra_0>"),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", None),
        ("{% for m in messages %}{{ m.content }} END <|im_end|>{% endfor %}", None),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", None),
        ("{{ messages[0].content }}<|im_end|>", None),
        ("{{ raise_exception('never') }}", None),
        ("{{ messages[0].content[0].text.nothing.at.all }}", None),
        (None, None),
    ],
)
def test_the_end_of_a_turn_is_read_off_the_template(template: str | None, end: str | None):
    tokenizer: Any = load_tokenizer("tiny")
    tokenizer.chat_template = template
    found = turn_end(tokenizer)
    assert (None if found is None else tokenizer.convert_ids_to_tokens(found)) == end


# ids that the tokenizer does not have


@engines
def test_ids_that_the_tokenizer_does_not_have_are_never_written(make: Any, engine: str, tmp_path: Path):
    """Of 600 ids 268 are unknown to it, and of random weights as likely as others; the same steps on both engines."""
    folder = save_random(Qwen2ForCausalLM, tmp_path / "model", 0, vocab_size=600)
    greedy: Writing = make(engine, folder, max_tokens=12)
    (steps,) = extend(greedy, QUESTIONS[0], [1]).continuations
    assert ids_of(steps) == ids_of(
        extend(HF(folder, temperature=0, dtype="float32", max_tokens=12), QUESTIONS[0], [1]).continuations[0]
    )
    for max_steps in (None, 1):
        for steps in extend(replace(greedy, temperature=1), QUESTIONS[0], range(4), max_steps).continuations:
            assert ids_of(steps) and max(ids_of(steps)) < 332


# logits that are no numbers


@engines
@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_an_error(make: Any, engine: str, weight: float, tmp_path: Path):
    folder = variant(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = weight
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for temperature in (0, 1):
        policy = make(engine, folder, max_tokens=6, temperature=temperature)
        with pytest.raises(Exception) as caught:  # noqa: PT011 # an engine raises a group of one
            extend(policy, QUESTIONS[0], [1])
        error: Any = caught.value
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, ModelError) and "model in float32: its logits are not finite" in str(error)
