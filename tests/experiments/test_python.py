"""`import stepsearch`: solve, sweep and runs from Python, in scripts and where an event loop runs."""

import asyncio
import re
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import stepsearch
from experiments.api.arguments import name_overrides
from experiments.api.blocking import blocking
from experiments.api.picture import picture
from experiments.errors import ConfigError
from stepsearch import Beam, Budget, Selection, ToyPolicy, ToyScorer
from tests.helpers import run as searched

TOY: dict[str, Any] = {"policy": "toy", "scorer": "toy"}


class Half:
    """A scorer of the one documented method."""

    def score(self, question: str, steps: Any) -> list[float]:
        return [0.5 for _ in steps]


# solve


def test_names_and_objects_are_the_search_of_the_engine():
    tree = searched(Beam(n=8), ToyPolicy(), ToyScorer(), seed=3)
    answer = Selection()(tree).answer
    named = stepsearch.solve("question", search="beam", n=8, seed=3, **TOY)
    given = stepsearch.solve("question", Beam(8), policy=ToyPolicy(), scorer=ToyScorer(), seed=3)
    assert named.answer == given.answer == answer
    for solved in (named, given):
        assert solved.cost.generated_tokens == tree.ledger.generated_tokens
        assert len(solved.tree.leaves()) == 8
        assert solved.votes == {vote.answer: vote.weight for vote in Selection()(tree).votes}
        assert solved.scores == [node.score for node in solved.path] and solved.trust == solved.scores[-1]


def test_it_works_where_an_event_loop_runs():
    async def notebook() -> Any:
        return stepsearch.solve("question", search="beam", n=8, seed=3, **TOY)

    assert asyncio.run(notebook()).answer == stepsearch.solve("question", search="beam", n=8, seed=3, **TOY).answer


def test_an_error_in_a_running_loop_is_the_same_error():
    async def notebook() -> Any:
        return stepsearch.solve("question", scorer=Half(), policy=ToyPolicy(), selection="odds", search="nothing")

    with pytest.raises(ConfigError, match="no such choice"):
        asyncio.run(notebook())


def test_ctrl_c_in_a_notebook_cancels_the_search_and_waits_for_it(monkeypatch: pytest.MonkeyPatch):
    ended = threading.Event()

    class Endless:
        async def extend(self, node: Any, n: int, max_steps: int | None, seeds: Any) -> Any:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

    join, calls = threading.Thread.join, []

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        calls.append(thread)
        if len(calls) == 1:
            join(thread, 0.5)
            raise KeyboardInterrupt
        join(thread, 20)

    async def notebook() -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "join", interrupted)
            return stepsearch.solve("q", "best_of_n", n=1, policy=Endless(), scorer=ToyScorer())

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(notebook())
    assert ended.is_set()


def test_without_a_running_loop_the_work_stays_in_its_thread():
    assert blocking(threading.get_ident) == threading.get_ident()


def test_a_scorer_of_one_method_works_as_it_is_and_knobs_are_those_of_the_command_line():
    knobs = {"policy.branch": 2, "search.branch": 2, "budget.samples": 3}
    solved = stepsearch.solve("q", "beam", n=4, policy="toy", scorer=Half(), knobs=knobs)
    assert solved.trust == 0.5 and solved.tree.budget == Budget(samples=3)


def test_a_class_of_ones_own_is_named():
    parts: dict[str, Any] = {"policy": "tests.plugins:Slow", "scorer": "tests.plugins:Doubtful"}
    solved = stepsearch.solve("q", "best_of_n", n=2, **parts)
    assert len(solved.tree.leaves()) == 2 and not solved.trusted


@pytest.mark.parametrize(
    ("group", "value", "words"),
    [
        ("policy", "Qwen/Qwen3-4B", ["policy.model=Qwen/Qwen3-4B"]),
        ("policy", "vllm", ["policy=vllm"]),
        ("scorer", "mine:Careful", ["scorer=custom", "scorer.cls=mine:Careful"]),
        ("scorer", "tiny-prm", ["scorer.model=tiny-prm"]),
        ("problems", "mine.jsonl", ["problems=jsonl", "problems.path=mine.jsonl"]),
        ("search", "beam", ["search=beam"]),
    ],
)
def test_what_a_text_names(group: str, value: str, words: list[str]):
    assert name_overrides(group, value) == words


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"question": None}, "the question is None; give a text"),
        ({"question": " "}, "the question is ' '; give a text"),
        ({"search": "beem"}, "search='beem': no such choice; choose from best_of_n, beam,"),
        ({"search": ToyPolicy()}, "search is a Toy, which has no method search; it is a policy"),
        ({"search": Beam}, "search is the class Beam; give an object of it"),
        ({"policy": Beam(2)}, "policy is a Beam, which has no method extend; it is a searcher"),
        ({"policy": None}, "policy is None; give an object"),
        ({"scorer": 3}, "scorer is 3; give an object"),
        ({"budget": 100}, "budget is 100; give a Budget"),
        ({"n": 0}, "n=0 does not fit search: Beam.n is 0; it must be >= 1"),
        ({"n": "8"}, "Beam.n is '8'; it must be >= 1"),
        ({"selection": 3}, "selection is 3; give a name or a Selection"),
        ({"answer": 3}, "answer is 3; give a name or an object with the method extract"),
        ({"knobs": {"search.m": 3}}, "search.m: no such knob; search has"),
        ({"scorer": ToyScorer(), "knobs": {"scorer.error": 1}}, "scorer.error is a knob of scorer, which was given as"),
    ],
)
def test_a_wrong_argument_is_answered_in_words(wrong: dict[str, Any], message: str):
    arguments = {"question": "q", "search": "beam", "policy": ToyPolicy(), "scorer": ToyScorer()} | wrong
    with pytest.raises(ValueError, match=re.escape(message)):
        stepsearch.solve(**arguments)


