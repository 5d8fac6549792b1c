"""What only the Transformers policy can get wrong: probabilities, rounding, dtypes, a checkpoint's defaults."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from policies.engines import hf_writer
from policies.engines.batching import Ticket
from policies.engines.boundary import Delimiter
from policies.engines.hf import choose_device, load_weights
from policies.engines.hf_writer import causal_model
from policies.engines.models import ModelError
from policies.engines.prompt import encode_question
from policies.hf import HF
from search.tree import Tree
from search.tree.randomness import key
from search.tree.step import End, Step
from tests.models import QUESTIONS, extend, ids_of, row, save_random, together


def plain(model: str) -> tuple[Any, list[list[int]]]:
    """Transformers' own model and the prompts of QUESTIONS."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    return AutoModelForCausalLM.from_pretrained(model), [encode_question(tokenizer, q, "") for q in QUESTIONS]


@pytest.mark.parametrize("knobs", [{}, {"temperature": 0.5, "top_p": 0.9, "top_k": 20}])
def test_logprobs_and_entropy_equal_a_full_forward_pass(random_policy: str, knobs: dict[str, Any]):
    policy = HF(random_policy, max_tokens=30, max_step_tokens=7, **knobs)
    ours = together(policy, [(question, seed) for seed, question in enumerate(QUESTIONS)])
    model, prompts = plain(random_policy)
    for steps, prompt in zip(ours, prompts, strict=True):
        written = torch.tensor(ids_of(steps))
        raw = model(torch.tensor([prompt + written.tolist()])).logits[0, len(prompt) - 1 : -1].detach().log_softmax(-1)
        logprobs = [value for step in steps for value in step.logprobs]
        entropy = [value for step in steps for value in step.entropy or ()]
        assert logprobs == pytest.approx(raw.gather(1, written[:, None])[:, 0].tolist(), abs=1e-4)
        assert entropy == pytest.approx((-(raw.exp() * raw).sum(-1)).tolist(), abs=1e-4)


def test_first_tokens_follow_the_models_softmax(random_policy: str):
    """N = 2,000; tokens of an expected count below 20 are one bin. A chi-square of 4 standard deviations passes."""
    policy = HF(random_policy, max_tokens=1, batch_size=512)
    extension = extend(policy, QUESTIONS[0], [key("first token", i) for i in range(2000)])
    model, prompts = plain(random_policy)
    logits = model(torch.tensor(prompts[:1])).logits[0, -1].detach()
    logits[sorted(policy.engine.vocabulary.unknown)] = -torch.inf  # never written
    expected = 2000 * logits.softmax(-1)
    observed = torch.bincount(torch.tensor([ids_of(c)[0] for c in extension.continuations]), minlength=len(expected))
    often = expected > 20
    assert int(often.sum()) >= 5
    bins = [(observed[often], expected[often]), (observed[~often].sum(), expected[~often].sum())]
    statistic = sum(float(((o - e) ** 2 / e).sum()) for o, e in bins)
    degrees = int(often.sum())
    assert statistic < degrees + 4 * (2 * degrees) ** 0.5


def test_deterministic_is_bit_equal_whatever_else_is_in_flight(random_policy: str):
    policy = HF(random_policy, max_tokens=25, deterministic=True)
    asked = [(question, seed) for question in QUESTIONS for seed in range(2)]
    assert (
        together(policy, asked) == [together(policy, [one])[0] for one in asked] == together(policy, asked[::-1])[::-1]
    )


@pytest.mark.slow
def test_a_rows_tokens_hardly_depend_on_its_batch(random_policy: str):
    """Rounding moves logits by 1e-6 in single precision: of 32 rows of 25 tokens at least 30 are equal."""
    asked = [(question, seed) for question in QUESTIONS for seed in range(8)]
    alone = together(HF(random_policy, max_tokens=25, batch_size=1), asked)
    batched = together(HF(random_policy, max_tokens=25, batch_size=8), asked)
    assert sum(ids_of(a) == ids_of(b) for a, b in zip(alone, batched, strict=True)) >= 30


def test_rows_of_one_length_are_read_as_on_a_gpu_without_a_mask(random_policy: str, monkeypatch: pytest.MonkeyPatch):
    """With one the model asks at every token if all of it is set, which waits for a GPU."""
    asked, plain = list[bool](), torch.Tensor.__bool__
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda tensor: asked.append(True) or plain(tensor))
    prompt = encode_question(HF(random_policy).engine.tokenizer, QUESTIONS[0], "")
    written: list[list[list[int]]] = []
    for pads in (True, False):
        monkeypatch.setattr(hf_writer, "_pads_all", lambda device, pads=pads: pads)
        engine = hf_writer.HFWriter(random_policy, "cpu", "float32", 8, Delimiter())
        rows = [row(prompt, seed=n, max_tokens=4 * n) for n in (2, 3, 5)]
        for one in rows:
            one.begin(engine.vocabulary, engine.boundary, engine.context)
            engine.meter.begins(one)
        asked.clear()
        with torch.inference_mode():
            engine._generate([Ticket(one, None) for one in rows])  # pyright: ignore[reportArgumentType]
        written.append([ids_of(one.steps) for one in rows])
        assert bool(asked) is pads
    assert written[0] == written[1] and len(written[0][2]) > len(written[0][0])


