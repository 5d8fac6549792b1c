"""The process reward model: the ids of its model card, batches, costs, and checkpoints that are refused.

Its scores against the raw weights are a row of test_reward_formats.
"""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from experiments.tiny.tokenizer import TEMPLATE
from policies.engines.models import ModelError
from policies.engines.prompt import SYSTEM_PROMPT
from scorers.checkpoints.forms import Tagged, token_id
from scorers.checkpoints.heads import Head
from scorers.checkpoints.hf_reader import HFReader, split
from scorers.prm import PRM, STEP_TAG
from search.tree.step import End, Step
from tests.models import save_random

QUESTION = "((5 + 2) * (3 - -4)) ="
FORM = Tagged(STEP_TAG, SYSTEM_PROMPT)
TEXTS = ["5 + 2 = 7\n(7 * (3 - -4))", "3 - -4 = 7\n(7 * 7)", "Ünlike:\n\n  中文 (1)", "", "7 * 7 = 49\n\\boxed{49}"]
# As in Qwen2.5-Math's tokenizer_config.json, without its tools.
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def steps(texts: Sequence[str] = TEXTS) -> list[Step]:
    return [Step(text + "\n\n") for text in texts[:-1]] + [Step(texts[-1], end=End.EOS)]


def score(prm: PRM, texts: Sequence[str] = TEXTS, since: int = 0) -> list[float]:
    return list(asyncio.run(prm.score(QUESTION, steps(texts), since)).scores)


def card_ids(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """The whole conversation as one string, as the model card of Qwen2.5-Math-PRM-7B has it; up to the last tag."""
    messages = [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": STEP_TAG.join(texts) + STEP_TAG},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
    ids = tokenizer.encode(text)
    return ids[: len(ids) - ids[::-1].index(tokenizer.convert_tokens_to_ids(STEP_TAG))]


@pytest.fixture(params=["tiny", "ChatML"])
def reader(random_prm: str, request: pytest.FixtureRequest) -> HFReader:
    made = HFReader(Head.PRM, random_prm, "cpu", "float32", 4)
    made.tokenizer.chat_template = TEMPLATE if request.param == "tiny" else CHATML
    return made


@pytest.mark.parametrize("count", [1, 2, len(TEXTS)])
def test_step_by_step_encoding_equals_the_whole_string(reader: HFReader, count: int):
    ids, tags = FORM.encode(reader.tokenizer, QUESTION, TEXTS[:count])
    assert ids == card_ids(reader.tokenizer, TEXTS[:count])
    assert tags == [place for place, token in enumerate(ids) if token == token_id(reader.tokenizer, STEP_TAG)]


def test_a_batch_equals_one_by_one(random_prm: str):
    """Twelve solutions of 1 to 5 steps, 10 to 100 tokens, in batches of up to 8."""
    solutions = [TEXTS[i % 3 :][: 1 + i % 5] for i in range(12)]
    prm = PRM(random_prm, batch_size=8)

    async def together() -> list[Any]:
        return await asyncio.gather(*(prm.score(QUESTION, steps(texts), 0) for texts in solutions))

    one_by_one = PRM(random_prm, deterministic=True)
    for texts, scored in zip(solutions, asyncio.run(together()), strict=True):
        assert scored.scores == pytest.approx(score(one_by_one, texts), abs=1e-5)


def test_the_cost_is_what_was_read(random_prm: str):
    prm = PRM(random_prm)
    scored = asyncio.run(prm.score(QUESTION, steps(), 2))
    reader: Any = prm.reader
    ids, _ = prm.form.encode(reader.tokenizer, QUESTION, TEXTS)
    assert (scored.cost.computed, scored.cost.cached, scored.cost.calls) == (len(ids), 0, 1)
    assert scored.cost.flops == reader.flops.forward(0, len(ids), len(TEXTS) - 2)


def test_too_long_for_the_context_is_an_error_and_nothing_is_cut(tmp_path: Path):
    from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel

    prm = PRM(save_random(Qwen2ForProcessRewardModel, tmp_path, 0, max_position_embeddings=40))
    assert len(score(prm, TEXTS[-1:])) == 1
    with pytest.raises(ValueError, match=r"take \d\d+ tokens, but the context of .* holds 40"):
        score(prm)


def altered(folder: str, target: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with another config."""
    shutil.copytree(folder, target, dirs_exist_ok=True)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | changes))
    return target


def test_a_checkpoint_without_an_architecture_is_refused(random_prm: str, tmp_path: Path):
    with pytest.raises(ModelError, match="names no architecture"):
        _ = PRM(str(altered(random_prm, tmp_path, architectures=None))).reader


def test_a_tokenizer_without_the_tag_is_refused(random_prm: str, tmp_path: Path):
    folder = altered(random_prm, tmp_path)
    file = folder / "tokenizer.json"
    file.write_text(file.read_text().replace(STEP_TAG, "<extra_9>"))
    with pytest.raises(ModelError, match="has no <extra_0>"):
        _ = PRM(str(folder)).reader


def test_pickled_weights_are_refused(random_prm: str, tmp_path: Path):
    folder = altered(random_prm, tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"pickled \(pytorch_model\.bin\)"):
        _ = PRM(str(folder)).reader


def test_missing_weights_are_refused(random_prm: str, tmp_path: Path):
    from safetensors.torch import save_file

    folder = altered(random_prm, tmp_path)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if name != "score.2.bias"}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks weights of Qwen2ForProcessRewardModel: score\.2\.bias"):
        _ = PRM(str(folder)).reader


def test_remote_code_is_never_run(random_prm: str, tmp_path: Path):
    """The published checkpoint names its own code in `auto_map`; ours is taken instead."""
    auto_map = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    folder = altered(random_prm, tmp_path, auto_map=auto_map)
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')")
    assert score(PRM(str(folder))) == pytest.approx(score(PRM(random_prm)))


def test_padding_stays_below_the_limit():
    for lengths in ([1], [10] * 50, list(range(1, 200)), [5, 5, 5, 400], [2, 3, 5, 8, 13, 21, 34]):
        parts = [lengths[part] for part in split(lengths, 1.2)]
        assert [length for part in parts for length in part] == lengths
        assert all(max(part) * len(part) <= 1.2 * sum(part) for part in parts)
