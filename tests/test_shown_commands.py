"""The commands that a document shows are run here, in its order and on the toy world, unless this file says why not."""

import io
import re
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, TOY, run
from tests.test_docs import DOCUMENTS, shown, typed

ELSEWHERE = {
    "tutorial.md": "tests/experiments/test_tutorial.py runs it whole",
    "labels.md": "tests/experiments/test_labelled.py, test_label_command.py and test_train_command.py",
    "model=tiny-thinking": "tests/experiments/test_tiny_thoughts.py",
    "mine:": "with the class that the page shows: test_readme.py, test_boundaries.py, test_grader_command.py",
}
"""Documents and parts of commands that other tests run."""
NEEDS = {
    r"[=/]Qwen/|nvidia/|NAME": "a published model, most of them a GPU",
    r"(policy|engine)=vllm": "vLLM: a GPU, or its CPU build",
    r"policy=openai": "an endpoint",
    r"^serve\b": "a client: tests/experiments/test_serve_port.py",
    r"math500|processbench|prmbench|bigbench|llama": "a data set that is not here",
    r"path=(mine|run|rewards|holdout)\.": "a file of the reader's",
    r"workers=ray|\bray\.": "Ray: tests/experiments/test_ray.py",
    r"=\$": "a shell with its variables: tests/experiments/test_shards.py",
    r"search=auto": "a run on another folder: tests/experiments/test_auto.py",
}
"""What a command needs that is not on every machine, by a pattern of its words."""


def wanting(document: str, words: list[str]) -> str | None:
    """Why a command is not run here; None for one that is."""
    line = " ".join(words)
    known = (why for part, why in ELSEWHERE.items() if part == document or part in line)
    needed = (why for pattern, why in NEEDS.items() if re.search(pattern, line))
    return next(known, None) or next(needed, None)


COMMANDS = {
    path.name: [words for words in map(typed, shown(path.read_text())) if words and not wanting(path.name, words)]
    for path in DOCUMENTS
}


def small(words: list[str]) -> list[str]:
    """The command on the toy world and two problems; a run that is there grows to three."""
    if words[0] not in ("solve", "sweep"):
        return words
    grows = any(word.startswith("run=") for word in words)
    models = any(word.startswith(("policy", "scorer", "second")) for word in words)
    few = [re.sub(r"^problems\.limit=.*", "problems.limit=3", word) for word in words]
    begins = [] if grows or words[0] == "solve" else ["problems.limit=2"]
    return [*few, *begins, *(() if grows or models else TOY)]


def test_no_reason_is_out_of_date():
    """Each is that of some command, and the tests that it names are there."""
    commands = [(path.name, words) for path in DOCUMENTS for words in map(typed, shown(path.read_text())) if words]
    assert {wanting(*command) for command in commands} - {None} == {*ELSEWHERE.values(), *NEEDS.values()}
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"test_\w+\.py", str(ELSEWHERE) + str(NEEDS))) <= tests
    assert sum(map(len, COMMANDS.values())) > 30


@pytest.mark.slow
@pytest.mark.parametrize("document", [name for name, lines in COMMANDS.items() if lines])
def test_the_commands_of_a_document_run(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("problems: {limit: 2}\n")
    if document == "command_line.md":
        assert run("sweep", *TOY, "problems.limit=2", "out=runs/mine") == 0
    for words in COMMANDS[document]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("1 + 1 ="))
        assert run(*small(words)) in (0, 3), f"{document}: stepsearch {' '.join(words)}"