# what a result shows


def test_a_result_shows_itself():
    solved = stepsearch.solve("question", search="beam", n=8, seed=3, **TOY)
    text, html = repr(solved), solved._repr_html_()
    assert text.startswith(f"answer: {solved.answer}\n") and "tokens written" in text.splitlines()[-1]
    assert f"answer: {solved.answer}" in html and html.count("<circle") == 1 + len(list(solved.tree.nodes()))
    none = stepsearch.solve("q", "best_of_n", knobs={"budget.generated_tokens": 1}, **TOY)
    assert none.answer is None and none.solution == "" and none.trust is None and none.steps == []
    assert "no answer" in repr(none) and "no answer" in none._repr_html_()


def test_what_a_model_writes_is_no_markup():
    solved = stepsearch.solve("<script>q</script>", "best_of_n", n=1, policy="tests.plugins:Shouts", scorer=Half())
    html = solved._repr_html_()
    assert "<script>" not in html and "\x1b" not in repr(solved)


def test_the_picture_is_xml_with_a_line_for_each_step_and_the_path_in_bold():
    tree = searched(Beam(n=8), ToyPolicy(), ToyScorer(), seed=3)
    leaf = tree.leaves()[0]
    drawn = ET.fromstring(picture(tree, leaf.line()))
    lines = [element for element in drawn.iter() if element.tag.endswith("line")]
    assert len(lines) == len(list(tree.nodes()))
    assert sum(line.get("stroke-width") == "3" for line in lines) == leaf.depth
    places = [(c.get("cx"), c.get("cy")) for c in drawn.iter() if c.tag.endswith("circle")]
    assert len(set(places)) == len(places), "no two steps lie on each other"


# sweeps and runs


@pytest.fixture
def toy_run(tmp_path: Path) -> stepsearch.Run:
    return stepsearch.sweep(["best_of_n", "beam"], [1, 4], limit=3, seeds=[0, 1], out=tmp_path / "run", **TOY)


def test_a_sweep_is_a_run_that_is_read_back(toy_run: stepsearch.Run, capsys: pytest.CaptureFixture[str]):
    assert len(toy_run.results) == 3 * (1 + 2 * (1 + 2))  # greedy once; Best-of-N at 4, beam at 1 and 4
    again = stepsearch.read_run(toy_run.folder)
    assert again.summary == toy_run.summary and not again.failed
    assert "best_of_n" in repr(again) and "data:image/png" in again._repr_html_()
    assert not capsys.readouterr().out


def test_a_sweep_runs_where_an_event_loop_runs(tmp_path: Path):
    async def notebook() -> stepsearch.Run:
        return stepsearch.sweep(["beam"], [1], limit=1, out=tmp_path / "run", **TOY)

    assert len(asyncio.run(notebook()).results) == 2


def test_a_frame_has_a_row_for_each_search(toy_run: stepsearch.Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    rows = toy_run.frame()
    assert len(rows) == len(toy_run.results)
    first, result = rows[-1], toy_run.results[-1]
    assert (first["problem"], first["searcher"], first["n"]) == (result.problem, result.cell.searcher, result.cell.n)
    assert first["generated_tokens"] == result.ledger.generated_tokens
    assert first["correct_weighted"] == result.selections["weighted"].correct


def test_without_pandas_a_frame_says_what_to_install(toy_run: stepsearch.Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        toy_run.frame()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"budgets": 4}, "budgets is 4; give a list, budgets=[4]"),
        ({"searchers": "beam"}, "searchers is 'beam'; give a list"),
        (
            {"searchers": [stepsearch.Beam(4)]},
            "reduction=None, every=1, actions=None); a sweep keeps texts: give names",
        ),
        ({"searchers": ["beem"]}, "searchers: no such searcher 'beem'"),
        ({"scorer": Half()}, "a sweep keeps texts: name a class of your own as mine:Class"),
        ({"problems": "nothing"}, "problems='nothing': no such choice; choose from arithmetic, jsonl"),
    ],
)
def test_a_wrong_argument_of_sweep_is_answered_in_words(wrong: dict[str, Any], message: str, tmp_path: Path):
    arguments = {"budgets": [1], "out": tmp_path / "run", **TOY} | wrong
    with pytest.raises(ValueError, match=re.escape(message)):
        stepsearch.sweep(**arguments)
    assert not (tmp_path / "run").exists()


def test_no_run_is_said():
    with pytest.raises(ValueError, match=r"nowhere/results\.jsonl: no such file"):
        stepsearch.read_run("nowhere")
