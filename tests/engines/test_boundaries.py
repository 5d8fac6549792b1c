"""Rules of one's own for where steps end, and delimiters in several tokens: the same on both engines."""

import re
import shlex
import sys
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from policies.engines.boundary import Token
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from search import End, Tree
from tests.command_line import ROOT, run
from tests.models import QUESTIONS, SERVED, extend, ids_of, vllm

QUESTION = QUESTIONS[3]


@pytest.fixture(scope="module", params=["hf", pytest.param("vllm", marks=vllm)])
def greedy(request: pytest.FixtureRequest) -> Writing:
    knobs: dict[str, Any] = {"dtype": "float32", "temperature": 0}
    return HF(**knobs) if request.param == "hf" else VLLM(**SERVED, **knobs)


@dataclass(frozen=True)
class Every:
    """A step of so many tokens."""

    tokens: int

    def watch(self) -> Any:
        return lambda token: token.count == self.tokens


@dataclass(frozen=True)
class Unsure:
    """A step ends with a token of probability below a half."""

    def watch(self) -> Any:
        def ends(token: Token) -> bool:
            return token.logprob < -0.69

        return ends


@pytest.mark.slow
def test_the_rule_of_the_docs_runs_as_it_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = (ROOT / "docs" / "policies.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    command, *_ = re.findall(r"^    stepsearch (solve .*)$", page.replace("\\\n", ""), re.MULTILINE)
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert run(*shlex.split(command), "json=tree.json") == 0
    steps = [node.step for node in Tree.loads(Path("tree.json").read_text()).nodes() if node.step]
    assert {step.end for step in steps} >= {End.DELIMITER}
    assert all((step.logprobs[-1] < -0.1) == (step.end is End.DELIMITER) for step in steps if step.open)


@pytest.mark.parametrize("rule", [Every(3), Unsure()], ids=["every third token", "unsure"])
@pytest.mark.parametrize("max_steps", [1, 2])
def test_a_rule_of_ones_own_divides_the_same_solution(greedy: Writing, rule: Any, max_steps: int):
    """At once and step by step, the same steps; on vLLM those at once are cut from a longer answer."""
    kind, names = type(greedy), [knob.name for knob in fields(greedy)]
    own: Any = dataclass(frozen=True)(type("Own", (kind,), {"boundary": property(lambda self: rule)}))
    ruled = own(**{name: getattr(greedy, name) for name in names})
    whole, plain = (extend(each, QUESTION, [0]).continuations[0] for each in (ruled, greedy))
    assert ids_of(whole) == ids_of(plain)[: len(ids_of(whole))]
    for step in whole[:-1]:
        if isinstance(rule, Every):
            assert len(step.token_ids) == 3
        else:
            assert step.logprobs[-1] < -0.69 and min(list(step.logprobs[:-1]), default=0) >= -0.69
    node = Tree(QUESTION).root
    while node.open:
        extension = extend(ruled, node, [0], max_steps)
        worst = ruled.worst_case(node, max_steps)
        assert worst.flops and extension.cost.flops and extension.cost.flops <= worst.flops
        for step in extension.continuations[0]:
            node = node.add(node.reserve(1).start, step)
    assert [step.token_ids for step in node.steps()] == [step.token_ids for step in whole]


@pytest.mark.parametrize("max_steps", [1, None])
def test_a_delimiter_that_two_tokens_write_ends_a_step(greedy: Writing, max_steps: int | None):
    """One that no token holds, from the middle of the greedy solution."""
    texts = greedy.engine.vocabulary.texts  # pyright: ignore[reportAttributeAccessIssue]
    ids = ids_of(extend(greedy, QUESTION, [0]).continuations[0])
    pairs = [texts[left][-1:] + texts[right][:1] for left, right in pairwise(ids[4:])]
    delimiter = next(pair for pair in pairs if len(pair) == 2 and not any(pair in text for text in texts))
    divided, node = replace(greedy, delimiter=delimiter), Tree(QUESTION).root
    while node.open:
        for step in extend(divided, node, [0], max_steps).continuations[0]:
            node = node.add(node.reserve(1).start, step)
    assert node.depth > 1
    for step in node.steps()[:-1]:
        assert delimiter in step.text and delimiter not in "".join(texts[i] for i in step.token_ids[:-1])
