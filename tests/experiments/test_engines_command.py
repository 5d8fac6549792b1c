"""What `stepsearch engines` prints; vLLM's own arguments are stood in for."""

import shlex
from typing import Any

import pytest

from policies.engines import vllm_serve
from policies.engines.share import Share
from tests.command_line import run


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(model: str, dtype: str, share: Share, context: int, runner: str) -> dict[str, Any]:
        parts = {"tensor_parallel_size": len(share.places)} if len(share.places) > 1 else {}
        fixed = {"model": f"/m/{model}", "dtype": dtype, "max_model_len": context, "enable_prefix_caching": True}
        return {**fixed, "runner": runner, "gpu_memory_utilization": share.gpu_memory, **parts, **share.vllm}

    monkeypatch.setattr(vllm_serve, "check_version", lambda: None)
    monkeypatch.setattr(vllm_serve, "engine_arguments", made)
    monkeypatch.setattr(vllm_serve, "words", lambda: ["vllm"])


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert run("engines", *words) == 0
    return capsys.readouterr().out.splitlines()


def test_a_policy_and_a_scorer_on_each_gpu(capsys: pytest.CaptureFixture[str]):
    *lines, use = printed(capsys, "gpus=2,3", "port=9000", "policy.gpu_memory=0.5")
    words = [shlex.split(line) for line in lines]
    assert [each[0] for each in words] == [f"CUDA_VISIBLE_DEVICES={gpu}" for gpu in (2, 3, 2, 3)]
    assert [each[each.index("--port") + 1] for each in words] == ["9000", "9001", "9002", "9003"]
    policy, prm = words[0], words[2]
    assert policy[1:5] == ["vllm", "serve", "/m/tiny", "--served-model-name"] and policy[5] == "tiny"
    assert {"--enable-scale-out", "--enable-prompt-tokens-details", "--enable-prefix-caching"} < set(policy)
    assert policy[policy.index("--gpu-memory-utilization") + 1] == "0.5"
    assert prm[prm.index("--io-processor-plugin") + 1] == "stepsearch" and "--enable-scale-out" not in prm
    assert prm[prm.index("--pooler-config") + 1] == '{"task": "token_classify", "tok_pooling_type": "ALL"}'
    urls = [f"http://127.0.0.1:{port}" for port in range(9000, 9004)]
    assert use == f"policy=vllm policy.url={','.join(urls[:2])} scorer.engine=vllm scorer.url={','.join(urls[2:])}"


def test_a_large_policy_on_several_gpus_and_the_scorer_beside_it(capsys: pytest.CaptureFixture[str]):
    words = ("gpus=0,1,2,3", "per_policy=2", "scorer_gpus=4", "policy.vllm.enforce_eager=true")
    first, second, prm, _ = map(shlex.split, printed(capsys, *words))
    assert [each[0] for each in (first, second, prm)] == [f"CUDA_VISIBLE_DEVICES={g}" for g in ("0,1", "2,3", "4")]
    assert first[first.index("--tensor-parallel-size") + 1] == "2" and "--enforce-eager" in first
    assert "--tensor-parallel-size" not in prm
    own, *_ = map(shlex.split, printed(capsys, "policy.gpus=1,2", "scorer=checks"))
    assert own[0] == "CUDA_VISIBLE_DEVICES=1,2"


def test_a_scorer_without_vllm_has_no_server(capsys: pytest.CaptureFixture[str]):
    assert len(printed(capsys, "scorer=lm_head_prm", "scorer.model=tiny")) == 3
    assert run("engines", "scorer=checks") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gpus=0,1,2 per_policy=2", "gpus=0,1,2: 2 a server do not go round"),
        ("policy=hf", "only vLLM runs as a server; give policy=vllm"),
        ("policy.url=http://a:1", "url and gpu of policy and scorer are what it decides"),
        ("scorer=implicit", "scorer=implicit reads with two models"),
    ],
)
def test_what_cannot_be_served(words: str, said: str, capsys: pytest.CaptureFixture[str]):
    assert run("engines", *words.split()) == 2
    assert said in capsys.readouterr().err
