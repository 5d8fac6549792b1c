"""A policy that takes texts, against a stand-in for an OpenAI-compatible endpoint."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from policies.engines.health import HEALTH
from policies.engines.text_steps import Rule, cut
from policies.openai import OpenAI
from scorers.checks import Checks
from scorers.self_certainty import SelfCertainty
from search import Ask, Beam, BestOfN, Budget, End, KnobError, Tree, solve
from search.conformance import excess
from search.tree.cost import Cost
from tests.engines.stub import Stub, noise

pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
QUESTION = "What is 1 + 2?"


class Chat(Stub):
    """Writes three steps, the last with a box; goes on where an assistant's turn stands."""

    usage: Any = True
    tells_stop = False
    prose = False

    async def _start(self) -> None:
        from aiohttp import web

        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._post)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.001, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.port or self._runner.addresses[0][1]

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[Any]:
        begun = body["messages"][-1]["content"] if body["messages"][-1]["role"] == "assistant" else ""
        last = "the end" if self.prose else f"so \\boxed{{{noise(body['seed']) % 5}}}"
        steps = [f"step {noise(body['seed'], n) % 7} = {n}" for n in (1, 2)] + [last]
        rest = steps[begun.count("\n\n") :]
        stepwise, finish, stop = "stop" in body, "stop", None
        text = "\n\n".join(rest[:1] if stepwise else rest)
        if stepwise and len(rest) > 1:
            stop = "\n\n"
        if len(text.split()) > (most := body["max_tokens"]):
            text, finish, stop = re.findall(rf"^(?:\s*\S+){{{most}}}", text)[0], "length", None
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        if self.tells_stop:
            choice["stop_reason"] = stop
        counts = {"prompt_tokens": 20, "completion_tokens": len(text.split())} if self.usage else None
        if self.usage == "cached":
            counts = {**(counts or {}), "prompt_tokens_details": {"cached_tokens": 16}}
        return ({"choices": [choice], "usage": counts},)


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    made = Chat()
    made.key = "secret"
    yield made
    made.close()


def policy_on(chat: Chat, **knobs: Any) -> OpenAI:
    return OpenAI(model="some/model/name", url=f"{chat.url}/v1", **{"patience": 5.0, **knobs})


def test_whole_solutions_cost_what_the_endpoint_tells_and_the_rest_is_unknown(chat: Chat):
    tree = asyncio.run(solve(QUESTION, BestOfN(4), policy_on(chat), Checks()))
    assert [leaf.step.end for leaf in tree.leaves() if leaf.step] == [End.ANSWER] * 4
    assert all(len(leaf.steps()) == 3 and leaf.steps()[0].text.endswith("\n\n") for leaf in tree.leaves())
    ledger = tree.ledger
    assert (ledger.samples, ledger.policy_calls) == (4, 4) and ledger.prompt_tokens_computed == 80
    assert ledger.generated_tokens == sum(len(leaf.text().split()) for leaf in tree.leaves())
    assert ledger.unique_tokens is ledger.prompt_tokens_cached is ledger.flops is None
    assert ledger.scorer_flops == 0.0 and not ledger.at_least
    again = Tree.loads(tree.dumps())
    assert again.ledger == ledger and [n.birth for n in again.nodes()] == [n.birth for n in tree.nodes()]
    assert {body["messages"][0]["role"] for _, body in chat.asked} == {"system"}
    assert len({body["seed"] for _, body in chat.asked}) == 4


@pytest.mark.parametrize(("usage", "computed", "cached"), [("cached", 4, 16), (False, None, None)])
def test_cached_tokens_and_a_missing_usage(chat: Chat, usage: Any, computed: Any, cached: Any):
    chat.usage = usage
    ledger = asyncio.run(solve(QUESTION, BestOfN(1), policy_on(chat), Checks())).ledger
    assert (ledger.prompt_tokens_computed, ledger.prompt_tokens_cached) == (computed, cached)
    assert (ledger.generated_tokens is None) == (not usage)


