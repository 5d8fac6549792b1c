"""The loop from trees to reward models: its stages, its files, its figures, and a small one from end to end."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.step_metrics import Judged
from experiments.errors import RunError
from experiments.labels.labels import Labels, Method, labels_file, read_labels
from experiments.problems.sets import Arithmetic
from experiments.runs.results import Answer, CellKey, Result
from experiments.tiny.rounds import __main__ as rounds
from experiments.tiny.rounds import plan
from experiments.tiny.rounds.evaluations import Evaluation
from experiments.tiny.rounds.figures import BEAM, BEST_OF_N, F1, STEP_AUC, difference, figure
from experiments.tiny.rounds.files import exact_stage, within, within_stage
from experiments.tiny.rounds.knobs import HELD_OUT_SEED, Knobs
from experiments.tiny.rounds.report import in_brackets
from experiments.tiny.rounds.stages import Stage, run_stages
from experiments.tiny.rounds.training_data import data
from search.errors import KnobError
from search.tree import Tree
from search.tree.cost import Ledger
from tests.command_line import TOY, run

QUESTION = "((1 + 2) * (3 + 4)) ="
RIGHT, WRONG = "1 + 2 = 3\n(3 * (3 + 4))", "1 + 2 = 4\n(4 * (3 + 4))"


# stages


def test_a_stage_is_made_once_and_one_that_failed_is_made_again(tmp_path: Path):
    made: list[str] = []

    def stage(name: str, code: int = 0, *words: str) -> Stage:
        return Stage(name, words, lambda: made.append(name) or code)

    with pytest.raises(RunError, match="b ended with exit code 130"):
        run_stages(tmp_path, [stage("a"), stage("b", 130), stage("c")])
    assert made == ["a", "b"]
    run_stages(tmp_path, [stage("a"), stage("b"), stage("c")])
    assert made == ["a", "b", "b", "c"]
    with pytest.raises(RunError, match=r"c\.json was made with other settings \(k=2\)"):
        run_stages(tmp_path, [stage("a"), stage("b"), stage("c", 0, "k=2")])
    assert made == ["a", "b", "b", "c"]


def problem_seeds(stages: list[Stage]) -> dict[str, str]:
    """The seed of the problems of each sweep."""
    words = {stage.name: [w for w in stage.words if w.startswith("problems.seed=")] for stage in stages}
    return {name: found[0] for name, found in words.items() if found}


def test_no_two_parts_train_on_the_same_problems_and_all_are_evaluated_on_those_held_out():
    knobs = Knobs(rounds=2)
    every = [problem_seeds([*plan.loop(knobs, seed), *plan.methods(knobs, seed)]) for seed in knobs.seeds]
    trained = [value for part in every for name, value in part.items() if "evaluation" not in name]
    held_out = [value for part in every for name, value in part.items() if "evaluation" in name]
    assert len(trained) == len(set(trained)) == 3 * (3 + 2)
    assert set(held_out) == {f"problems.seed={HELD_OUT_SEED}"} and not set(held_out) & set(trained)


def test_a_round_searches_with_the_last_prm_and_trains_on_all_labels_so_far():
    stages = {stage.name: stage for stage in plan.loop(Knobs(rounds=2, work="w"), 5)}
    assert f"scorer.args.model={Path('w/seed-5/round-1/prm').absolute()}" in stages["round-2/searches"].words
    assert not any("prm" in word for word in stages["round-0/searches"].words), "there is none yet"
    assert stages["round-2/rows.jsonl"].words == ["round-0/new.jsonl", "round-1/new.jsonl", "round-2/new.jsonl"]
    assert "data=round-2/rows.jsonl" in stages["round-2/prm"].words
    assert [name for name in stages if name.endswith("/prm")] == ["round-0/prm", "round-1/prm", "round-2/prm"]


def test_what_is_compared_with_what():
    names = list(plan.arms(Knobs(rounds=2)))
    assert {name: plan.baseline_of(name, names) for name in names} == {
        "round 0": [],
        "round 1": ["round 0"],
        "round 2": ["round 0", "monte_carlo"],
        "monte_carlo": [],
        "consensus": ["monte_carlo"],
        "binary": ["monte_carlo"],
        "exact": ["monte_carlo"],
    }
    alone = list(plan.arms(Knobs(rounds=1, methods=False)))
    assert [plan.baseline_of(name, alone) for name in alone] == [[], ["round 0"]]


def test_knobs_that_make_no_loop_are_refused():
    mistakes: list[dict[str, Any]] = [
        {"rounds": 0},
        {"unseen": 1},
        {"seeds": []},
        {"seeds": [1, 1]},
        {"seeds": [900]},
        {"rounds": 100},
        {"learning_rate": 0.0},
    ]
    for wrong in mistakes:
        with pytest.raises(KnobError):
            Knobs(**wrong)


# files


def labelled(problem: str, tokens: int) -> Labels:
    return Labels(problem, QUESTION, "21", "binary", (), (), Ledger(generated_tokens=tokens))


def test_labels_are_kept_up_to_a_cost(tmp_path: Path):
    every = [labelled(name, tokens) for name, tokens in zip("abc", (50, 40, 30), strict=True)]
    assert [each.problem for each in within(every, 90)] == ["a", "b"]
    assert [each.problem for each in within(every, 89)] == ["a"] and len(within(every, 120)) == 3
    for name, part in (("few", every[:1]), ("more", every[1:])):
        file = labels_file(tmp_path / name, Method.BINARY)
        file.parent.mkdir(parents=True)
        file.write_text("".join(each.dumps() + "\n" for each in part))
    (tmp_path / "paid.jsonl").write_text(labelled("x", 95).dumps() + "\n")
    assert within_stage(tmp_path, "out", ["few", "more"], Method.BINARY, "paid.jsonl").make() == 0
    assert [each.problem for each in read_labels(labels_file(tmp_path / "out", Method.BINARY))] == ["a", "b"]


def test_exact_labels_and_what_is_said_of_the_data(tmp_path: Path):
    rows = [{"prompt": QUESTION, "completions": [RIGHT], "labels": [False]}]
    rows += [{"prompt": QUESTION, "completions": [WRONG], "labels": [False]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    exact_stage(tmp_path, "exact/rows.jsonl", "rows.jsonl").make()
    exact = [json.loads(line) for line in (tmp_path / "exact/rows.jsonl").read_text().splitlines()]
    assert [row["labels"] for row in exact] == [[True], [False]]
    (tmp_path / "labels.jsonl").write_text(labelled("a", 40).dumps() + "\n" + labelled("b", 2).dumps() + "\n")
    assert data(tmp_path / "rows.jsonl", [tmp_path / "labels.jsonl"]) == (2, 2, 0.5, 42)
    assert data(tmp_path / "exact/rows.jsonl", []) == (2, 2, 0, 0)


def test_held_out_questions_are_those_of_the_evaluations(tmp_path: Path):
    knobs = Knobs(unseen=5, work=str(tmp_path))
    assert plan.held_out(knobs).make() == 0
    written = [json.loads(line)["question"] for line in knobs.held_out.read_text().splitlines()]
    problems = Arithmetic(seed=HELD_OUT_SEED, count=10, min_level=2, max_level=4, limit=5).load()
    assert written == [problem.question for problem in problems] and len(written) == 5


# figures


def evaluation(scores: tuple[float, float], correct: list[float]) -> Evaluation:
    """Each problem has two samples, of two right steps and of a right and a wrong one; `scores` are those of a right
    and of a wrong step. `correct` says whether the searches' answers are right, by problem.
    """
    made = Evaluation([])
    right, wrong = scores
    samples = [Judged([right, right], [True, True]), Judged([right, wrong], [True, False])]
    made.__dict__["samples"] = [samples for _ in correct]
    made.problems = [f"p{place}" for place in range(len(correct))]
    answers = [{rule: Answer("1", value) for rule in ("best", "majority")} for value in correct]
    made.results = [
        Result(problem, QUESTION, None, "1", CellKey(searcher, 4), 0, answer, 1.0, 0.0, None, Ledger(), None)
        for searcher in ("best_of_n", "beam", "mcts")
        for problem, answer in zip(made.problems, answers, strict=True)
    ]
    return made


def test_a_prm_that_is_right_always_wrong_or_knows_nothing():
    chosen = np.arange(4)
    best, worst, nothing = (evaluation(scores, [1] * 4) for scores in ((0.9, 0.1), (0.1, 0.9), (0.5, 0.5)))
    assert [each.auc(chosen) for each in (best, worst, nothing)] == [1, 0, 0.5]
    assert [each.solution_auc(chosen) for each in (best, worst, nothing)] == [1, 0.5, 0.5]
    assert best.f1(chosen) == 1 and nothing.f1(chosen) == 0


def test_solutions_are_compared_within_their_problem():
    """Problem 0's scores are all higher than problem 1's; problem 2 has no wrong solution and does not count."""
    made = evaluation((0.9, 0.1), [1, 1, 1])
    high = [Judged([0.9, 0.8], [True, True]), Judged([0.9, 0.7], [True, False])]
    low = [Judged([0.1, 0.2], [True, True]), Judged([0.3, 0.2], [True, False])]
    made.__dict__["samples"] = [high, low, [Judged([0.5], [True])]]
    assert [made.solution_auc(np.array([place])) for place in (0, 1)] == [1, 0]
    assert made.solution_auc(np.arange(3)) == 0.5 and np.isnan(made.solution_auc(np.array([2])))


def test_figures_are_means_over_seeds_and_differences_are_paired():
    good = [evaluation((0.9, 0.1), [1, 1, 1, 0]), evaluation((0.9, 0.1), [1, 1, 0, 0])]
    bad = [evaluation((0.1, 0.9), [0, 0, 0, 0]), evaluation((0.9, 0.1), [1, 0, 0, 0])]
    assert figure(STEP_AUC, bad).mean == 0.5 and figure(F1, good).mean == 1
    assert figure(BEST_OF_N, good).mean == 5 / 8
    assert difference(STEP_AUC, good, bad).mean == 0.5
    gain = difference(BEAM, good, bad)
    assert gain.mean == 0.5 and gain.interval.low < 0.5 < gain.interval.high
    assert in_brackets(gain, "+").startswith("+0.500 (")


def test_an_evaluation_is_read_from_its_run_folders(tmp_path: Path, undrawn: None):
    """Samples of the toy policy, whose answers 0 and 1 are the values of no expression: all are wrong."""
    words = [*TOY, "problems.max_level=1", "problems.limit=2", "budgets=4", "trees=true", f"out={tmp_path}"]
    assert run("sweep", *words, "searchers=best_of_n,beam") == 0
    made = Evaluation([tmp_path])
    assert len(made.problems) == 2 and [len(same) for same in made.samples] == [4, 4]
    trees = [Tree.loads(path.read_text()) for path in sorted((tmp_path / "trees").glob("*best_of_n-4*"))]
    assert sorted(made.different()) == sorted((0, len({leaf.text() for leaf in tree.leaves()})) for tree in trees)
    assert made.tokens("best_of_n") == np.mean([tree.ledger.generated_tokens for tree in trees])
    assert made.correct("beam", "best").shape == made.one_sample().shape == (2,)


# from end to end


def loop(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    small = ["seeds=[3]", "rounds=1", "problems=2", "solutions=2", "k=1", "steps=2", "unseen=3", "n=2"]
    where = [f"work={folder / 'work'}", f"picture={folder / 'picture.png'}"]
    monkeypatch.setattr(sys, "argv", ["rounds", *small, *where, *words])
    return rounds.main()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_loop_runs_goes_on_where_it_was_interrupted_and_shows_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("accelerate", reason="the extra [train] is not installed")
    broken: Any = lambda *_: (_ for _ in ()).throw(RunError("broken"))  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr("experiments.tiny.rounds.commands.train.main", broken)
        assert loop(tmp_path, monkeypatch) == 2
    assert "rounds: broken" in capsys.readouterr().err
    labels = tmp_path / "work/seed-3/round-0/searches/labels/monte_carlo.jsonl"
    before = labels.stat().st_mtime_ns
    assert loop(tmp_path, monkeypatch) == 0
    shown = capsys.readouterr().out
    assert labels.stat().st_mtime_ns == before, "what was there is not made again"
    assert all(f"| {name} |" in shown for name in ("round 0", "round 1", "consensus", "binary", "exact"))
    assert (tmp_path / "picture.png").stat().st_size > 5_000
    figures = json.loads((tmp_path / "work/figures.json").read_text())
    assert 0 <= figures["round 1"]["step AUC"][0] <= 1
    assert loop(tmp_path, monkeypatch, "steps=3") == 2
    assert "made with other settings (steps=2, steps=3)" in capsys.readouterr().err


def test_it_describes_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        loop(Path(), monkeypatch, "--help")
    shown = capsys.readouterr().out
    assert not ended.value.code and "python -m experiments.tiny.rounds" in shown and "  rounds=3" in shown
