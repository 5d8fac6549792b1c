"""grader= and answer= on the command line: their knobs, mistakes, and that they are part of a run."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from experiments.config.registry import stored
from experiments.errors import ConfigError
from experiments.runs.preflight import with_ends
from policies.hf import HF
from policies.toy import Toy
from search.answers.extraction import After, Boxed
from search.answers.graders import Numeric
from tests.command_line import ROOT, TOY, run
from tests.experiments.toy_sweep import lines, sweep, write_problems

MINE = """
import time

class Same:
    def __init__(self, shift: int = 0):
        self.shift = shift
    def same(self, gold, answer):
        return int(gold) + self.shift == int(answer)

class Raises:
    def same(self, gold, answer):
        raise ValueError("boom")

class Refuses:
    def __init__(self):
        raise OSError("no dictionary")

class Nothing:
    pass
"""
SWEEP = ("searchers=best_of_n", "budgets=4")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    write_problems(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grader=exat"], "grader=exat: no such choice; choose from math_verify, exact, numeric, choice, custom"),
        (["answer=last"], "answer=last: no such choice; choose from boxed, last_number, after, regex, whole, custom"),
        (["grader=numeric", "grader.tolerance=2"], "Numeric.tolerance is 2"),
        (["answer=regex", "answer.pattern=("], "Regex.pattern is"),
        (["grader=custom", "grader.cls=mine:Sme"], "has no class Sme"),
        (["grader=custom", "grader.cls=mine:Same", "grader.args.shft=1"], "grader.args.shft: no such argument"),
        (["grader=custom", "grader.cls=mine:Nothing"], "it needs the method `def same(self, gold, answer)`"),
        (["answer=custom", "answer.cls=mine:Nothing"], "it needs the method `def extract(self, text)`"),
        (["grader=custom", "grader.cls=mine:Refuses"], "making it raised OSError: no dictionary"),
        (["grader=custom", "grader.cls=mine:Raises"], "mine:Raises.same raised ValueError: boom"),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "(1 + 2) =", *TOY, "search=best_of_n", *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_sweep_is_graded_and_grouped_by_the_chosen_grader_and_resumes_with_it_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = ("grader=custom", "grader.cls=mine:Same", "grader.args.shift=1")
    assert sweep(*SWEEP, *own, out="shifted") == 0
    for result in lines("shifted"):
        for sample in result["samples"] or []:
            if sample["answer"] is not None:
                assert sample["right"] is (sample["answer"] == "2"), "one more than the gold answer"
    assert run("sweep", "run=shifted") == 0
    assert run("sweep", "run=shifted", "grader.args.shift=2") == 2
    assert "was started with a different config" in capsys.readouterr().err
    Path("mine.py").write_text(MINE + "\n# edited")
    assert run("sweep", "run=shifted") == 2
    assert "grader.cls: " in capsys.readouterr().err


def test_a_run_is_not_resumed_with_another_grader_or_extraction(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(*SWEEP) == 0
    for words, difference in (
        (["grader=exact"], "grader: math_verify in the run, exact now"),
        (["answer=regex", "answer.pattern=x"], "answer: boxed in the run, regex now"),
        (["grader=custom", "grader.cls=mine:Same"], "grader: math_verify in the run, custom now"),
    ):
        assert refused(capsys, "run", *words) == [difference]


@pytest.mark.slow
def test_a_run_with_knobs_of_a_grader_is_not_resumed_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    own = ("grader=custom", "grader.cls=mine:Same", "grader.args.shift=1")
    assert sweep(*SWEEP, *own, "answer=after", "answer.mark=A:") == 0
    assert run("sweep", "run=run", "grader=custom", "answer=after") == 0, "the choice that it has"
    assert refused(capsys, "run", "grader=exact") == ["grader: custom in the run, exact now"]
    assert refused(capsys, "run", "grader=numeric", "grader.tolerance=0.1", "answer.mark=B:") == [
        "answer.mark: A: in the run, B: now",
        "grader: custom in the run, numeric now",
    ]
    assert refused(capsys, "run", "grader.args.shift=2") == ["grader.args.shift: 1 in the run, 2 now"]
    assert run("sweep", "run=run", "grader=numeric", "grader.cls=mine:Same") == 2
    assert "grader.cls: no such knob" in capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture[str], folder: str, *words: str) -> list[str]:
    """The differences that a refused resume tells, in order."""
    capsys.readouterr()
    assert run("sweep", f"run={folder}", *words) == 2
    said, *differences = capsys.readouterr().err.strip().splitlines()
    assert f"run={folder} was started with a different config; leave these knobs as they were" in said
    return sorted(differences)


def test_a_grader_that_raises_fails_each_search_and_not_the_sweep() -> None:
    assert sweep(*SWEEP, "grader=custom", "grader.cls=mine:Raises", out="raises") == 1
    assert {result["error"] for result in lines("raises")} == {
        "OwnClassError: mine:Raises.same raised ValueError: boom"
    }


def test_import_and_judge_read_answers_by_the_same_rule() -> None:
    rows = [
        {"problem": f"p{n}", "answer": "4", "completions": ["so\n#### 4.0", "so\n#### 5"], "scores": [[0.9], [0.2]]}
        for n in range(3)
    ]
    Path("done.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rule = ("data.path=done.jsonl", "answer=after", "grader=numeric")
    assert run("import", *rule, "out=imported") == 0
    assert [sample["right"] for result in lines("imported") for sample in result["samples"]] == [True, False] * 3
    assert run("judge", "data=completions", *rule, "stored=true", "out=judged") == 0
    summary = json.loads(Path("judged/summary.json").read_text())
    assert "0.5" in json.dumps(summary)


def test_a_choice_is_read_from_a_runs_config_and_nothing_else_is() -> None:
    assert stored("answer", {"_target_": "search.answers.extraction.After", "mark": "A:"}) == After("A:")
    assert stored("grader", {"_target_": "search.answers.graders.Numeric", "tolerance": 0.1}) == Numeric(0.1)
    with pytest.raises(ConfigError, match="grader is system"):
        stored("grader", {"_target_": "os.system", "command": "true"})


def test_the_docs_grader_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    section = (ROOT / "docs" / "problems.md").read_text().split("## Other answers")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    command = re.search(r"^    stepsearch (.*)$", section, re.MULTILINE)
    assert code and command
    Path("mine.py").write_text(code[1])
    Path("mine.jsonl").write_text(Path("toy.jsonl").read_text())
    assert run(*shlex.split(command[1]), *TOY, *SWEEP) == 0
    assert run("solve", "(1 + 2) =", *TOY, "--help") == 0
    said = capsys.readouterr().out
    assert "grader=math_verify" in said and "answer=boxed" in said and "answer.mark='####'" in said


def test_a_box_ends_solutions_only_where_it_is_the_answer() -> None:
    policy = HF()
    assert with_ends(policy, Boxed()) is policy and policy.limits.ends_at_box
    assert not with_ends(policy, After()).limits.ends_at_box
    toy = Toy()
    assert with_ends(toy, After()) is toy
