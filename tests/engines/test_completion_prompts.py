"""What a base model, which has no chat template, is sent; and that no knob is without effect there."""

from typing import Any

import pytest

from policies.engines.hf import load_tokenizer
from policies.engines.prompt import SYSTEM_PROMPT
from policies.hf import HF
from policies.prompting import Instruction, Prompting
from policies.shots import Shot
from search.errors import KnobError

SHOTS = (Shot("1 + 1?", "It is 2."), Shot("1 + 2?", " It is 3.\n"))
OWN = "Q: {{ question }}\nA:"


@pytest.fixture
def tokenizer() -> Any:
    loaded: Any = load_tokenizer("tiny")
    loaded.chat_template = None
    return loaded


def prompt(tokenizer: Any, **knobs: Any) -> str:
    made = Prompting(**{"system_prompt": "Think.", **knobs})
    ids = made.encode(tokenizer, "2 + 2?")
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == made.text(tokenizer, "2 + 2?")
    return made.text(tokenizer, "2 + 2?")


def test_a_base_model_completes_a_text(tokenizer: Any):
    assert prompt(tokenizer) == "Think.\n\nProblem:\n2 + 2?\n\nSolution:\n"
    assert prompt(tokenizer, system_prompt="") == "Problem:\n2 + 2?\n\nSolution:\n"
    assert prompt(tokenizer, system_prompt="", shots=SHOTS) == (
        "Problem:\n1 + 1?\n\nSolution:\nIt is 2.\n\nProblem:\n1 + 2?\n\nSolution:\nIt is 3.\n\n"
        "Problem:\n2 + 2?\n\nSolution:\n"
    )


def test_a_base_model_with_a_wording_gets_that_alone(tokenizer: Any):
    text = prompt(tokenizer, system_prompt="", wording="Q: {{ question }}\nA:", shots=SHOTS[:1])
    assert text == "Q: 1 + 1?\nA: It is 2.\n\nQ: 2 + 2?\nA:"


@pytest.mark.parametrize("system_prompt", ["", SYSTEM_PROMPT, "Think."])
def test_a_wording_with_a_place_for_the_instruction_gets_it(tokenizer: Any, system_prompt: str):
    text = prompt(tokenizer, system_prompt=system_prompt, wording="{{ instruction }}|{{ question }}")
    assert text == f"{system_prompt}|2 + 2?"
    assert prompt(tokenizer, system_prompt=SYSTEM_PROMPT, wording=OWN) == "Q: 2 + 2?\nA:", "nobody typed it"


def test_a_chat_template_is_left_out_where_the_user_says_so(tokenizer: Any):
    tokenizer.chat_template = "{{ messages[-1].content }}"
    assert prompt(tokenizer) == "2 + 2?"
    assert prompt(tokenizer, chat=False) == "Think.\n\nProblem:\n2 + 2?\n\nSolution:\n"
    with pytest.raises(KnobError, match=r"policy\.chat=false leaves out the chat template, so the instruction stands"):
        prompt(tokenizer, chat=False, instruction=Instruction.USER)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"arguments": {"enable_thinking": False}},
            r"policy\.template\.enable_thinking: the model has no chat template",
        ),
        ({"instruction": Instruction.USER}, r"policy\.instruction=user: .* stands before the text to complete"),
        (
            {"wording": OWN},
            r"policy\.system_prompt: .* so policy\.prompt is all that it is sent; put \{\{ instruction \}\}",
        ),
    ],
)
def test_a_knob_without_effect_is_refused(tokenizer: Any, knobs: dict[str, Any], message: str):
    with pytest.raises(KnobError, match=message):
        prompt(tokenizer, **knobs)


def test_it_is_refused_before_the_model_is_loaded(random_policy: str, monkeypatch: pytest.MonkeyPatch):
    policy = HF(random_policy, instruction=Instruction.USER, chat=False)
    monkeypatch.setattr(HF, "engine", property(lambda self: pytest.fail("it was loaded")))
    with pytest.raises(KnobError, match=r"policy\.instruction=user"):
        policy.start_loading()
