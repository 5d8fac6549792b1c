"""What a policy's prompt is, letter by letter: conversations, base models, worked examples, arguments, dates."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import transformers.utils.chat_template_utils as template_utils

from policies.engines.hf import load_tokenizer
from policies.engines.prompt import SYSTEM_PROMPT, encode_question
from policies.hf import HF
from policies.prompting import Instruction, Prompting, read_wording
from policies.shots import Shot, read_shots
from search.errors import KnobError
from tests.engines.families import GEMMA, LLAMA, MISTRAL, R1
from tests.models import extend

ROLES = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</{{ m.role }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
)
SHOTS = (Shot("1 + 1?", "It is 2."), Shot("1 + 2?", " It is 3.\n"))


@pytest.fixture
def tokenizer() -> Any:
    return load_tokenizer("tiny")


def prompt(tokenizer: Any, template: str | None, question: str = "2 + 2?", **knobs: Any) -> str:
    tokenizer.chat_template = template
    made = Prompting(**{"system_prompt": "Think.", **knobs})
    ids = made.encode(tokenizer, question)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == made.text(tokenizer, question)
    return made.text(tokenizer, question)


# conversations


def test_the_shipped_model_is_sent_what_it_was(tokenizer: Any):
    for question in ("(1 + 2) =", "  a\n\nb ", "<|im_end|>", ""):
        ids = list(HF().prompting.encode(tokenizer, question))
        assert ids == encode_question(tokenizer, question, SYSTEM_PROMPT)
    assert list(HF().prompting.encode(tokenizer, "(1 + 2) =")) == tokenizer.encode("<|im_start|>(1 + 2) =<|im_end|>")


def test_the_instruction_is_a_message_of_its_own_or_in_the_users(tokenizer: Any):
    assert prompt(tokenizer, ROLES) == "<system>Think.</system><user>2 + 2?</user><assistant>"
    assert prompt(tokenizer, ROLES, system_prompt="") == "<user>2 + 2?</user><assistant>"
    text = prompt(tokenizer, ROLES, instruction=Instruction.USER)
    assert text == "<user>Think.\n\n2 + 2?</user><assistant>"
    text = prompt(tokenizer, ROLES, wording="{{ question }}\n{{ instruction }}")
    assert text == "<user>2 + 2?\nThink.</user><assistant>"


def test_worked_examples_are_earlier_turns(tokenizer: Any):
    text = prompt(tokenizer, ROLES, shots=SHOTS, instruction=Instruction.USER, wording="Q: {{ question }}")
    assert text == (
        "<user>Think.\n\nQ: 1 + 1?</user><assistant>It is 2.</assistant>"
        "<user>Q: 1 + 2?</user><assistant>It is 3.</assistant><user>Q: 2 + 2?</user><assistant>"
    )


def test_arguments_reach_the_chat_template(tokenizer: Any):
    text = prompt(tokenizer, ROLES, system_prompt="", arguments={"enable_thinking": False})
    assert text == "<user>2 + 2?</user><assistant><think></think>"
    wrong = r"policy\.template\.enable_thinkin: .* reads no such argument\. Did you mean enable_thinking\?"
    with pytest.raises(KnobError, match=wrong):
        prompt(tokenizer, ROLES, arguments={"enable_thinkin": False})


def test_special_tokens_of_examples_are_text_and_those_of_the_wording_are_live(tokenizer: Any):
    tokenizer.chat_template = ROLES
    made = Prompting("", wording="<extra_0>{{ question }}", shots=(Shot("<extra_0>", "<extra_0>"),))
    ids = made.encode(tokenizer, "<extra_0>")
    assert ids.count(tokenizer.convert_tokens_to_ids("<extra_0>")) == 2  # one wording a turn of the user


@pytest.mark.parametrize("clock", [True, False])
def test_a_date_is_the_same_on_all_days(tokenizer: Any, clock: bool, monkeypatch: pytest.MonkeyPatch):
    """As in Llama 3's template, which also takes the date as an argument."""
    dated = (
        "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        "{{ date_string }}: {{ messages[0].content }}"
    )

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2031, 1, 2)

    if clock:
        monkeypatch.setattr(template_utils, "datetime", Later)
    assert prompt(tokenizer, dated, system_prompt="") == "26 Jul 2024: 2 + 2?"
    text = prompt(tokenizer, dated, system_prompt="", arguments={"date_string": "1 May 2026"})
    assert text == "1 May 2026: 2 + 2?"


# what is lost


def test_an_instruction_that_is_not_sent_is_known(tokenizer: Any):
    assert Prompting("Think.").drops_instruction(tokenizer)
    assert not Prompting("").drops_instruction(tokenizer)
    assert not Prompting("Think.", Instruction.USER).drops_instruction(tokenizer)
    tokenizer.chat_template = None
    assert not Prompting("Think.").drops_instruction(tokenizer)
    assert not Prompting("", wording="{{ question }}").drops_instruction(tokenizer)


def test_a_policy_says_so_and_the_shipped_model_needs_none(random_policy: str):
    notice = HF(random_policy).notice()
    assert notice and "is not sent the instruction 'Please reason" in notice and "policy.instruction=user" in notice
    assert HF("tiny").notice() is None and HF(random_policy, system_prompt="").notice() is None


@pytest.mark.parametrize("template", ["no question", "{{ messages[0].content | upper }}", "{{ messages.x.y }}"])
def test_a_prompt_that_does_not_hold_the_question_is_an_error(tokenizer: Any, template: str):
    with pytest.raises(ValueError, match="the model's chat template refuses this conversation: "):
        prompt(tokenizer, template)


