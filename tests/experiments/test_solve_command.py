"""`stepsearch solve` on the toy world: any question, what is printed, what is written, Ctrl-C."""

import io
import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import pytest

from experiments.reports.solution import EXAMPLE, shipped_line
from experiments.reports.trees import draw
from experiments.terminal import plain
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, Selection, Tree
from search.tree.cost import Cost
from tests.command_line import TOY, run, stopped
from tests.helpers import run as search


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize(
    "question", ["((3 + 4) * 2) =", "Don't", r"$\frac{1}{2}$", "x=3", "-3 + 4 =", "[1, 2", "${oc.env:HOME}", "a: b, c"]
)
def test_any_question_is_taken_as_it_is(question: str, tmp_path: Path):
    assert run("solve", question, *TOY, "search.simulations=1", "json=tree.json") == 0
    assert json.loads((tmp_path / "tree.json").read_text())["question"] == question


def test_the_question_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("sys.stdin", io.StringIO("search=mcts\nis a question\n"))
    assert run("solve", "-", *TOY, "search.simulations=1", "json=tree.json") == 0
    assert json.loads((tmp_path / "tree.json").read_text())["question"] == "search=mcts\nis a question"


def test_votes_and_cost_are_those_of_the_search(capsys: pytest.CaptureFixture[str]):
    words = ["question", *TOY, "search=beam", "search.n=8", "seed=3"]
    assert run("solve", *words, "show=votes") == 0
    votes = capsys.readouterr().out
    assert run("solve", *words, "show=cost") == 0
    cost = capsys.readouterr().out
    tree = search(Beam(n=8), Toy(), ToyScorer(), seed=3)
    ballot = Selection()(tree)
    assert f"answer: {ballot.answer}" in votes and f"answer: {ballot.answer}" in cost
    for vote in ballot.votes:
        assert [vote.answer, f"{vote.weight:.4g}", str(len(vote.leaves))] in _cells(votes)
    for name in ("samples", "generated tokens", "scorer calls"):
        assert [name, str(tree.ledger.to_json()[name.replace(" ", "_")])] in _cells(cost)


def test_the_solution_is_printed_with_the_scores_of_its_steps(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "question", *TOY, "search=beam", "search.n=8", "seed=3", "show=solution") == 0
    out = capsys.readouterr().out
    tree = search(Beam(n=8), Toy(), ToyScorer(), seed=3)
    (winner, *_), leaves = Selection()(tree).votes, tree.leaves()
    path = max(winner.leaves, key=lambda leaf: leaf.score or 0).line()
    lines = [line.split() for line in out.splitlines()]
    for node in path:
        assert node.step is not None
        assert [f"{node.score:.3f}", *node.step.text.split()] in lines
    assert f"the scorer gives this solution {path[-1].score:.3f}; {len(winner.leaves)} of {len(leaves)} sol" in out
    spent = tree.ledger
    assert f"{spent.samples} solutions, {spent.generated_tokens} tokens written, " in out.splitlines()[-1]


def test_a_script_gets_the_bare_answer(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "question", *TOY, "search=beam", "search.n=8", "seed=3") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{Selection()(search(Beam(n=8), Toy(), ToyScorer(), seed=3)).answer}\n"


def test_json_on_standard_output_is_alone(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "question", *TOY, "search=beam", "search.n=8", "seed=3", "json=-", "show=tree") == 0
    tree = Tree.loads(capsys.readouterr().out)
    assert tree.question == "question" and len(tree.leaves()) == 8


