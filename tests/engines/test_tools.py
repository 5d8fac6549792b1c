"""Tool-integrated reasoning: a program ends a step, is run, and its output is read and not written."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from policies.conformance import check_policy
from policies.engines import tools as module
from policies.engines.boundary import Delimiter
from policies.engines.prompt import SYSTEM_PROMPT, TOOLS_PROMPT
from policies.engines.sandbox import sandbox
from policies.engines.sandbox.sandbox import Sandbox, Walls
from policies.engines.tools import Tool, encode_inside
from policies.hf import HF
from policies.toy import Toy
from policies.vllm import VLLM
from policies.writing import Writing
from scorers.programs import Programs
from scorers.self_certainty import SelfCertainty
from search import Beam, BestOfN, End, KnobError, Rule, Selection, Tree, solve
from search.solve import Searcher
from search.tree.cost import Budget
from tests.engines.scripts import Script, ScriptedHF, ScriptedServer, ScriptedWriter
from tests.engines.test_forcing import by_steps
from tests.helpers import SEARCHERS
from tests.models import QUESTIONS, SERVED, extend, vllm
from tests.worlds import By

RUNS: Any = {"tools": Tool.PYTHON, "sandbox": Walls.NONE}

# Three engines that write the same script

SCRIPT = (
    "Let me see.\n\n```python\nx = 6 * 7\n\nprint(x)\n```\nThen\n\n"
    "```python\nprint(x + 1, '```')\n1 / 0\n```\nSo \\boxed{43}\n\n"
)
OUTPUTS = ["\n```output\n42\n```\n", "\n```output\n43 '''\nZeroDivisionError: division by zero\n```\n"]
ENDS = [End.DELIMITER, End.CODE, End.DELIMITER, End.CODE, End.ANSWER]
QUESTION = "1"


@dataclass(frozen=True)
class Scripted(Writing):
    text: str = SCRIPT
    max_tokens: int = 300

    @cached_property
    def engine(self) -> Any:
        return ScriptedWriter(script_of(self))


@dataclass(frozen=True)
class ScriptedTransformers(HF):
    text: str = SCRIPT

    @cached_property
    def engine(self) -> Any:
        return ScriptedHF(script_of(self), Delimiter())


def script_of(policy: Any) -> Script:
    return Script(policy.tokenizer, policy.prompting.encode(policy.tokenizer, QUESTION), policy.text)


@pytest.fixture
def served(quick: None) -> Iterator[Writing]:
    server = ScriptedServer()
    policy = VLLM(url=[server.url], **RUNS)
    prompt = policy.prompting.encode(policy.tokenizer, QUESTION)
    server.script = Script(policy.tokenizer, prompt, SCRIPT)
    yield policy
    server.close()


@pytest.fixture(params=["script", "hf", "vllm"])
def policy(request: pytest.FixtureRequest) -> Writing:
    if request.param == "vllm":
        pytest.importorskip("aiohttp")
        return request.getfixturevalue("served")
    return {"script": Scripted, "hf": ScriptedTransformers}[request.param](**RUNS)


def texts(steps: Any) -> str:
    return "".join(step.text for step in steps)


def test_a_policy_reads_what_its_programs_print(policy: Writing) -> None:
    extension = extend(policy, QUESTION, [1, 2])
    steps, other = extension.continuations
    assert [step.end for step in steps] == ENDS and texts(other) == texts(steps)
    first, second = SCRIPT.split("\nThen")
    code, answer = second.split("\nSo")
    assert texts(steps) == f"{first}{OUTPUTS[0]}\nThen{code}{OUTPUTS[1]}\nSo{answer}"
    for step in steps:
        assert (step.observed > 0) == (step.end is End.CODE) and step.given == 0
        assert set(step.logprobs[len(step.token_ids) - step.observed :]) <= {0.0}
        assert step.text == policy.tokenizer.decode(list(step.token_ids))
    assert extension.cost.generated == 2 * sum(step.generated for step in steps)
    assert [step.text for step in by_steps(policy, QUESTION)] == [step.text for step in steps]
    assert SelfCertainty().kind and asyncio.run(SelfCertainty().score(QUESTION, steps, 0)).scores


def test_what_it_reads_is_charged_as_context() -> None:
    policy = Scripted(**RUNS)
    (steps,) = extend(policy, QUESTION, [1]).continuations
    one, two, three = policy.engine.prompts
    assert two == [*one, *(token for step in steps[:2] for token in step.token_ids)]
    assert three == [*one, *(token for step in steps[:4] for token in step.token_ids)]
    extension = extend(policy, QUESTION, [1])
    assert extension.cost.computed == len(one) + len(two) + len(three)
    worst = policy.worst_case(Tree(QUESTION).root, None)
    assert worst.flops is None and extension.cost.generated <= worst.generated


def test_some_steps_of_it() -> None:
    policy = Scripted(**RUNS)
    (steps,) = extend(policy, QUESTION, [1], 2).continuations
    assert [step.end for step in steps] == ENDS[:2] and steps[1].text.endswith(OUTPUTS[0])
    (steps,) = extend(policy, QUESTION, [1], 3).continuations
    assert [step.end for step in steps] == ENDS[:3]
    most = sum(step.generated for step in steps) + 2
    (steps,) = extend(policy, QUESTION, [1], max_tokens=most).continuations
    assert steps[-1].end is End.MAX_TOKENS and sum(step.generated for step in steps) == most


@pytest.mark.parametrize("searcher", [BestOfN(n=2), Beam(n=2, branch=2)], ids=["best_of_n", "beam"])
def test_searches_use_it(searcher: Searcher) -> None:
    tree = asyncio.run(solve(QUESTION, searcher, Scripted(**RUNS), By(lambda steps: 0.5), Budget(flops=1e9)))
    assert Selection(Rule.MAJORITY)(tree).answer == "43"
    assert tree.ledger.generated_tokens == sum(node.step.generated for node in tree.nodes() if node.step)
    again = Tree.loads(tree.dumps())
    assert [node.step for node in again.nodes()] == [node.step for node in tree.nodes()]


THOUGHT = "<think>\n```python\nx = 6 * 7\n```\nI know x.\n</think>\n\n```python\nprint(x)\n```\nSo \\boxed{42}\n\n"


def test_a_thought_may_use_it_and_the_answer_goes_on_with_what_it_defined() -> None:
    policy = Scripted(text=THOUGHT, thinking="<think> </think>", **RUNS)
    (steps,) = extend(policy, QUESTION, [1]).continuations
    assert [step.end for step in steps] == [End.CODE, End.THOUGHT, End.CODE, End.ANSWER]
    assert [step.thought for step in steps] == [True, True, False, False]
    assert steps[0].text.endswith("```output\n\n```\n") and steps[2].text.endswith(OUTPUTS[0])
    assert [step.text for step in by_steps(policy, QUESTION)] == [step.text for step in steps]


def test_names_of_tools_are_texts_too() -> None:
    assert texts(extend(Scripted(tools="python", sandbox="none"), QUESTION, [1]).continuations[0]).count("output") == 2  # type: ignore[arg-type]
    for knobs in ({"tools": "pyhton"}, {"sandbox": "no"}):
        with pytest.raises(ValueError, match="is not a valid"):
            HF(**knobs)  # type: ignore[arg-type]


def test_without_tools_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "run", lambda *_: pytest.fail("a program ran"))
    (steps,) = extend(Scripted(), QUESTION, [1]).continuations
    assert texts(steps) == SCRIPT and End.CODE not in [step.end for step in steps]


def test_an_output_that_fills_the_context_cuts_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Scripted(**RUNS)
    (steps,) = extend(policy, QUESTION, [1], 2).continuations
    needed = len(policy.engine.prompts[0]) + sum(len(step.token_ids) for step in steps)
    for context, end in ((needed + 1, End.CODE), (needed, End.CONTEXT)):
        tight = Scripted(**RUNS)
        monkeypatch.setattr(ScriptedWriter, "context", context)
        (steps,) = extend(tight, QUESTION, [1], 2).continuations
        assert steps[1].end is end and (steps[1].observed > 0) == (end is End.CODE)


def test_the_instruction_asks_for_programs() -> None:
    assert HF(tools=Tool.PYTHON).prompting.system_prompt == TOOLS_PROMPT
    assert HF(tools=Tool.PYTHON, system_prompt="Well").prompting.system_prompt == "Well"
    assert HF().prompting.system_prompt == SYSTEM_PROMPT


def test_an_output_that_looks_like_a_special_token_is_text() -> None:
    tokenizer = HF().tokenizer
    ids = encode_inside(tokenizer, "\n```output\n<|im_end|>\n```\n")
    assert not set(ids) & set(tokenizer.all_special_ids)
    assert tokenizer.decode(ids) == "\n```output\n<|im_end|>\n```\n"


def test_without_a_sandbox_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "_reason", "the kernel says no")
    with pytest.raises(KnobError, match=r"the kernel says no.*sandbox=none"):
        HF(tools=Tool.PYTHON).start_loading()
    with pytest.raises(KnobError, match=r"the kernel says no.*sandbox=none"):
        extend(Scripted(tools=Tool.PYTHON), QUESTION, [1])
    with pytest.raises(KnobError, match="tool_seconds is 0"):
        HF(tool_seconds=0)


def test_a_request_that_is_cancelled_while_a_program_runs_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, begun = Scripted(**RUNS), asyncio.Event()

    async def hangs(*_: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    async def run() -> Any:
        monkeypatch.setattr(module.Tools, "run", hangs)
        request = asyncio.ensure_future(policy.extend(Tree(QUESTION).root, 1, None, [1]))
        await begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError) as stopped:
            await request
        return stopped.value

    stopped = asyncio.run(run())
    assert stopped.cost == policy.engine.meter.total._replace(calls=1) and stopped.cost.generated > 0


@pytest.mark.slow
def test_a_policy_with_tools_keeps_its_promises(random_policy: str) -> None:
    check_policy(HF(random_policy, delimiter=" + ", max_steps=3, max_step_tokens=8, max_tokens=20, **RUNS))


@vllm
def test_vllm_keeps_them() -> None:
    knobs: Any = {"dtype": "float32", "max_tokens": 60, "temperature": 2, **SERVED}
    policy = VLLM(**knobs, **RUNS)
    check_policy(policy, QUESTIONS[2:], repeats=False)
    plain = extend(VLLM(**{**knobs, "temperature": 0}), QUESTIONS[1], [1]).continuations
    assert extend(VLLM(**{**knobs, "temperature": 0}, **RUNS), QUESTIONS[1], [1]).continuations == plain
    policy.engine.server.close()


# The toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy(branch=2, depth=2, **RUNS)


def test_the_toy_runs_programs_too(toy: Toy) -> None:
    ((first, last),) = asyncio.run(toy.extend(Tree("q").root, 1, None, [1])).continuations
    assert first.end is End.CODE and first.observed == 1 and "```output\nstep" in first.text and last.finished
    check_policy(toy)


@pytest.mark.parametrize("searcher", SEARCHERS.values(), ids=SEARCHERS)
def test_every_searcher_grows_steps_with_outputs(searcher: Searcher, toy: Toy) -> None:
    tree = asyncio.run(solve("q", searcher, toy, By(lambda steps: 0.5)))
    steps = [node.step for node in tree.nodes() if node.step]
    assert any(step.end is End.CODE for step in steps) and tree.leaves()
    assert all("```output\n" in step.text for step in steps if step.end is End.CODE)


def test_a_scorer_of_programs_runs_nothing_again() -> None:
    (steps,) = extend(Scripted(**RUNS), QUESTION, [1]).continuations
    before = sandbox._once.cache_info().misses  # pyright: ignore[reportPrivateUsage]
    scores = asyncio.run(Programs(sandbox=Walls.NONE).score(QUESTION, steps, 0)).scores
    assert list(scores) == [0.5, 1.0, 0.5, 0.0, 0.5]
    assert sandbox._once.cache_info().misses == before  # pyright: ignore[reportPrivateUsage]
