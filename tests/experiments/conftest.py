"""Files and runs that several tests start from."""

import contextlib
import gzip
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.experiments.toy_sweep import sweep, write_problems


@pytest.fixture
def write(tmp_path: Path):
    """Writes lines, given as objects or as raw bytes, to a file and returns its name."""

    def _write(*lines: object, name: str = "set.jsonl") -> str:
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path = tmp_path / name
        with gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb") as file:
            file.writelines(line + b"\n" for line in raw)
        return str(path)

    return _write


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are composed and named, and left empty: to paint them takes most of a small run's time."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: None)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> Path:
    """A working folder with five problems; the pictures of its sweeps are not painted."""
    write_problems(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture(scope="session")
def toy_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to read: toy.jsonl, and in run/ the sweep of all searchers at 1 and 4 with trees; its output in said."""
    folder = tmp_path_factory.mktemp("toy_sweep")
    write_problems(folder)
    with contextlib.chdir(folder), Path("said").open("w") as said, contextlib.redirect_stdout(said):
        assert sweep("budgets=1,4", "scorer.error=1", "trees=true") == 0
    return folder


@pytest.fixture
def copied(toy_sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> Path:
    """A copy of that folder as the working folder, to write to."""
    shutil.copytree(toy_sweep, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def read_only(toy_sweep: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the working folder."""
    monkeypatch.chdir(toy_sweep)
    return toy_sweep
