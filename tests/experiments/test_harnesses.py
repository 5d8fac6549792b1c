"""docs/harnesses.md as it stands: harnesses ask the server, on toy engines. They run where they are installed."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import RIGHT, ROOT, TOY, started
from tests.patience import patience
from tests.serving import free_port

PAGE = (ROOT / "docs" / "harnesses.md").read_text()
QUESTIONS = ("a", "b", "c")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.read().decode()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a server of toy engines."""
    number = free_port()
    process = started(["serve", *TOY, f"port={number}"], tmp_path)
    until = time.monotonic() + patience(60)
    while True:
        try:
            get(number, "/health")
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.1)
    yield number
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the page's files, and problems of the toy world."""
    for language, name in (("yaml", "arithmetic.yaml"), ("python", "arithmetic.py")):
        (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
        (tmp_path / name).write_text(text)
    rows = [json.dumps({"question": question, "answer": RIGHT}) for question in QUESTIONS]
    (tmp_path / "problems.jsonl").write_text("\n".join(rows))
    return tmp_path


def ran(program: str, port: int, folder: Path) -> None:
    """Runs the page's command of this program, against this server."""
    (command,) = re.findall(rf"^    ((?:\w+=\S+ )*{program} (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    command = command.replace("\\\n", " ").replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    env = os.environ | {"HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1", "INSPECT_LOG_FORMAT": "json"}
    done = subprocess.run(command, cwd=folder, shell=True, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def searches(port: int) -> float:
    """How many the server has ended."""
    return sum(map(float, re.findall(r"^stepsearch_searches_total\{.*\} (\S+)$", get(port, "/metrics"), re.MULTILINE)))


def is_right(text: str) -> bool:
    return re.findall(r"boxed\{([^{}]*)\}", text)[-1:] == [RIGHT]


@pytest.mark.skipif(not shutil.which("lm_eval"), reason="lm_eval is not installed (pip install 'lm_eval[api]')")
def test_lm_evaluation_harness(port: int, folder: Path):
    ran("lm_eval", port, folder)
    (report,) = folder.glob("results/**/results_*.json")
    (log,) = folder.glob("results/**/samples_*.jsonl")
    rows: list[Any] = [json.loads(line) for line in log.open()]
    right = [is_right(row["resps"][0][0]) for row in rows]
    assert json.loads(report.read_text())["results"]["arithmetic"]["exact_match,boxed"] == sum(right) / len(right)
    assert len(rows) == len(QUESTIONS) == searches(port) and any(right)


@pytest.mark.skipif(not shutil.which("inspect"), reason="inspect_ai is not installed (pip install inspect_ai openai)")
def test_inspect(port: int, folder: Path):
    ran("inspect", port, folder)
    (log,) = (folder / "logs").glob("*.json")
    report: Any = json.loads(log.read_text())
    samples = report["samples"]
    right = [is_right(sample["output"]["choices"][0]["message"]["content"]) for sample in samples]
    assert [sample["scores"]["pattern"]["value"] == "C" for sample in samples] == right
    assert report["status"] == "success" and len(samples) == len(QUESTIONS) == searches(port) and any(right)
