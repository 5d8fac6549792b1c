"""Checkpoints that cannot be loaded: each is one line that says what it is and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from policies.engines.boundary import Delimiter
from policies.engines.hf import choose_dtype
from policies.engines.hf_writer import HFWriter
from policies.engines.models import ModelError, locate
from policies.engines.quantised import check_on_vllm, method_of
from policies.engines.weight_files import check_weights, weight_bytes, weight_files
from policies.hf import HF
from scorers.prm import PRM
from tests.models import WEIGHTS, change, extend, ids_of, said

FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the small policy, to be spoilt."""
    return Path(copytree(locate("tiny"), tmp_path / "model"))


def cut_off(folder: Path) -> None:
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[: len(weights) // 2])


def pointer(file: str) -> Callable[[Path], object]:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    return lambda folder: (folder / file).write_text(text)


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def gguf(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "model-q4_k_m.gguf")


def lost_shard(folder: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (folder / WEIGHTS).rename(folder / names[0])
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"lm_head.weight": names[1], "model.norm.weight": names[0]}})
    )


def no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen2.5-0.5B"}))


def config(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, "config.json", **values)


def quantised(**knobs: Any) -> Callable[[Path], None]:
    return config(quantization_config=knobs)


def other_weights(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file({name: weight[:1].clone() for name, weight in weights.items()}, folder / WEIGHTS, {"format": "pt"})


BROKEN = {
    "a pointer of LFS": (pointer(WEIGHTS), "model.safetensors in .* is a pointer of Git LFS .* `git lfs pull`"),
    "a tokenizer's pointer": (pointer("tokenizer.json"), "tokenizer.json in .* is a pointer of Git LFS"),
    "a config's pointer": (pointer("config.json"), "config.json in .* is a pointer of Git LFS"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read .* download it"),
    "cut off": (cut_off, r"model.safetensors has [\d,]+ of [\d,]+ bytes; download it again"),
    "an empty file": (lambda folder: (folder / WEIGHTS).write_bytes(b""), r"is no whole safetensors file \(0 bytes\)"),
    "a lost shard": (lost_shard, "model-00002-of-00002.safetensors is not in .* 1 of 2 files .* download them again"),
    "pickled": (pickled, r"pickled \(pytorch_model.bin\), .* convert a copy that you trust: .*save_pretrained"),
    "GGUF": (gguf, "GGUF files, for llama.cpp; give the safetensors checkpoint"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "there are no safetensors files in"),
    "no tokenizer": (
        no_tokenizer,
        "has no tokenizer: none of tokenizer.json, .* copy the tokenizer files of the model",
    ),
    "an adapter": (adapter, "adapter of Qwen/Qwen2.5-0.5B .*: policy.model=Qwen/Qwen2.5-0.5B policy.adapter="),
    "remote code": (
        config(model_type="novel", auto_map={"AutoConfig": "novel.Config"}),
        "is a novel, which runs on code of its own, which is not run here",
    ),
    "an unknown type": (
        config(model_type="novel"),
        "is a novel, which is unknown here; give a model whose architecture",
    ),
    "weights of another shape": (other_weights, "cannot be loaded: "),
    "AWQ": (quantised(quant_method="awq", bits=4, group_size=128), r"quantised \(awq\).*pip install gptqmodel"),
    "GPTQ": (quantised(quant_method="gptq", bits=4), r"quantised \(gptq\).*pip install gptqmodel optimum, or .* vLLM"),
    "FP8": (quantised(quant_method="fp8", activation_scheme="dynamic"), r"\(fp8\).*pip install accelerate"),
    "4 bits": (
        quantised(load_in_4bit=True, quant_method="bitsandbytes"),
        r"\(bitsandbytes\).*install bitsandbytes",
    ),
    "older 8 bits": (quantised(load_in_8bit=True), r"\(bitsandbytes\).*install bitsandbytes"),
    "compressed": (
        quantised(quant_method="compressed-tensors"),
        r"compressed-tensors\).*pip install compressed-tensors",
    ),
    "an unknown method": (
        quantised(quant_method="novel"),
        r"\(novel\), which the installed Transformers does not",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_loaded_is_one_line_with_the_way_out(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    import policies.engines.quantised as libraries

    monkeypatch.setattr(libraries, "find_spec", lambda module: None)  # whatever is installed here
    spoil, message = BROKEN[name]
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        HF(str(folder)).load()
    said(folder)


def test_paths_that_lead_nowhere_say_so(tmp_path: Path):
    (tmp_path / "model.Q4.gguf").write_bytes(b"GGUF")
    (tmp_path / "notes.txt").write_text("")
    assert "a GGUF file is for llama.cpp" in said(tmp_path / "model.Q4.gguf")
    assert "is a file; give the folder" in said(tmp_path / "notes.txt")
    assert "no config.json" in said(copytree(locate("tiny"), tmp_path / "empty", ignore=lambda *_: ["config.json"]))
    assert "there is no folder" in said(tmp_path / "nothing")
    assert "there is no folder models/mine/last" in said("models/mine/last")


def test_a_sharded_checkpoint_is_whole_where_its_index_is(folder: Path):
    weights = load_file(folder / WEIGHTS)
    names = sorted(weights)
    for part, own in enumerate((names[::2], names[1::2])):
        save_file({name: weights[name] for name in own}, folder / f"part-{part}.safetensors", {"format": "pt"})
    one = weight_bytes("m", folder, 2)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {name: f"part-{i % 2}.safetensors" for i, name in enumerate(names)}})
    )
    check_weights("m", folder)
    assert [file.name for file in weight_files(folder)] == ["part-0.safetensors", "part-1.safetensors"]
    assert weight_bytes("m", folder, 2) == one, "the file beside the index is not counted"


def test_weights_are_counted_by_their_bytes_and_not_by_their_number(tmp_path: Path):
    """Packed numbers stay as they are; only what a dtype can be chosen for is cast."""
    save_file(
        {
            "qweight": torch.zeros(100, dtype=torch.int32),
            "fp8": torch.zeros(50, dtype=torch.float8_e4m3fn),
            "scales": torch.zeros(10, dtype=torch.float32),
        },
        tmp_path / WEIGHTS,
    )
    assert weight_bytes("m", tmp_path, 2) == 400 + 50 + 20
    assert weight_bytes("m", tmp_path, 4) == 400 + 50 + 40


def test_vllm_reads_the_methods_that_it_has(folder: Path):
    quantised(quant_method="awq")(folder)
    assert method_of(str(folder)) == "awq" and method_of("tiny") is None
    check_on_vllm(str(folder), ["awq", "gptq"])
    check_on_vllm("tiny", [])
    with pytest.raises(ModelError, match=r"quantised \(awq\), which this vLLM does not read: run it on Transformers"):
        check_on_vllm(str(folder), ["gptq"])


def in_fp8(folder: Path) -> None:
    """Linear layers in FP8, with a scale for each block of 128 x 128, as FP8 checkpoints on the hub are."""
    change(folder, "config.json", quantization_config=FP8)
    stored: dict[str, torch.Tensor] = {}
    for name, weight in load_file(folder / WEIGHTS).items():
        stored[name] = weight
        if "_proj.weight" in name:
            rows = weight.float().split(128)
            blocks = [block for row in rows for block in row.split(128, dim=1)]
            scales = torch.stack([block.abs().max() / 448 for block in blocks]).reshape(len(rows), -1)
            spread = scales.repeat_interleave(128, 0)[: len(weight)].repeat_interleave(128, 1)[:, : weight.shape[1]]
            stored |= {name: (weight.float() / spread).to(torch.float8_e4m3fn), f"{name}_scale_inv": scales}
    save_file(stored, folder / WEIGHTS, metadata={"format": "pt"})


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU may compute in FP8")
@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_fp8_is_dequantised_where_no_gpu_computes_it(folder: Path, dtype: str):
    """In the dtype that was asked for, all weights alike; Transformers itself leaves some in bfloat16."""
    pytest.importorskip("accelerate")
    in_fp8(folder)
    policy, plain = HF(model=str(folder), dtype=dtype), HF(dtype="float32")
    weights = dict(policy.engine.model.named_parameters())
    assert {weight.dtype for weight in weights.values()} == {choose_dtype("tiny", "cpu", dtype)}
    for name, weight in plain.engine.model.named_parameters():
        assert (weights[name].float() - weight).abs().max() <= weight.abs().max() / 16, name
    assert extend(policy, "(1 + 2) =", [0]).continuations[0]


def test_a_quantised_models_flops_are_those_of_the_model_it_was_made_from(folder: Path):
    """Its config is all that is read: 4-bit weights lie packed in tensors that are no parameters."""
    plain, packed = (HFWriter(m, "cpu", "float32", 8, Delimiter()) for m in ("tiny", "tiny"))
    quantised(quant_method="awq", bits=4, group_size=128)(folder)
    packed.name = str(folder)
    assert packed.flops == plain.flops


def test_a_scorer_says_the_same_of_its_checkpoint(tmp_path: Path):
    folder = Path(copytree(locate("tiny-prm"), tmp_path / "prm"))
    pointer(WEIGHTS)(folder)
    with pytest.raises(ModelError, match="is a pointer of Git LFS"):
        PRM(model=str(folder)).load()
    adapter(folder)
    with pytest.raises(ModelError, match=r"a scorer needs it merged"):
        PRM(model=str(folder)).load()


def test_a_model_that_reads_images_too_writes_from_text_or_says_what_it_is(random_policy: str, tmp_path: Path):
    text: dict[str, Any] = {"vocab_size": 352, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}
    seen = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    made = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=seen))
    made.save_pretrained(tmp_path)
    HF(random_policy).engine.tokenizer.save_pretrained(tmp_path)
    policy = HF(str(tmp_path), max_tokens=4)
    assert 1 <= len(ids_of(extend(policy, "(1 + 2) =", [0]).continuations[0])) <= 4
    body = sum(weight.numel() for weight in made.model.language_model.layers.parameters())
    assert body <= policy.engine.flops.body < body * 1.01, "what reads images is not counted"
    other = Path(copytree(tmp_path, tmp_path / "other"))
    change(other, "config.json", model_type="qwen2_5_vl", architectures=["Qwen2_5_VLForConditionalGeneration"])
    assert "is a Qwen2_5_VLForConditionalGeneration, which reads images or sound too" in said(other)
