"""Solutions that came to nothing are counted by cause, and warned of where they are too many."""

import sys
from pathlib import Path
from shutil import copytree

import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.endings import by_searcher
from experiments.analysis.summary import summarise
from experiments.reports.endings import warnings
from experiments.reports.tables import summary_table
from experiments.runs.endings import Endings, endings
from experiments.runs.folder import losses_of
from experiments.runs.preflight import prompt_losses
from experiments.runs.results import Result
from policies.engines.prompt import SYSTEM_PROMPT
from policies.hf import HF
from policies.prompting import Instruction
from policies.toy import Toy
from search import End, Ledger, Step, Tree
from tests.command_line import run
from tests.experiments.toy_sweep import lines, sweep, write_problems
from tests.results import result
from tests.search.trees import tree_of


def test_each_cause_is_counted_with_the_end_of_a_solution():
    long = "x" * 300
    tree = tree_of(
        ("1", [0.5]),
        ("1", [0.5], End.MAX_TOKENS),  # a limit, though it has a box
        (long, [0.5, 0.5], End.MAX_STEPS),
        (long, [0.5, 0.5], End.MAX_STEPS),
        ("", [0.5], End.EOS),
        ("...", [0.5], End.EOS),
        ("", [0.5, 0.5], End.CONTEXT),
        ("2", [0.5], End.EOS),
    )
    tree.stopped = "done"
    lost = {"max_tokens": 1, "max_steps": 2, "no_answer": 2, "context": 1}
    assert endings(tree) == Endings(8, lost, "max_steps", (long + "}")[-200:])
    for stopped in ("budget", "cancelled", "error"):
        tree.stopped = stopped
        assert endings(tree) is None


def test_a_tree_of_answers_lost_nothing():
    tree = tree_of(("1", [0.5]), ("2", [0.5], End.EOS))
    tree.stopped = "done"
    assert endings(tree) == Endings(2, {})


def test_thoughts_have_causes_of_their_own():
    tree = Tree("q")

    def chain(*steps: Step) -> None:
        node = tree.root
        for step in steps:
            node = node.add(node.reserve(1).start, step)
            node.score, node.birth = 0.5, Ledger(samples=node.index + 1)

    chain(Step("no end of it", end=End.EOS, thought=True))
    for answer in ("I cannot say", "\\boxed{5}"):
        chain(Step("cut</think>", end=End.THINKING_TOKENS, thought=True), Step(answer, end=End.EOS))
    chain(Step("\\boxed{3}</think>", end=End.THOUGHT, thought=True), Step("I cannot say", end=End.EOS))
    chain(Step("and so", end=End.CONTEXT, thought=True))
    tree.stopped = "done"
    lost = {"in_thought": 1, "thinking_tokens": 1, "no_answer": 1, "context": 1}
    found = endings(tree)
    assert found is not None and (found.leaves, found.lost) == (5, lost)
    assert (found.cause, found.example) == ("context", "and so")
    (line, _) = warnings({"beam": Endings(4, {"thinking_tokens": 2, "in_thought": 1}, "thinking_tokens", "x")})
    assert line.endswith(
        "(50.0 % without an answer behind a thought that was cut, 25.0 % ended within the thought): "
        "raise policy.max_thinking_tokens; policy.thinking names the tags, and stepsearch prompt shows the prompt"
    )


def of(searcher: str, *counts: Endings | None) -> list[Result]:
    return [result(place, searcher, 4, 1, 10, endings=one) for place, one in enumerate(counts)]