def test_a_wording_that_changes_the_question_is_an_error(tokenizer: Any):
    with pytest.raises(ValueError, match=r"policy\.prompt: the prompt does not hold the question as it is"):
        prompt(tokenizer, ROLES, question="two?", wording="{{ question | upper }}")


# knobs


def test_a_wording_is_a_text_or_a_file(tmp_path: Path):
    (tmp_path / "prompt.jinja").write_text("Solve:\n{{ question }}\n\n")
    assert read_wording(str(tmp_path / "prompt.jinja")) == "Solve:\n{{ question }}\n"
    assert read_wording("{{question}}!") == "{{question}}!"


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        ("nowhere.jinja", r"policy\.prompt=nowhere\.jinja: No such file"),
        ("{{ instruction }}", r"policy\.prompt must hold \{\{ question \}\}"),
        ("{{ question }} {{ queston }}", r"policy\.prompt: 'queston' is undefined"),
        ("{{ question }} {% if queston %}{% endif %}", r"policy\.prompt: 'queston' is undefined|nothing else"),
        ("{{ question }", r"policy\.prompt: unexpected"),
        ("{{ question.__class__.__mro__ }}", r"policy\.prompt: access to attribute '__class__'"),
    ],
)
def test_a_wording_that_cannot_be_used_is_refused(wording: str, message: str):
    with pytest.raises(KnobError, match=message):
        HF(prompt=wording)


def test_a_question_is_never_read_as_jinja(tokenizer: Any):
    assert prompt(tokenizer, ROLES, question="{{ 1 + 1 }}", system_prompt="") == "<user>{{ 1 + 1 }}</user><assistant>"
    text = prompt(tokenizer, None, question="{% x %}", system_prompt="", wording="Q: {{ question }}")
    assert text == "Q: {% x %}"


def test_worked_examples_come_from_a_file(tmp_path: Path):
    file = tmp_path / "shots.jsonl"
    file.write_text("\n".join(json.dumps(shot._asdict()) for shot in SHOTS) + "\n\n")
    assert read_shots(str(file)) == SHOTS
    assert HF(shots=str(file)).prompting.shots == SHOTS
    file.write_text('{"question": "Q", "solution": "S"}\n')
    assert read_shots(str(file)) == (Shot("Q", "S"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"policy\.shots=.*: no example in it"),
        ("{", r"line 1: not valid JSON"),
        ('{"problem": "Q", "solution": "S"}\n[1]', r"line 2: write \{\"problem\""),
        (r'{"problem": "Q", "solution": "\boxed{1}"}', r"line 1: a control character where \\boxed was meant"),
        ('{"problem": "Q", "solution": 1}', r"line 1: write \{\"problem\""),
    ],
)
def test_examples_that_cannot_be_used_are_refused(content: str, message: str, tmp_path: Path):
    (tmp_path / "shots.jsonl").write_text(content)
    with pytest.raises(KnobError, match=message):
        HF(shots=str(tmp_path / "shots.jsonl"))
    with pytest.raises(KnobError, match=r"policy\.shots=nowhere: No such file"):
        HF(shots="nowhere")


def test_a_policy_writes_behind_its_prompt(random_policy: str):
    """The prompt of the request is what is charged, also where a hint is added to the question."""
    policy = HF(random_policy, prompt="Q: {{ question }}\n{{ instruction }}", system_prompt="Think.", max_tokens=3)
    tokenizer = policy.engine.tokenizer
    expected = len(tokenizer.encode("<|im_start|>Q: 1 + 1\nThink.<|im_end|>"))
    assert extend(policy, "1 + 1", [0]).question_tokens == expected
    hinted = len(tokenizer.encode("<|im_start|>Q: 1 + 1\n\nAdd.\nThink.<|im_end|>"))
    assert extend(policy, "1 + 1", [0], hint="Add.").question_tokens == hinted


# the templates of real families


FAMILIES = {
    "Llama 3": (
        LLAMA,
        "<|im_start|>system\n\nToday Date: 26 Jul 2024\n\nThink.<|im_end|><|im_start|>user\n\nQ</think><|im_end|>"
        "<|im_start|>assistant\n\n<think>A</think><|im_end|><|im_start|>user\n\n2?<|im_end|><|im_start|>assistant\n\n",
    ),
    "Gemma 3": (
        GEMMA,
        "<start_of_turn>user\nThink.\n\nQ</think><end_of_turn>\n<start_of_turn>assistant\n<think>A</think>"
        "<end_of_turn>\n<start_of_turn>user\n2?<end_of_turn>\n<start_of_turn>model\n",
    ),
    "Mistral": (MISTRAL, "[INST] Q</think>[/INST] <think>A</think></s>[INST] Think.\n\n2?[/INST]"),
    "DeepSeek-R1": (
        R1,
        "Think.<｜User｜>Q</think><｜Assistant｜><think>A</think><｜User｜>2?<｜Assistant｜><think>\n",
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_templates_of_real_families(family: str, tokenizer: Any):
    """An example that thinks stays whole, and no token of its is live that the template knows."""
    template, expected = FAMILIES[family]
    shots = (Shot("Q</think>", "<think>A</think>"),)
    tokenizer.add_tokens(["</think>"])
    assert prompt(tokenizer, template, "2?", shots=shots) == expected
    if "</think>" in template:
        ids = Prompting("Think.", shots=shots).encode(tokenizer, "2?")
        assert tokenizer.convert_tokens_to_ids("</think>") not in ids
