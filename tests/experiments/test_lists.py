"""Lists are typed without brackets, which zsh would glob, and every document, help and message writes them so."""

import re
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import COMMANDS
from experiments.commands.curves import Curves
from experiments.commands.estimate import Estimate
from experiments.commands.solve import Solve
from experiments.commands.sweep import Sweep
from experiments.config.compose import compose
from experiments.config.help import command_help
from experiments.config.schema import build
from experiments.errors import ConfigError
from tests.command_line import ROOT, knobs_of

MEMBERS = ("scorer=ensemble",)
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("command", "knob", "typed", "value", "before"),
    [
        (Sweep, "budgets", "1,4,16", [1, 4, 16], ()),
        (Sweep, "budgets", "4", [4], ()),
        (Sweep, "budgets", "[1,4]", [1, 4], ()),
        (Sweep, "seeds", "0, 1", [0, 1], ()),
        (Sweep, "searchers", "beam", ["beam"], ()),
        (Sweep, "searchers", "best_of_n,beam", ["best_of_n", "beam"], ()),
        (Sweep, "budget.flops", "1e9,4e9", [1e9, 4e9], ()),
        (Sweep, "budget.samples", "[4]", [4], ()),
        (Sweep, "budget.samples", "4", 4, ()),
        (Estimate, "k", "1,3", [1, 3], ()),
        (Curves, "axes", "flops,calls", ["flops", "calls"], ()),
        (Solve, "policy.stop", "Question:,<|eot_id|>", ["Question:", "<|eot_id|>"], ()),
        (Solve, "policy.stop", r"\n\nQ:", ["\n\nQ:"], ()),
        (Solve, "policy.stop", "'a, b',c", ["a, b", "c"], ()),
        (Solve, "scorer.members", "checks,mine:Mine@one", ["checks", "mine:Mine@one"], MEMBERS),
    ],
)
def test_a_list_needs_no_brackets(command: type, knob: str, typed: str, value: Any, before: tuple[str, ...]):
    config: Any = compose(command, [*before, f"{knob}={typed}"])
    for name in knob.split("."):
        config = config[name]
    assert config == value


def test_a_knob_of_one_value_takes_no_list():
    with pytest.raises(ConfigError, match="one value"):
        compose(Sweep, ["search.beam.branch=2,4"])


def test_a_budget_of_one_search_is_one_number():
    with pytest.raises(ConfigError, match=r"budget\.samples=1,2: it takes one value"):
        build(compose(Solve, ["budget.samples=1,2"]))


# what documents and help texts show


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_command_of_a_document_has_a_bracketed_list(path: Path):
    shown = [line for line in _shown(path.read_text()) if re.search(r"\w=\[", line)]
    assert not shown


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_question_is_in_single_quotes(path: Path):
    """In double quotes a shell reads `$?` and `$x` of a formula as its own."""
    assert not re.search(r'stepsearch (?:solve|prompt) (?:\\\n *)?"', path.read_text())


@pytest.mark.parametrize("name", COMMANDS)
def test_no_help_shows_a_bracketed_list_or_a_question_in_double_quotes(name: str):
    text = command_help(knobs_of(name))
    assert not re.search(r'\w=\[\w|stepsearch \w+ "', text)


def test_the_check_of_documents_can_fail():
    text = "    stepsearch sweep budgets=[1,4]\n\ntext `seeds=[0]` text\n"
    assert len([line for line in _shown(text) if "=[" in line]) == 2


def _shown(text: str) -> list[str]:
    """The indented commands, fenced blocks of a shell and inline code of a document."""
    commands = re.findall(r"^ {4,}.*$", text, re.MULTILINE)
    fenced = [
        line
        for block in re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    return [*commands, *fenced, *re.findall(r"`([^`\n]+)`", text)]