def test_a_warning_names_cause_remedy_and_an_example_once_a_searcher():
    results = [
        *of("greedy", Endings(10, {"max_steps": 2}, "max_steps", "never shown")),  # 20 % is not more than 20 %
        *of("beam", Endings(4, {"no_answer": 1}, "no_answer", "[bold]4\n</p>\x1b[31m"), None),
        *of("mcts", Endings(10, {}), Endings(10, {"max_tokens": 9}, "max_tokens", "and so"), None),
        *of("best_of_n", None),
    ]
    lines = list(warnings(by_searcher(results)))
    assert lines == [
        "warning: beam: 25.0 % of 4 solutions came to nothing (25.0 % finished without an answer): "
        "answer=last_number, after or regex; or ask for a box in the prompt",
        "warning: mcts: 45.0 % of 20 solutions came to nothing (45.0 % cut by max_tokens): raise policy.max_tokens",
        "an example, finished without an answer: ...[bold]4 | </p>\\x1b[31m",
    ]
    assert list(warnings(by_searcher(results[:1]))) == []
    rows = summarise(Cells(results))
    assert {row["searcher"]: row["lost"] for row in rows} == {
        "greedy": 0.2,
        "beam": 0.25,
        "mcts": 0.45,
        "best_of_n": None,
    }
    assert "lost" in [column.header for column in summary_table(rows, "best").columns]
    assert "lost" not in [column.header for column in summary_table(summarise(Cells(results[:1])), "best").columns]


def test_results_keep_their_endings_and_older_ones_have_none():
    one = result(0, "beam", 4, 1, 10, endings=Endings(4, {"no_answer": 1}, "no_answer", "x"))
    assert Result.loads(one.dumps()) == one
    line = one.dumps().replace('"endings"', '"unknown"')
    with pytest.raises(TypeError):
        Result.loads(line)


# on the command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_problems(tmp_path)
    return tmp_path


def test_a_policy_without_boxes_is_warned_of_in_table_page_and_after_the_sweep(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    """The toy boxes its answers; no rule of this kind finds them."""
    assert sweep("searchers=best_of_n", "budgets=4", "answer=after") == 0
    out = capsys.readouterr().out
    assert "warning: best_of_n: 100.0 % of 20 solutions came to nothing" in out and "answer=last_number" in out
    assert "an example, finished without an answer: ..." in out and " lost " in out
    assert all(row["endings"]["lost"] == {"no_answer": row["endings"]["leaves"]} for row in lines())
    assert run("report", "run=run", "out=page.html") == 0
    assert "Warning: best_of_n: 100.0 % of 20 solutions" in Path("page.html").read_text()


@pytest.mark.slow
def test_a_prompt_that_lost_its_instruction_is_warned_of_after_the_sweep_and_on_the_page(
    folder: Path, random_policy: str, capsys: pytest.CaptureFixture[str]
):
    model, few = copytree(random_policy, folder / "drops"), ("policy.max_tokens=4", "searchers=best_of_n", "budgets=1")
    words = ("problems.limit=1", "policy=hf", f"policy.model={model}", "scorer=checks", *few)
    (model / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    assert sweep(*words) == 0
    lost = f"warning: {model} is not sent the instruction {SYSTEM_PROMPT!r}: its chat template has no place for it"
    assert lost in capsys.readouterr().out
    assert run("sweep", "run=run") == 0 and lost in capsys.readouterr().out
    assert run("report", "run=run", "out=page.html") == 0
    assert f"<p>Warning: {model} is not sent the instruction" in Path("page.html").read_text()
    assert prompt_losses(HF(str(model), instruction=Instruction.USER), Toy(), None) == []
    assert len(losses_of(Path("run"))) == 1 and losses_of(Path("other")) == []


def test_a_budget_is_no_fault_of_the_policy(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("searchers=mcts", "budget.generated_tokens=[12]", "search.mcts.simulations=500") == 0
    assert "came to nothing" not in capsys.readouterr().out
    assert {row["stopped"]: row["endings"] is None for row in lines() if row["cell"]["searcher"] == "mcts"} == {
        "budget": True
    }


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        (("policy.max_tokens=5",), "cut by max_tokens): raise policy.max_tokens"),
        (("policy.max_steps=1",), "cut by max_steps): raise policy.max_steps"),
        (("answer=after",), "finished without an answer): answer=last_number"),
        ((), ""),
    ],
)
def test_solve_warns_with_what_was_written(
    knobs: tuple[str, ...], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    question = "((3 + 4) * (2 - 5)) ="
    assert run("solve", question, "scorer=checks", "search=best_of_n", "search.n=2", *knobs) == (3 if knobs else 0)
    out = " ".join(capsys.readouterr().err.split())
    assert (words in out) if words else ("warning" not in out)