def test_a_budget_of_what_is_unknown_is_an_error(chat: Chat):
    chat.usage = False
    with pytest.raises(ValueError, match=r"budget.generated_tokens is set, but the policy does not tell its tokens"):
        asyncio.run(solve(QUESTION, BestOfN(4), policy_on(chat), Checks(), Budget(generated_tokens=100)))
    tree = asyncio.run(solve(QUESTION, BestOfN(4), policy_on(chat), Checks(), Budget(samples=2)))
    assert tree.stopped == "budget" and tree.ledger.samples == 2


@pytest.mark.parametrize("continues", [True, False])
def test_a_limit_on_tokens_is_kept(chat: Chat, continues: bool):
    policy = policy_on(chat, continues=continues, max_tokens=20, max_step_tokens=9)
    searcher = Beam(8, 4) if continues else BestOfN(8)
    tree = asyncio.run(solve(QUESTION, searcher, policy, Checks(), Budget(generated_tokens=60)))
    written = tree.ledger.generated_tokens
    assert tree.stopped == "budget" and written is not None and 20 < written <= 60
    assert not excess(Cost(9, 20, 0), policy.worst_case(tree.root, 1))
    assert excess(Cost(10, 20, 0), policy.worst_case(tree.root, 1)) == "10 generated tokens and not 9"


@pytest.mark.parametrize("tells_stop", [True, False])
@pytest.mark.parametrize("prose", [True, False])
def test_steps_where_the_endpoint_continues_a_turn(chat: Chat, tells_stop: bool, prose: bool):
    """Without an answer's box the solution ends where the endpoint says so, or writes nothing more."""
    chat.tells_stop, chat.prose = tells_stop, prose
    policy = policy_on(chat, continues=True, continuing={"continue_final_message": True})
    tree = asyncio.run(solve(QUESTION, Beam(4, 2), policy, Checks()))
    leaf = next(leaf for leaf in tree.leaves() if leaf.finished)
    assert leaf.step is not None and leaf.step.end is (End.EOS if prose else End.ANSWER)
    assert [step.text[:4] for step in leaf.steps()[:2]] == ["step", "step"]
    begun = [body for _, body in chat.asked if body["messages"][-1]["role"] == "assistant"]
    assert begun and all(body["continue_final_message"] for body in begun)
    assert not any("continue_final_message" in body for _, body in chat.asked if body not in begun)


def test_steps_are_refused_where_it_does_not(chat: Chat):
    with pytest.raises(KnobError, match=r"writes whole solutions \(search=best_of_n\).*policy.continues=true"):
        asyncio.run(solve(QUESTION, Beam(2, 2), policy_on(chat), Checks()))
    assert not chat.asked, "nothing was paid for"


def test_limits_cut_and_asks_are_kept(chat: Chat):
    policy = policy_on(chat, continues=True)
    (steps,) = asyncio.run(policy.extend(Tree(QUESTION).root, 1, None, [1], Ask(max_tokens=5))).continuations
    assert steps[-1].end is End.MAX_TOKENS
    (steps,) = asyncio.run(
        policy.extend(Tree(QUESTION).root, 1, 1, [1], Ask(given="So", hint="Be quick."))
    ).continuations
    assert steps[0].text.startswith("So") and "Be quick." in chat.asked[-1][1]["messages"][1]["content"]
    short = policy_on(chat, max_steps=2)
    (steps,) = asyncio.run(short.extend(Tree(QUESTION).root, 1, None, [1])).continuations
    assert [step.end for step in steps] == [End.DELIMITER, End.MAX_STEPS]
    asyncio.run(policy.extend(Tree(QUESTION).root, 1, None, [1], Ask(temperature=0.25)))
    assert chat.asked[-1][1]["temperature"] == 0.25


def test_a_rate_limit_holds_all_requests_back(chat: Chat):
    """By Retry-After; what was refused costs nothing."""
    chat.failures = [(429, {"Retry-After": "0.3"})]
    start = time.monotonic()
    tree = asyncio.run(solve(QUESTION, BestOfN(6), policy_on(chat, max_num_seqs=1), Checks()))
    assert 0.3 <= time.monotonic() - start < 2 and len(chat.asked) == 7
    assert tree.ledger.samples == 6 and not tree.ledger.at_least