def test_a_checkpoints_generation_defaults_do_not_leak_in(random_policy: str, tmp_path: Path):
    model = AutoModelForCausalLM.from_pretrained(random_policy)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.1,
        repetition_penalty=5.0,
        top_k=2,
        max_length=9,
        eos_token_id=model.config.eos_token_id,
    )
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(random_policy).save_pretrained(tmp_path)
    for temperature in (0, 1):
        plain_one, loaded = (HF(m, temperature=temperature, max_tokens=30) for m in (random_policy, str(tmp_path)))
        assert together(loaded, [(QUESTIONS[2], 0)]) == together(plain_one, [(QUESTIONS[2], 0)])


def test_a_path_is_continued_from_its_own_token_ids(random_policy: str):
    """Two newlines written as two tokens would be one if the text were tokenised again: the model must read two."""
    policy = HF(random_policy, max_tokens=8, deterministic=True)
    newline = policy.engine.tokenizer.convert_tokens_to_ids("Ċ")
    tree = Tree(QUESTIONS[0])
    node = tree.root
    for ids in [(newline, newline, 20), (21, newline, newline)]:
        node = node.add(node.reserve(1).start, Step(policy.engine.vocabulary.decode(ids), ids))
    read: list[list[int]] = []

    def note(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        ids, mask = inputs["input_ids"][0], inputs["attention_mask"][0]
        read.append(ids[mask[-len(ids) :] == 1].tolist())

    hook = policy.engine.model.register_forward_pre_hook(note, with_kwargs=True)
    extension = extend(policy, node, [5])
    hook.remove()
    prompt = encode_question(policy.engine.tokenizer, QUESTIONS[0], policy.system_prompt)
    assert read[0] == [*prompt, newline, newline, 20, 21, newline, newline]
    written = ids_of(extension.continuations[0])
    assert len(written) == 2 and extension.continuations[0][-1].end is End.MAX_TOKENS  # 6 of 8 were there before
    assert [token for ids in read[1:] for token in ids] == written[:-1]
    assert extension.question_tokens == len(prompt)


def test_no_room_in_the_context_is_an_error_that_says_so(random_policy: str, tmp_path: Path):
    from transformers import Qwen2ForCausalLM

    policy = HF(save_random(Qwen2ForCausalLM, tmp_path, 0, max_position_embeddings=16), max_tokens=40)
    (steps,) = extend(policy, "(1 + 2) =", [0]).continuations
    prompt = len(encode_question(policy.engine.tokenizer, "(1 + 2) =", ""))
    assert len(ids_of(steps)) <= 16 - prompt
    assert steps[-1].end in (End.CONTEXT, End.EOS)
    with pytest.raises(ValueError, match=r"context of .* holds 16: shorten the question"):
        extend(policy, QUESTIONS[2], [0])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dtype": "float17"}, "choose from auto, float32"),
        ({"device": "cuda:99"}, "device=auto"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_a_clear_error(random_policy: str, knobs: dict[str, Any], message: str):
    wrong: dict[str, Any] = {"model": random_policy} | knobs
    with pytest.raises(ModelError, match=message):
        _ = HF(**wrong).engine


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_computes_in_float32_where_bfloat16_would_be_emulated(
    random_policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, dtype: torch.dtype
):
    from transformers import Qwen2ForCausalLM

    Qwen2ForCausalLM.from_pretrained(random_policy, dtype=torch.bfloat16).save_pretrained(tmp_path)
    monkeypatch.setattr("policies.engines.hf.has_bfloat16", lambda device: native)
    assert load_weights(Qwen2ForCausalLM, str(tmp_path), "cpu", "auto").dtype == dtype
    assert load_weights(Qwen2ForCausalLM, str(tmp_path), "cpu", "bfloat16").dtype == torch.bfloat16, "as asked"


def test_auto_takes_a_gpu_but_for_the_small_models_that_ship(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [choose_device("auto", model) for model in ("tiny", "tiny-prm", "mine")] == ["cpu", "cpu", "cuda"]
    assert choose_device("cpu", "mine") == "cpu"


def test_a_reward_model_is_no_policy(random_prm: str):
    with pytest.raises(ModelError, match="Qwen2ForProcessRewardModel: it judges and does not write"):
        _ = HF(random_prm).engine


def test_policies_share_a_model(random_policy: str):
    assert HF(random_policy).engine is HF(random_policy, temperature=0, device="cpu").engine
    causal_model.cache_clear()  # as after the loading of four others
    assert HF(random_policy).engine.model is HF(random_policy, batch_size=3, delimiter="\n").engine.model
