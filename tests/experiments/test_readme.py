"""What the README and docs/scorers.md show runs as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_custom_scorer(tmp_path: Path):
    section = README.split("## Bring your own scorer")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (.*)$", section, re.MULTILINE)
    assert code is not None
    assert command is not None
    (tmp_path / "mine.py").write_text(code[1])
    assert "cost" in run(["-m", "experiments", *shlex.split(command[1])], tmp_path)


def test_the_scorer_of_the_docs_keeps_its_promises(tmp_path: Path):
    section = (ROOT / "docs" / "scorers.md").read_text().split("## A scorer of your own")[1]
    scorer, test = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (solve .*)$", section, re.MULTILINE)
    assert command is not None
    (tmp_path / "mine.py").write_text(scorer)
    (tmp_path / "test_mine.py").write_text(test)
    assert "1 passed" in run(["-m", "pytest", "-p", "no:cacheprovider", "test_mine.py"], tmp_path)
    assert "cost" in run(["-m", "experiments", *shlex.split(command[1])], tmp_path)


def test_the_python_of_solve(tmp_path: Path):
    code = re.search(r"From Python:\n\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "mine.py").write_text(code[1])
    assert "Ledger(" in run(["mine.py"], tmp_path)
