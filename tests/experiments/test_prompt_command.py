"""`stepsearch prompt` prints what a model is sent, and a sweep goes on only with the prompt that it was begun with."""

import json
import re
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from experiments.commands.prompt import Reading, marked
from policies.engines.hf import load_tokenizer
from policies.hf import HF
from policies.prompting import COMPLETION
from tests.command_line import ROOT, run

ROLES = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


def test_the_prompt_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]):
    assert run("prompt", "((3 + 4) * 2) =") == 0
    printed = capsys.readouterr()
    assert printed.out == "<|im_start|>((3 + 4) * 2) =<|im_end|>\n"
    assert printed.err == "10 tokens, 2 of them special\n"


def test_tokens_tell_a_special_one_from_text_that_looks_like_it(capsys: pytest.CaptureFixture[str]):
    assert run("prompt", "<|im_end|>", "show=tokens") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in (lines[0], lines[-1])] == ["special", "special"]
    assert len(lines) > 5 and not any("special" in line for line in lines[1:-1])
    assert lines[-1].split()[0] == "258"


def test_a_terminal_shows_which_tokens_are_special(capsys: pytest.CaptureFixture[str]):
    tokenizer = load_tokenizer("tiny")
    ids = HF().prompting.encode(tokenizer, "<|im_end|> \x1b[31m")
    text = marked(Reading(tokenizer, ids))
    assert text.plain == "<|im_start|><|im_end|> \\x1b[31m<|im_end|>"
    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [
        ("<|im_start|>", "reverse"),
        ("<|im_end|>", "reverse"),
    ]
    Console().print(text)


def test_what_is_not_sent_is_told(random_policy: str, capsys: pytest.CaptureFixture[str]):
    assert run("prompt", "1 + 1", f"policy.model={random_policy}", "policy.system_prompt=Think.") == 0
    assert "is not sent the instruction 'Think.'" in capsys.readouterr().err
    words = ["policy.system_prompt=Think.", "policy.instruction=user"]
    assert run("prompt", "1 + 1", f"policy.model={random_policy}", *words) == 0
    printed = capsys.readouterr()
    assert printed.out == "<|im_start|>Think.\n\n1 + 1<|im_end|>\n" and "note" not in printed.err


def test_arguments_of_the_template_keep_their_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = saved(tmp_path, ROLES + "{{ '<off>' if thinking is false }}{{ budget | default(0) + 1 }}")
    words = [f"policy.model={folder}", "policy.template.thinking=false", "policy.template.budget=7"]
    assert run("prompt", "q", *words, "policy.system_prompt=") == 0
    assert capsys.readouterr().out == "<user>q<off>8\n"
    assert run("prompt", "q", f"policy.model={folder}", "policy.template.thinkin=false") == 2
    assert "Did you mean thinking?" in capsys.readouterr().err


def saved(folder: Path, template: str) -> Path:
    """A model folder of a config and a tokenizer with this chat template."""
    tokenizer = load_tokenizer("tiny")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    return folder


def test_what_a_reward_model_reads(capsys: pytest.CaptureFixture[str]):
    words = ["what=scorer", "solution=3 + 4 = 7\n\n7 * 2 = 14\n\n"]
    assert run("prompt", "((3 + 4) * 2) =", *words) == 0
    printed = capsys.readouterr()
    assert printed.out == "<|im_start|>((3 + 4) * 2) =<|im_end|>3 + 4 = 7<extra_0>7 * 2 = 14<extra_0>\n"
    assert printed.err.endswith("4 of them special; a step is judged at 2 of them\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "prompt needs a question"),
        (["what=scorer"], "looks like a knob"),
        (["q", "policy=toy"], "a policy without a language model is sent no prompt"),
        (["q", "what=scorer"], "solution: give the solution"),
        (["q", "what=scorer", "scorer=toy", "solution=1"], "only reward models read"),
        (["q", "policy.prompt=nowhere.jinja"], "policy.prompt=nowhere.jinja: No such file"),
        (["q", "policy.shots=nowhere.jsonl"], "policy.shots=nowhere.jsonl: No such file"),
    ],
)
def test_mistakes_are_answered_with_what_is_right(words: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert run("prompt", *words) == 2
    assert message in capsys.readouterr().err


def test_what_the_docs_show(capsys: pytest.CaptureFixture[str]):
    """The commands as they stand there, and the form of a base model's prompt."""
    text = (ROOT / "docs" / "policies.md").read_text()
    first, second, *_ = re.findall(r"^    stepsearch (prompt .*)$", text, re.MULTILINE)
    assert run(*shlex.split(first)) == 0
    assert run(*shlex.split(second)) == 0
    instruction = "Please reason step by step, and put your final answer within \\boxed{}."
    assert capsys.readouterr().out.splitlines()[1:] == ["<|im_start|>((3 + 4) * 2) =", f"{instruction}<|im_end|>"]
    base = COMPLETION.replace("{{ question }}", "((3 + 4) * 2) =").splitlines()
    assert "\n".join(f"    {line}".rstrip() for line in base) in text


# the prompt is an input of a run


@pytest.fixture
def model(random_policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> str:
    """A working folder with one problem and a prompt file; returns the model."""
    monkeypatch.chdir(tmp_path)
    Path("one.jsonl").write_text('{"question": "(1 + 2) =", "answer": "3"}\n')
    Path("prompt.jinja").write_text("Solve {{ question }}\n")
    return random_policy


def sweep(model: str, *words: str) -> int:
    few = ["policy.max_tokens=2", "searchers=best_of_n", "budgets=1", "scorer=self", "out=run"]
    return run("sweep", f"policy.model={model}", "problems=jsonl", "problems.path=one.jsonl", *few, *words)


def test_a_run_goes_on_only_with_the_prompt_that_it_was_begun_with(model: str, capsys: pytest.CaptureFixture[str]):
    assert sweep(model, "policy.prompt=prompt.jinja") == 0
    inputs = json.loads(Path("run/inputs.json").read_text())
    assert inputs["the prompt of a fixed question"].startswith("'<|im_start|>Solve What is 1 + 1?<|im_end|>', ")
    assert run("sweep", "run=run") == 0
    Path("prompt.jinja").write_text("Please solve {{ question }}\n")
    capsys.readouterr()
    assert run("sweep", "run=run") == 2
    assert "was started with different inputs: the prompt of a fixed question" in capsys.readouterr().err


def test_an_older_run_goes_on_if_its_prompt_is_the_same(model: str, capsys: pytest.CaptureFixture[str]):
    """A run of today's defaults, and one whose prompt older versions could not have made."""
    assert sweep(model) == 0
    assert capsys.readouterr().err.count("note: ") == 1, "its template drops the instruction"
    older()
    assert run("sweep", "run=run") == 0
    assert sweep(model, "policy.prompt=prompt.jinja", "out=other") == 0
    older("other")
    capsys.readouterr()
    assert run("sweep", "run=other") == 2
    assert "different inputs: the prompt of a fixed question" in capsys.readouterr().err


def older(folder: str = "run") -> None:
    file = Path(folder, "inputs.json")
    inputs = json.loads(file.read_text())
    del inputs["the prompt of a fixed question"]
    file.write_text(json.dumps(inputs))
