"""A tree that cannot be written stops the sweep; the search counts neither as failed nor as done."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search import Tree
from tests.command_line import run
from tests.experiments.toy_sweep import lines, sweep, timeless

WORDS = ["searchers=[mcts]", "budgets=[256]", "search.mcts.in_flight=1", "problems.limit=2", "trees=true"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as a full disk would have it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_tree_that_cannot_be_written_is_no_failed_search(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep(*WORDS) == 0
    whole = timeless()
    largest = max(path.stat().st_size for path in Path("run/trees").iterdir())
    size = Path("run/results.jsonl").stat().st_size
    assert largest > size + 10_000, "a tree is too large for the disk of this test, the results are not"
    Path("run").rename("unbroken")
    capsys.readouterr()
    with largest_file(largest - 1_000):
        assert sweep(*WORDS) == 1
    err = capsys.readouterr().err
    assert "run/trees/" in err and "cannot be written: File too large" in err and "Traceback" not in err
    assert "of 4 searches had ended and are saved; resume with run=run" in err
    assert len(lines()) < 4 and not any(line["error"] for line in lines())
    trees = list(Path("run/trees").iterdir())
    assert len(trees) == len(lines()) and all(Tree.loads(path.read_text()) for path in trees), "nothing half written"
    assert run("sweep", "run=run") == 0
    assert timeless() == whole and len(list(Path("run/trees").iterdir())) == 4


def test_a_tree_with_a_number_that_is_none_fails_alone(here: Path, monkeypatch: pytest.MonkeyPatch):
    write = Tree.dumps

    def refuse(tree: Tree) -> str:
        if tree.events("beam"):
            raise ValueError("Out of range float values are not JSON compliant")
        return write(tree)

    monkeypatch.setattr(Tree, "dumps", refuse)
    sweep("searchers=[beam]", "budgets=[1]", "problems.limit=2", "trees=true")
    assert {line["cell"]["searcher"] for line in lines() if line["error"]} == {"beam"} and len(lines()) == 4
