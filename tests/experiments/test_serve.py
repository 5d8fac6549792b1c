"""The server in front of search, on toy engines and without a port: what it answers."""

import asyncio
import time
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'stepsearch[serve]')")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (pip install 'stepsearch[serve]')")

from experiments.analysis.solution import Solution
from experiments.commands.serve import Serve, build_serve, server_of
from experiments.config.compose import compose
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, Selection, Tree, solve
from tests.patience import patience
from tests.serving import SLOW, answer, asked, body, chunks_of, got, served


def test_an_answer_is_that_of_solve():
    found = answer(served(), seed=7, model="stepsearch/beam-4", stepsearch={"tree": True})
    tree = asyncio.run(solve("q", Beam(n=4), Toy(), ToyScorer(), seed=7))
    solution, told = Solution.of(tree, Selection()), found["stepsearch"]
    assert found["choices"][0]["message"]["content"] == solution.solution
    assert found["choices"][0]["finish_reason"] == "stop"
    assert (told["answer"], told["trust"], told["seed"]) == (solution.answer, solution.trust, 7)
    assert {vote["answer"]: vote["weight"] for vote in told["votes"]} == solution.votes
    sent, grown = Tree.from_json(told["tree"]), tree
    assert [(n.path, n.score) for n in sent.nodes()] == [(n.path, n.score) for n in grown.nodes()]


