"""Presets: the knobs of published models by their names, on small models with the template of the family."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from policies.engines.thinking import Stage
from policies.hf import HF
from policies.presets import PRESETS, preset
from policies.prompting import Instruction
from policies.vllm import VLLM
from tests.command_line import run
from tests.engines.families import GEMMA, GEMMA2, GPT_OSS, LLAMA, MISTRAL, QWEN3, QWEN25, R1, save_family
from tests.models import extend

I = "Please reason step by step, and put your final answer within \\boxed{}."
THINK = ("<think>", "</think>")
CHANNELS = ("<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>")


class Case(NamedTuple):
    """A model's name, its template and tokens, and its prompt; where its solutions begin, and some of its knobs."""

    name: str
    template: str | None
    prompt: str
    knobs: dict[str, Any]
    tokens: tuple[str, ...] = ()
    stage: Stage = Stage.OVER
    template_knobs: dict[str, Any] = {}  # noqa: RUF012


CASES = [
    Case(
        "Qwen2.5-Math-7B-Instruct",
        QWEN25,
        f"<|im_start|>system\n{I}<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n",
        {"temperature": 0.7, "top_p": 0.8, "top_k": 0, "instruction": Instruction.SYSTEM},
    ),
    Case(
        "Qwen2.5-7B-Instruct-AWQ",
        QWEN25,
        "<|im_start|>system\nYou are Qwen.<|im_end|>\n"
        f"<|im_start|>user\n{I}\n\n1+1?<|im_end|>\n<|im_start|>assistant\n",
        {"temperature": 0.7, "top_p": 0.8, "top_k": 20},
    ),
    Case(
        "Qwen3-8B",
        QWEN3,
        f"<|im_start|>user\n{I}\n\n1+1?<|im_end|>\n<|im_start|>assistant\n",
        {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_thinking_tokens": 30_720},
        THINK,
        Stage.BEFORE,
    ),
    Case(
        "qwen3-8b-fp8",
        QWEN3,
        f"<|im_start|>user\n{I}\n\n1+1?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "thinking": "none", "max_tokens": 8192},
        THINK,
        template_knobs={"enable_thinking": False},
    ),
    Case(
        "Qwen3-4B-Instruct-2507",
        QWEN3,
        f"<|im_start|>user\n{I}\n\n1+1?<|im_end|>\n<|im_start|>assistant\n",
        {"temperature": 0.7, "thinking": "none"},
        THINK,
    ),
    Case(
        "DeepSeek-R1-Distill-Qwen-7B",
        R1,
        f"<｜User｜>{I}\n\n1+1?<｜Assistant｜><think>\n",
        {"temperature": 0.6, "top_p": 0.95, "thinking": "<think> </think>", "max_thinking_tokens": 30_720},
        (*THINK, "<｜User｜>", "<｜Assistant｜>"),
        Stage.WITHIN,
    ),
    Case(
        "Llama-3.1-8B-Instruct",
        LLAMA,
        f"<|im_start|>system\n\nToday Date: 26 Jul 2024\n\n{I}<|im_end|><|im_start|>user\n\n1+1?<|im_end|>"
        "<|im_start|>assistant\n\n",
        {"temperature": 0.6, "top_p": 0.9},
    ),
    Case(
        "gemma-2-9b-it",
        GEMMA2,
        f"<start_of_turn>user\n{I}\n\n1+1?<end_of_turn>\n<start_of_turn>model\n",
        {"instruction": Instruction.USER, "temperature": 1.0},
        ("<start_of_turn>", "<end_of_turn>"),
    ),
    Case(
        "gemma-3-4b-it",
        GEMMA,
        f"<start_of_turn>user\n{I}\n\n1+1?<end_of_turn>\n<start_of_turn>model\n",
        {"temperature": 1.0, "top_p": 0.95, "top_k": 64},
        ("<start_of_turn>", "<end_of_turn>"),
    ),
    Case(
        "Mistral-7B-Instruct-v0.3",
        MISTRAL,
        f"[INST] {I}\n\n1+1?[/INST]",
        {"instruction": Instruction.USER},
        ("[INST]", "[/INST]", "</s>"),
    ),
    Case(
        "gpt-oss-20b",
        GPT_OSS,
        f"<|start|>system<|message|>Reasoning: low<|end|><|start|>user<|message|>{I}\n\n1+1?<|end|><|start|>assistant",
        {"temperature": 1.0, "max_thinking_tokens": 30_720},
        CHANNELS,
        Stage.BEFORE,
        {"reasoning_effort": "low"},
    ),
    Case(
        "Llama-3.1-8B",
        None,
        f"{I}\n\nProblem:\n1+1?\n\nSolution:\n",
        {"temperature": 0.6, "top_p": 0.95, "stop": ["\n\nProblem:"]},
    ),
    Case(  # some base models carry the chat template of their family
        "Qwen2.5-Math-7B",
        QWEN25,
        f"{I}\n\nProblem:\n1+1?\n\nSolution:\n",
        {"chat": False, "stop": ["\n\nProblem:"]},
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_a_family_is_asked_as_its_authors_ask_it(case: Case, tmp_path: Path):
    model = save_family(tmp_path / case.name, case.template, *case.tokens)
    policy = HF.preset(model, template=case.template_knobs, max_tokens=12, max_thinking_tokens=8)
    assert policy.prompting.text(policy.tokenizer, "1+1?") == case.prompt
    assert (policy.max_tokens, policy.max_thinking_tokens) == (12, 8)  # given
    begun = policy.thoughts and policy.thoughts.stage_of(
        policy.tokenizer, policy.prompting.encode(policy.tokenizer, "1+1?")
    )
    assert (begun or Stage.OVER) is case.stage
    written = extend(policy, "1+1?", [0, 1])
    assert all(sum(map(len, (step.token_ids for step in steps))) > 0 for steps in written.continuations)
    if case.stage is Stage.WITHIN:
        assert all(steps[0].thought for steps in written.continuations)
    if case.stage is Stage.OVER:
        assert not any(step.thought for steps in written.continuations for step in steps)


def test_the_command_line_takes_the_same_knobs(case: Case):
    words = [f"policy.template.{name}={str(value).lower()}" for name, value in case.template_knobs.items()]
    policy = build(compose(Solve, [f"policy.model=somewhere/{case.name}", *words])).policy
    assert policy == HF.preset(f"somewhere/{case.name}", template=case.template_knobs)
    assert {name: getattr(policy, name) for name in case.knobs} == case.knobs


def test_each_preset_is_a_case():
    """Four differ from a case in numbers alone."""
    numbers = {"Qwen3-Thinking-2507", "QwQ", "Mistral Small", "Mistral Nemo"}
    families = {known.family for case in CASES if (known := preset(case.name))}
    assert families | numbers == {known.family for known in PRESETS.values()}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-Math-PRM-7B", None),
        ("Qwen/Qwen2.5-Math-RM-72B", None),
        ("tiny", None),
        ("Qwen/Qwen3-Embedding-8B", None),
        ("Qwen/Qwen3-8B-Base", "a base model"),
        ("Qwen/Qwen3-30B-A3B-Base", "a base model"),
        ("Qwen/Qwen3-30B-A3B", "Qwen3"),
        ("Qwen/Qwen3-235B-A22B-Thinking-2507", "Qwen3-Thinking-2507"),
        ("Qwen/QwQ-32B", "QwQ"),
        ("mistralai/Mistral-Small-24B-Instruct-2501", "Mistral Small"),
        ("mistralai/Mistral-Nemo-Instruct-2407", "Mistral Nemo"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-Instruct-2507"),
        ("Qwen/Qwen2.5-Math-7B", "a base model"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "Llama 3 Instruct"),
        ("/models/gemma-3-27b-it/", "Gemma 3"),
    ],
)
def test_a_name_finds_its_family(name: str, family: str | None):
    known = preset(name)
    assert (known and known.family) == family


def test_a_knob_that_is_typed_wins():
    words = ["policy.model=Qwen/Qwen3-8B", "policy.temperature=1", "policy.instruction=system", "policy.top_k=0"]
    for engine in ("hf", "vllm"):
        policy = build(compose(Solve, [f"policy={engine}", *words])).policy
        assert (policy.temperature, policy.instruction, policy.top_k, policy.top_p) == (1, Instruction.SYSTEM, 0, 0.95)
    assert VLLM.preset("Qwen/Qwen3-8B", top_p=1.0).top_p == 1
    assert HF.preset("tiny") == HF("tiny")


def test_a_resumed_run_has_the_knobs_that_it_recorded():
    before = {"model": "Qwen/Qwen3-8B", "temperature": 0.9, "instruction": "system", "top_k": 7}
    words = ["policy.model=Qwen/Qwen3-8B", "policy.instruction=user"]
    policy = build(compose(Solve, words, before)).policy
    assert (policy.temperature, policy.instruction, policy.top_k) == (0.9, Instruction.USER, 7)
    assert policy.top_p == 1, "the run is older than this knob"
    policy = build(compose(Solve, ["policy.model=Qwen/Qwen3-4B"], before)).policy
    assert (policy.temperature, policy.instruction) == (0.6, Instruction.USER)


def test_what_a_preset_does_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = save_family(tmp_path / "Llama-3.1-8B", None)
    assert run("prompt", "1+1?", f"policy.model={model}", "policy.top_p=1") == 0
    printed = capsys.readouterr().err
    note = "runs as a base model by its name: policy.temperature=0.6 policy.chat=false "
    note += "policy.stop='[\"\\n\\nProblem:\"]' (https://arxiv"
    assert printed.count(note) == 1 and printed.count("note:") == 1
    words = ["search=best_of_n", "search.n=2", "scorer=self", "policy.max_tokens=8"]
    assert run("solve", "1+1?", f"policy.model={model}", "policy.top_p=1", *words) == 3, "no answer"
    assert capsys.readouterr().err.count(note) == 1
    stop = '["\\n\\nProblem:"]'
    config = compose(Solve, [f"policy.model={model}", f"policy.stop={stop}"])
    assert list(config.policy.stop) == ["\n\nProblem:"]
