"""`second=` and `selection.by=second` in commands: what is chosen, reported, refused and resumed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.reports.page.formulas import Pieces
from experiments.reports.page.trees import tree_data
from experiments.runs.axes import AXIS_COST, Axis
from experiments.runs.grading import anytime, samples, votes
from search import MCTS, Rule, Selection, Tree
from tests.command_line import run
from tests.experiments.toy_sweep import lines, summary, sweep, timeless, where
from tests.search.test_second import JUDGE, searched

BY = Selection(Rule.BEST, by="second")
SECOND = ("second=toy", "second.world_seed=3", "selection.by=second")


def test_grading_chooses_by_the_second_scorer() -> None:
    tree = searched(JUDGE)
    graded = votes(tree, "1", BY)
    assert {rule: answer.answer for rule, answer in graded.items()}["best"] == "1"
    assert votes(tree, "1", Selection())["best"].answer == "2"
    by = {sample.answer: (sample.score, sample.weight) for sample in samples(tree, "1", BY)}
    assert by == {"1": (0.7, 0.7), "2": (0.2, 0.2)}
    assert list(votes(searched(), "1", Selection(Rule.MAJORITY, by="second"))) == ["majority"], "nobody judged it"


def test_readings_at_smaller_budgets_pay_the_second_scorer() -> None:
    """One request in flight: a mark says what a search that ended there answers and has cost, both scorers included."""
    tree = searched(JUDGE, MCTS(8, in_flight=1))
    marks = anytime(tree, "1", BY)
    assert marks[-1].correct["best"] == 1.0 and any(
        mark.correct["best"] == 0.0 for mark in anytime(tree, "1", Selection())
    )
    for simulations in range(1, 9):
        ended = searched(JUDGE, MCTS(simulations, in_flight=1))
        flops = AXIS_COST[Axis.FLOPS](ended.ledger) or 0
        correct = votes(ended, "1", BY)["best"].correct
        read = [mark for mark in marks if (mark.spent[Axis.FLOPS] or 0) <= flops]
        assert (read[-1].correct["best"] if read else 0.0) == correct, simulations


def test_the_page_votes_and_draws_by_the_second_scorer() -> None:
    tree = searched(JUDGE)
    page = tree_data(tree, "1", BY, Pieces())
    nodes = list(tree.nodes())
    first = page["rules"]["best"]["votes"][0]
    assert page["answers"][first[0]][0] == "1" and first[1] == 0.7
    assert nodes[page["rules"]["best"]["path"][-1]].text().endswith("\\boxed{1}")
    assert {page["nodes"]["second"][nodes.index(leaf)] for leaf in tree.leaves()} == {0.7, 0.2}
    assert set(tree_data(searched(), "1", BY, Pieces())["rules"]) == {"majority"}, "a search that failed"


def test_a_sweep_chooses_by_the_second_scorer(here: Path) -> None:
    assert sweep("searchers=best_of_n,mcts", "budgets=4", "trees=true", *SECOND) == 0
    for row in lines():
        path = next(Path("run/trees").glob(f"*{row['cell']['searcher']}*{row['cell']['n']}*"))
        assert "marks" in path.read_text()
    trees = [Tree.loads(path.read_text()) for path in Path("run/trees").iterdir()]
    chosen = sorted(str(BY(tree).answer) for tree in trees)
    assert chosen == sorted(str(row["selections"]["best"]["answer"]) for row in lines())
    assert chosen != sorted(str(Selection(Rule.BEST)(tree).answer) for tree in trees), "the guide prefers others"
    (row,) = where(summary(), searcher="mcts", selection="best")
    rights = [line["selections"]["best"]["correct"] for line in lines() if line["cell"]["searcher"] == "mcts"]
    assert float(row["accuracy"]) == pytest.approx(sum(rights) / len(rights))
    assert run("report", "run=run") == 0


def test_a_run_resumes_with_the_same_second_scorer_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = Path("second_mine.py")
    method = "    def score(self, question, steps):\n        return [1.0] * len(steps)\n"
    mine.write_text(f"class Mine:\n    kind = 'outcome'\n\n{method}")
    words = ["second=custom", "second.cls=second_mine:Mine", "selection.by=second", "searchers=best_of_n"]
    assert sweep("budgets=2", *words) == 0
    whole = timeless()
    kept = Path("run/results.jsonl").read_text().splitlines()[:3]
    Path("run/results.jsonl").write_text("\n".join(kept) + "\n")
    assert run("sweep", "run=run") == 0
    assert timeless() == whole
    assert "second.cls" in json.loads(Path("run/inputs.json").read_text())
    mine.write_text(mine.read_text().replace("1.0", "0.5"))
    capsys.readouterr()
    assert run("sweep", "run=run") == 2
    assert "different inputs: second.cls: " in capsys.readouterr().err


def test_a_run_from_before_there_was_a_second_scorer_resumes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("searchers=best_of_n", "budgets=2") == 0
    config = Path("run/config.yaml")
    old: dict[str, Any] = yaml.safe_load(config.read_text())
    del old["second"], old["selection"]["by"]
    config.write_text(yaml.safe_dump(old))
    assert run("sweep", "run=run") == 0
    capsys.readouterr()
    assert run("sweep", "run=run", *SECOND) == 2, "but not with one"
    assert "second: none in the run, toy now\nselection.by: null in the run, second now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("selection.by=second", "selection.by=second, but there is no second scorer; choose one, second=outcome"),
        ("second=toy", "the second scorer would choose nothing; add selection.by=second"),
        ("second=toy selection.by=orm", "selection.by=orm: no such scorer; the name of the second one is second"),
        (
            "second=toy selection.by=second selection.reduction=sum",
            "reduction sum is not defined for scores of kind value",
        ),
        (
            "second=custom second.cls=tests.plugins:Ranking second.args.hated=x selection.by=second selection=majority",
            "scorer second ranks siblings",
        ),
        ("second=custom second.cls=nowhere:X selection.by=second", "second.cls=nowhere:X: no module 'nowhere'"),
        ("second=ensemble second.members=chekcs selection.by=second", "second.members: no such scorer 'chekcs'"),
    ],
)
@pytest.mark.parametrize("command", ["solve q", "sweep problems=arithmetic"])
def test_what_does_not_fit_is_refused(
    command: str,
    words: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*command.split(), "policy=toy", "scorer=toy", *words.split()) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_commands_that_only_read_answers_refuse_to_choose_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("curves", "compare", "plan budget=5"):
        assert run(*command.split(), f"run={tmp_path}", "selection.by=second") == 2
        assert "selection.by=second: the sweep has chosen the answers" in capsys.readouterr().err


def test_solve_chooses_and_shows_the_second_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["policy=toy", "scorer=toy", *SECOND, "selection=best", f"json={tmp_path / 'tree.json'}", "show=tree"]
    assert run("solve", "q", *words) == 0
    out = capsys.readouterr().out
    tree = Tree.loads((tmp_path / "tree.json").read_text())
    assert f"answer: {BY(tree).answer}" in out and " second 1.000 answer" in out