def test_usage_counts_all_that_was_generated():
    found = answer(served(), model="stepsearch/beam-4", stepsearch={"tree": True})
    ledger, usage = found["stepsearch"]["cost"], found["usage"]
    own = len(found["stepsearch"]["steps"])  # a token of the toy policy is a step
    assert usage["completion_tokens"] == ledger["generated_tokens"] > own
    assert usage["completion_tokens_details"] == {"reasoning_tokens": ledger["generated_tokens"] - own}
    assert usage["prompt_tokens"] == ledger["prompt_tokens_computed"] + ledger["prompt_tokens_cached"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_scale_is_the_models_or_the_knobs():
    def scale(model: str, **knobs: Any) -> int:
        return answer(served(), model=model, stepsearch=knobs)["stepsearch"]["cost"]["samples"]

    assert scale("stepsearch/best_of_n-3") == scale("stepsearch/best_of_n", n=3) == 3
    assert scale("stepsearch/best_of_n-3", n=5) == 5 and scale("stepsearch/best_of_n") == 16


def test_a_seed_repeats_a_search_and_none_is_drawn_and_told():
    server = served()
    first, again = answer(server, seed=3), answer(server, seed=3)
    assert first["choices"] == again["choices"]
    drawn = {answer(server, seed=None)["stepsearch"]["seed"] for _ in range(4)}
    assert len(drawn) == 4


def test_a_temperature_counts_only_where_it_is_asked_to():
    """An evaluation harness sends 0, which would make all samples one."""
    ignored = answer(served(), model="stepsearch/best_of_n-16", temperature=0, stop=["x"], tools=[])
    assert ignored["stepsearch"]["ignored"] == ["temperature", "stop"] and ignored["stepsearch"]["answers"] > 1
    knobs = {"sampling": "request"}
    counted = answer(served(), model="stepsearch/best_of_n-16", temperature=0, stepsearch=knobs)
    assert counted["stepsearch"]["ignored"] == [] and counted["stepsearch"]["votes"][0]["solutions"] == 16


def test_a_limit_that_a_policy_cannot_keep_is_named():
    """The policy of the plug-ins takes no `ask`."""
    found = answer(served(*SLOW), max_tokens=2, temperature=0.5, stepsearch={"sampling": "request"})
    assert found["stepsearch"]["ignored"] == ["max_tokens", "temperature"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_without_a_finished_solution_the_best_path_is_the_answer(name: str):
    found = answer(served(), **{name: 2})
    assert found["choices"][0]["finish_reason"] == "length" and found["stepsearch"]["answer"] is None
    assert len(found["stepsearch"]["steps"]) == 2
    assert found["choices"][0]["message"]["content"] == "".join(s["text"] for s in found["stepsearch"]["steps"]).strip()


def test_a_finished_solution_without_an_answer_is_the_text():
    found = answer(served("answer=regex", "answer.pattern=no such text (x)"))
    assert found["choices"][0]["finish_reason"] == "stop" and found["choices"][0]["message"]["content"]
    assert found["stepsearch"]["answer"] is None and found["stepsearch"]["votes"] == []


def test_a_budget_is_the_smaller_of_both():
    def generated(*words: str, **budget: Any) -> int:
        knobs = {"budget": budget}
        return answer(served(*words), model="stepsearch/mcts-64", stepsearch=knobs)["usage"]["completion_tokens"]

    assert generated() > 40 >= generated(generated_tokens=40) > 20
    assert generated("budget.generated_tokens=20", generated_tokens=40) <= 20


def test_a_search_ends_at_the_deadline_with_what_it_has():
    found = answer(served(*SLOW, "policy.args.seconds=0.05", "deadline=0.6"), model="stepsearch/mcts-64")
    assert found["stepsearch"]["stopped"] == "budget" and found["choices"][0]["message"]["content"]
    assert found["stepsearch"]["cost"]["seconds"] < 5


@pytest.mark.parametrize("searcher", ["best_of_n-2", "mcts-64"])
def test_a_second_scorer_that_is_late_does_not_hold_the_answer_back(searcher: str):
    """Whether the search ends by itself or shortly before the deadline; the majority then chooses."""
    late = ("second=custom", "second.cls=tests.plugins:Waits", "second.args.seconds=100", "selection.by=second")
    began = time.monotonic()
    found = answer(served(*SLOW, "policy.args.seconds=0.02", *late, "deadline=0.5"), model=f"stepsearch/{searcher}")
    assert time.monotonic() - began < patience(10)
    assert found["stepsearch"]["rule"] == "majority" and found["choices"][0]["message"]["content"]
    assert found["stepsearch"]["stopped"] == "budget" and found["stepsearch"]["cost"]["seconds"] >= 0.4


def test_a_second_scorer_has_the_rest_of_the_deadline():
    quick = ("second=custom", "second.cls=tests.plugins:Waits", "second.args.seconds=0.01", "selection.by=second")
    server = served(*SLOW, "policy.args.seconds=0.02", *quick, "deadline=4", "budget.seconds=1")
    assert server.engines.budget.seconds == 0.9 and server.engines.deadline == 1
    found = answer(served(*SLOW, "policy.args.seconds=0.02", *quick, "deadline=60"), model="stepsearch/beam-2")
    assert found["stepsearch"]["rule"] == "weighted" and found["stepsearch"]["stopped"] == "done"


def test_nothing_written_is_no_empty_answer():
    server = served(*SLOW, "policy.args.seconds=5", "deadline=0.05")
    (response,) = asked(server, body())
    assert response.status_code == 503 and response.json()["error"]["code"] == "nothing_written"
    assert response.headers["retry-after"] == "5"


def test_half_a_surrogate_pair_of_a_model_is_sent():
    server = served("policy=custom", "policy.cls=tests.serving:Halved")
    assert "\ud800" in answer(server, model="stepsearch/best_of_n-2")["choices"][0]["message"]["content"]
    (response,) = asked(server, body(model="stepsearch/best_of_n-2", stream=True))
    assert chunks_of(response.text)[-1]["choices"][0]["finish_reason"] == "stop"


def test_messages_make_a_question():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    ]
    found = answer(served(), messages=messages, stepsearch={"tree": True})
    assert found["stepsearch"]["tree"]["question"] == "Be brief.\n\none\ntwo"


# models and figures


def test_the_models_are_the_searchers_that_fit():
    ids = [model["id"] for model in got(served(), "/v1/models").json()["data"]]
    assert ids[:2] == ["stepsearch/best_of_n", "stepsearch/best_of_n-16"] and "stepsearch/mcts-16" in ids
    assert got(served(), "/v1/models/stepsearch/beam-4").json()["id"] == "stepsearch/beam-4"
    assert got(served(), "/v1/models/stepsearch/beam-4000").status_code == 400


def test_a_setting_is_a_model_by_its_own_name():
    words = ("policy=toy", "scorer=toy", "searchers=beam,beam@wide", "search.wide.branch=2")
    server = server_of(build_serve(compose(Serve, words)), None)
    assert server.models.choose("stepsearch/wide-8", None) == ("wide", Beam(n=8, branch=2))
    assert server.models.choose("stepsearch/beam-8", None) == ("beam", Beam(n=8))


def test_figures_have_no_text_of_a_client():
    server = served()
    asked(server, body("unheard-of question"), body(model="unheard-of"), body(stepsearch={"unheard": 1}))
    text = got(server, "/metrics").text
    assert 'stepsearch_searches_total{searcher="beam",stopped="done"} 1.0' in text
    assert 'stepsearch_tokens_total{kind="generated"} 16.0' in text and "stepsearch_search_seconds_count 1.0" in text
    assert 'stepsearch_rejected_total{why="model_not_found"} 1.0' in text and "unheard" not in text