def test_an_endpoint_that_fails_is_asked_again(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("policies.engines.chat.waits", lambda *_: iter([0.01] * 100))
    chat.failures = [(502, {})] * 2
    tree = asyncio.run(solve(QUESTION, BestOfN(2), policy_on(chat), Checks()))
    assert tree.ledger.samples == 2 and tree.ledger.at_least, "what the failed requests had cost is not known"
    assert HEALTH.now()[f"{chat.url}/v1"] == (True, 2)
    chat.failures = [(500, {})] * 1000
    with pytest.raises(RuntimeError, match=r"has failed for 0.05 s: status 500: EngineCore"):
        asyncio.run(solve(QUESTION, BestOfN(1), policy_on(chat, patience=0.05), Checks()))
    assert not HEALTH.now()[f"{chat.url}/v1"].up


@pytest.mark.parametrize(
    ("status", "said"), [(400, r"refuses the request \(400\)"), (404, "correct policy.url or policy.model")]
)
def test_a_request_that_is_refused_is_not_made_again(chat: Chat, status: int, said: str):
    chat.failures = [(status, {})] * 9
    with pytest.raises(ValueError, match=said):
        asyncio.run(solve(QUESTION, BestOfN(1), policy_on(chat), Checks()))
    assert len(chat.asked) == 1


def test_the_key_is_named_and_never_kept(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTHER_KEY", "wrong")
    with pytest.raises(ValueError, match="refuses the key in the environment variable OTHER_KEY"):
        asyncio.run(solve(QUESTION, BestOfN(1), policy_on(chat, key="OTHER_KEY"), Checks()))
    assert "secret" not in repr(policy_on(chat))
    with pytest.raises(KnobError, match="name the endpoint's model"):
        OpenAI(url=chat.url).load()


def test_no_more_requests_are_under_way_than_allowed(chat: Chat):
    chat.delay = 0.005
    asyncio.run(solve(QUESTION, BestOfN(16), policy_on(chat, max_num_seqs=3), Checks()))
    assert chat.most_running == 3


def test_scorers_of_log_probabilities_are_refused(chat: Chat):
    with pytest.raises(KnobError, match="OpenAI tells no log-probabilities, which SelfCertainty reads"):
        asyncio.run(solve(QUESTION, BestOfN(1), policy_on(chat), SelfCertainty()))


RULE = Rule("\n\n", True, 40)


@pytest.mark.parametrize(
    ("text", "before", "last", "expected"),
    [
        ("a\n\nb", "", End.EOS, [("a\n\n", End.DELIMITER, False), ("b", End.EOS, False)]),
        ("a\n\n", "", End.DELIMITER, [("a\n\n", End.DELIMITER, False)]),
        ("a \\boxed{1}\n\nb", "", End.EOS, [("a \\boxed{1}\n\n", End.ANSWER, False)]),
        ("", "", End.EOS, [("", End.EOS, False)]),
        (
            "<think>\\boxed{9}\n\nx</think>\n\na\n\nb",
            "",
            End.EOS,
            [
                ("<think>\\boxed{9}\n\nx</think>", End.THOUGHT, True),
                ("\n\na\n\n", End.DELIMITER, False),
                ("b", End.EOS, False),
            ],
        ),
        ("<think>cut", "", End.MAX_TOKENS, [("<think>cut", End.MAX_TOKENS, True)]),
        ("<think>one\n\n", "", End.DELIMITER, [("<think>one\n\n", End.DELIMITER, True)]),
        ("two</think>\n\n", "<think>one\n\n", End.DELIMITER, [("two</think>", End.THOUGHT, True)]),
        ("a", "<think>one</think>", End.EOS, [("a", End.EOS, False)]),
        ("<think>only</think>", "", End.EOS, [("<think>only</think>", End.THOUGHT, True), ("", End.EOS, False)]),
    ],
)
def test_a_text_is_cut_into_steps(text: str, before: str, last: End, expected: list[tuple[str, End, bool]]):
    assert [(step.text, step.end, step.thought) for step in cut(text, before, 0, last, RULE)] == expected