def test_files_are_written_before_anything_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also where who reads standard output has gone: `solve ... json=x.json | head -1`."""

    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("experiments.commands.solve.report", gone)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert run("solve", "question", *TOY, "json=tree.json", "graphml=tree.graphml") == 1
    assert (tmp_path / "tree.json").exists() and (tmp_path / "tree.graphml").exists()


@pytest.mark.parametrize(("error", "lines"), [(0.0, 0), (1.0, 1)])
def test_what_the_scorer_does_not_trust_is_said(error: float, lines: int, capsys: pytest.CaptureFixture[str]):
    """The toy scorer gives the chance of a right answer; this one is lowered to at most 0.05 for `error` 1."""
    words = ["scorer=custom", "scorer.cls=tests.plugins:Doubtful", f"scorer.args.doubt={error}"]
    assert run("solve", "q", "policy=toy", *words, "search=beam") == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1 and len(printed.err.splitlines()) == lines
    assert ("the scorer trusts none of the solutions: the highest has 0.05" in printed.err) == bool(lines)
    assert "shipped" not in printed.err


def test_the_shipped_models_say_what_they_know(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "Tom has 3 apples and buys 4 more. How many?", "search=beam", "show=solution") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "trusts none" in shown and f"know arithmetic like '{EXAMPLE}' and nothing else" in shown
    assert run("solve", EXAMPLE, "search=beam", "show=solution") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("answer: -21\n") and "know arithmetic" not in shown
    pair = SimpleNamespace(model="tiny"), SimpleNamespace(model="tiny-prm")
    assert shipped_line(*pair, "(2 + 3)") is None and shipped_line(*pair, "(2 + 3) apples")


def test_a_thought_is_left_out_with_a_word(capsys: pytest.CaptureFixture[str]):
    thinking = ("policy.model=tiny-thinking", "scorer=checks", "search=best_of_n", "search.n=2", "policy.thinking=auto")
    assert run("solve", EXAMPLE, *thinking, "show=solution") == 0
    out = capsys.readouterr().out
    assert "<think>" not in out and "[thought of " in out


def test_the_files_hold_the_whole_tree(tmp_path: Path):
    assert run("solve", "question", *TOY, "json=tree.json", "graphml=tree.graphml", "search.in_flight=1") == 0
    tree = Tree.loads((tmp_path / "tree.json").read_text())
    graph = nx.read_graphml(tmp_path / "tree.graphml")
    assert set(graph.nodes) == set(tree.graph().nodes) and set(graph.edges) == set(tree.graph().edges)


def test_the_drawing_has_every_step_and_marks_the_best_path(capsys: pytest.CaptureFixture[str]):
    assert run("solve", "question", *TOY, "show=tree", "search.in_flight=1", "json=tree.json") == 0
    drawing = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    tree = Tree.loads(Path("tree.json").read_text())
    assert len(drawing) == 1 + len(list(tree.nodes()))
    leaf = max(Selection()(tree).votes[0].leaves, key=lambda leaf: leaf.score or 0)
    assert sum("* " in line for line in drawing) == leaf.depth
    assert sum("answer " in line for line in drawing) == sum(node.finished for node in tree.nodes())


def test_a_chain_is_drawn_without_indentation():
    tree = search(Beam(n=1), Toy(), ToyScorer())
    drawn = draw(tree, None)
    assert len(drawn.children) == 1 and not drawn.children[0].children


def test_what_a_model_writes_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    words = ["policy=custom", "policy.cls=tests.plugins:Shouts", "scorer=toy", "show=tree", "graphml=tree.graphml"]
    assert run("solve", "[red]q[/red]\x1b[2J", *words) == 0
    out = capsys.readouterr().out
    assert not any(c in out for c in "\x1b\x00\x07\u202e")
    assert "[bold red]x[/bold red]" in out and r"answer: [link=x]\x07" in out and r"[red]q[/red]\x1b[2J" in out
    assert "[bold red]x[/bold red]" in nx.read_graphml(tmp_path / "tree.graphml").nodes["0"]["text"]


def test_plain_text_is_one_printable_line():
    assert plain("a\nb\r\n\n c\td\x1b[0m\ud800 é 漢") == r"a | b |  c\td\x1b[0m\ud800 é 漢"


def test_unknown_flops_and_the_budget_are_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("policies.toy.Cost", lambda **_: Cost(generated=4, flops=None))
    assert run("solve", "question", *TOY, "budget.generated_tokens=8", "show=cost") == 0
    out = capsys.readouterr().out
    assert "stopped at the budget" in out and ["FLOPs", "unknown"] in _cells(out)


def test_no_answer_is_said(capsys: pytest.CaptureFixture[str]):
    words = ["question", *TOY, "search=best_of_n", "budget.generated_tokens=1"]
    assert run("solve", *words, "show=solution") == 3
    assert "no answer: no solution finished" in capsys.readouterr().out
    assert run("solve", *words) == 3
    printed = capsys.readouterr()
    assert not printed.out and "no answer: no solution finished" in printed.err


def test_ctrl_c_prints_the_answer_so_far(tmp_path: Path):
    words = ["search=best_of_n", "search.n=1000", "policy=custom", "policy.cls=tests.plugins:Slowing", "scorer=toy"]
    command = ["solve", "q", *words, "json=tree.json", "show=solution"]
    ended = stopped(command, tmp_path, signal.SIGINT, (tmp_path / "answered").exists)
    tree = Tree.loads((tmp_path / "tree.json").read_text())
    assert ended.returncode == 130 and "Traceback" not in ended.stderr
    assert "interrupted; the result so far:" in ended.stdout
    assert tree.stopped == "cancelled" and len(tree.leaves()) < 1000
    assert len(tree.leaves()) >= 10 and f"answer: {Selection()(tree).answer}" in ended.stdout


def _cells(table: str) -> list[list[str]]:
    """The rows of a printed table, without its frame."""
    return [line.strip("│ ").replace("│", "|").split("|") for line in _tight(table) if "│" in line]


def _tight(table: str) -> list[str]:
    return ["│".join(part.strip() for part in line.split("│")) for line in table.splitlines()]
