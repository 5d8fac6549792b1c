"""stepsearch label: every method on a run, killed and resumed, and what it refuses."""

import json
from pathlib import Path

import pytest

from experiments.labels.labels import Method, labels_file, read_labels, total
from tests.command_line import run


def test_every_method_labels_a_run(copied: Path, capsys: pytest.CaptureFixture[str]):
    for words in (["monte_carlo"], ["binary"], ["critic", "scorer=toy"], ["consensus"], ["tree"]):
        assert run("label", "run=run", f"method={words[0]}", *words[1:]) == 0
    out = capsys.readouterr().out
    assert "monte_carlo finds the same first wrong step in" in out and "% dropped" in out
    by_method = {m: read_labels(labels_file(Path("run"), m)) for m in Method}
    assert all(len(each) == 5 for each in by_method.values())
    full, half = (total(x.ledger for x in by_method[m]) for m in (Method.MONTE_CARLO, Method.BINARY))
    assert 0 < half.samples < full.samples and half.generated_tokens < full.generated_tokens
    assert {s.estimator for x in by_method[Method.TREE] for s in x.solutions} == {"sample", "search"}
    assert total(x.ledger for x in by_method[Method.CRITIC]).scorer_tokens_computed > 0


def test_a_killed_command_goes_on_where_it_stopped(copied: Path, capsys: pytest.CaptureFixture[str]):
    words = ["label", "run=run", "method=monte_carlo", "k=2"]
    assert run(*words) == 0
    file = labels_file(Path("run"), Method.MONTE_CARLO)
    whole = {each.problem: each for each in read_labels(file)}
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + lines[3][:50])
    assert run(*words) == 0
    assert file.read_text().startswith("".join(lines[:3])), "what was there is not made again"
    again = {each.problem: each for each in read_labels(file)}
    assert {name: each.solutions for name, each in again.items()} == {n: each.solutions for n, each in whole.items()}
    capsys.readouterr()
    before = file.read_text()
    assert run(*words[:-1], "k=3") == 2
    assert "k: 2 in the run, 3 now" in capsys.readouterr().err
    assert run(*words, "concurrency=1") == 0 and file.read_text() == before


def test_a_run_that_has_grown_is_labelled_anew_where_it_has(copied: Path):
    assert run("label", "run=run", "method=tree") == 0
    file = labels_file(Path("run"), Method.TREE)
    next(Path("run", "trees").glob("00000-*.beam-4*")).unlink()
    assert run("label", "run=run", "method=tree") == 0
    assert len(file.read_text().splitlines()) == 6 and len(read_labels(file)) == 5


def _without(folder: Path, field: str) -> None:
    rows = [json.loads(line) for line in Path(folder, "results.jsonl").read_text().splitlines()]
    Path(folder, "results.jsonl").write_text("".join(json.dumps({**row, field: None}) + "\n" for row in rows))


def test_what_cannot_be_labelled_is_refused(copied: Path, capsys: pytest.CaptureFixture[str]):
    def said(*words: str) -> str:
        assert run("label", *words) == 2
        return capsys.readouterr().err

    assert "run=DIR" in said("method=tree")
    assert "method=monte_carlo, binary" in said("run=run")
    assert "no such file" in said("run=nowhere", "method=tree")
    assert "stepsearch label run=run method=monte_carlo" in said("run=run", "method=consensus")
    assert "must be >= 1" in said("run=run", "method=tree", "k=0")
    assert "probability" in said("run=run", "method=critic", "scorer=outcome")
    assert "choose a completer with the same" in said("run=run", "method=monte_carlo", "policy=hf")
    assert not Path("run", "labels").exists(), "nothing is written"
    _without(Path("run"), "gold")
    assert "has no gold answers" in said("run=run", "method=tree")
    for tree in Path("run", "trees").glob("*"):
        tree.unlink()
    assert "has no trees" in said("run=run", "method=tree")


def test_only_cut_leaves_are_refused(copied: Path, capsys: pytest.CaptureFixture[str]):
    for path in Path("run", "trees").glob("*.json"):
        path.write_text(path.read_text().replace('"answer"', '"max_tokens"'))
    assert run("label", "run=run", "method=tree") == 2
    assert "all were cut" in capsys.readouterr().err


def test_a_completion_that_fails_leaves_the_others(copied: Path, capsys: pytest.CaptureFixture[str]):
    Path("completer.py").write_text(
        "from dataclasses import dataclass\nfrom policies.toy import Toy\n\n\n@dataclass(frozen=True)\n"
        "class Mine(Toy):\n    async def extend(self, node, *more, **named):\n"
        "        if 'hated' in node.tree.question:\n            raise OSError('no answer')\n"
        "        return await super().extend(node, *more, **named)\n"
    )
    assert run("label", "run=run", "method=monte_carlo", "policy=custom", "policy.cls=completer:Mine") == 1
    seen = capsys.readouterr()
    assert "1 problems could not be labelled" in seen.err and "no answer" in seen.err and "4 problems" in seen.out
