"""What the README, docs/scorers.md and docs/plugins.md show runs as it stands there."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, TOY, run

README = (ROOT / "README.md").read_text()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder whose mine.py is imported, whatever another test imported under that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)


def test_the_custom_scorer(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    section = README.split("## Bring your own scorer")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (.*)$", section, re.MULTILINE)
    assert code is not None
    assert command is not None
    (tmp_path / "mine.py").write_text(code[1])
    assert run(*shlex.split(command[1])) == 0
    assert capsys.readouterr().out.strip(), "an answer"


def test_the_problems_of_the_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    section = README.split("## Bring your own problems")[1]
    (table,) = re.findall(r"```csv\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (sweep .*)$", section, re.MULTILINE)
    assert command is not None
    (tmp_path / "mine.csv").write_text(table)
    assert run(*shlex.split(command[1]), *TOY) == 0
    assert "best_of_n  4" in capsys.readouterr().out


def test_the_version_that_is_cited_is_the_packages():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"version: {version[1]}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"version = {{{version[1]}}}" in README


def test_the_scorer_of_the_docs_keeps_its_promises(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    section = (ROOT / "docs" / "scorers.md").read_text().split("## A scorer of your own")[1]
    scorer, test = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (solve .*)$", section, re.MULTILINE)
    assert command is not None
    (tmp_path / "mine.py").write_text(scorer)
    (tmp_path / "test_mine.py").write_text(test)
    runpy.run_path("test_mine.py")["test_equals"]()
    assert run(*shlex.split(command[1])) == 0
    assert capsys.readouterr().out.strip(), "an answer"


PLUG_INS = {"scorer": "test_brief", "policy": "test_guesses", "searcher": "test_agreement", "grader": "test_close"}
"""The plug-ins of docs/plugins.md whose own test stands there, too."""


@pytest.mark.parametrize("part", [*PLUG_INS, "problem set"])
def test_plug_ins_of_the_docs_run_and_keep_their_promises(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    section = (ROOT / "docs" / "plugins.md").read_text().split(f"## A {part}\n")[1].split("\n## ")[0]
    code, *own_tests = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (.*)$", section, re.MULTILINE)
    assert command is not None and len(own_tests) == (part in PLUG_INS)
    (tmp_path / "mine.py").write_text(code)
    for own_test in own_tests:
        (tmp_path / "test_mine.py").write_text(own_test)
        runpy.run_path("test_mine.py")[PLUG_INS[part]]()
    words = shlex.split(command[1])
    assert run(*words, *(TOY if words[0] == "sweep" else ())) == 0
    assert capsys.readouterr().out.strip(), "an answer"


def test_a_second_scorer_chooses_and_judges_a_run_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    section = (ROOT / "docs" / "scorers.md").read_text().split("## Guide by one")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (solve .*)$", section, re.MULTILINE)
    assert command is not None
    assert run(*shlex.split(command[1]), "search=best_of_n", "search.n=2") == 0
    words = ["policy=toy", "scorer=toy", "searchers=best_of_n", "budgets=2", "problems.limit=2"]
    assert run("sweep", *words, "trees=true", "out=runs/mine") == 0
    capsys.readouterr()
    (tmp_path / "mine.py").write_text(code)
    runpy.run_path("mine.py", run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) == 4, "two problems, greedy and Best-of-N"


def test_the_python_of_solve(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = re.search(r"From Python:\n\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "mine.py").write_text(code[1])
    runpy.run_path("mine.py", run_name="__main__")
    assert "Ledger(" in capsys.readouterr().out


def test_the_python_of_the_docs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    for code in blocks:
        (tmp_path / "mine.py").write_text(code)
        runpy.run_path("mine.py", run_name="__main__")
    out = capsys.readouterr().out
    assert len(blocks) == 2 and "answer: -21" in out and "runs/toy/curves.png" in out


def test_the_config_file_of_the_docs(tmp_path: Path):
    text = (ROOT / "docs" / "command_line.md").read_text()
    (code,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(code)
    assert run("sweep", "config=mine.yaml", "seeds=0,1,2", "--cfg", "job") == 0
