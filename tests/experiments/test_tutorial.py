"""docs/tutorial.md runs as it stands, in order, and prints what it shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
FIGURE = re.compile(r"[-+]?\d[\d,.]*(?:e[-+]\d+)?")


def plain(line: str) -> str:
    """The line with `#` for every figure, which another processor may change, and single blanks."""
    return " ".join(FIGURE.sub("#", line).split())


def parts() -> list[tuple[list[str], list[str]]]:
    """Each group of commands of the tutorial, with the lines that it shows below them."""
    found: list[tuple[list[str], list[str]]] = []
    blocks = re.finditer(
        r"((?:^ {4}(?:stepsearch|python) [^\n]*\n)+)|```text\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL
    )
    for commands, output in (block.groups() for block in blocks):
        if commands:
            found.append(([line.strip() for line in commands.splitlines()], []))
        else:
            found[-1][1].extend(line for line in output.splitlines() if line.strip() not in ("", "..."))
    return found


def test_the_tutorial_is_read_whole():
    commands = [line for lines, _ in parts() for line in lines]
    assert [line.split()[1] for line in commands] == (
        ["solve", "sweep", "sweep", "curves", "compare", "plan", "report", "-m", "judge", "judge"]
    )
    assert sum(bool(shown) for _, shown in parts()) == 7
    assert plain(" best_of_n   4  80.0  58.4-91.9  1.80e+09") == "best_of_n # # ## #"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorial_runs_as_it_stands(tmp_path: Path):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    for commands, shown in parts():
        out = ""
        for command in commands:
            words = shlex.split(command.replace("stepsearch", "python -m experiments", 1))
            done = subprocess.run(
                [sys.executable, *words[1:]],
                cwd=tmp_path,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "120"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            out += done.stdout
        lines = {plain(line) for line in out.splitlines()}
        missing = [line for line in shown if plain(line) not in lines]
        assert not missing, "\n".join([*missing, "", out])
    assert (tmp_path / "runs/tutorial/figure.svg").exists() and (tmp_path / "runs/tutorial/report.html").exists()
