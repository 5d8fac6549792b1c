"""Log-probabilities that nobody reads are not kept: the same tokens, logits that are still looked at, refusals."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from experiments.commands import sweep
from experiments.config.ensemble import SCORERS
from experiments.config.rounds import SEARCHERS
from experiments.runs.preflight import with_logprobs, without_logprobs
from policies.engines.boundary import Delimiter
from policies.engines.models import ModelError
from policies.engines.rows import Row
from policies.engines.vllm_writer import SEARCHES, VLLMWriter
from policies.hf import HF
from policies.toy import Toy
from policies.vllm import VLLM
from policies.writing import Writing
from scorers.checks import Checks
from scorers.custom import adapt
from scorers.ensemble import Ensemble
from scorers.self_certainty import SelfCertainty
from scorers.toy import Toy as Toyed
from search import MCTS, Again, BestOfN, KnobError, Tree, solve
from search.algorithms.mcts import Prior
from search.errors import PolicyError
from search.protocols import Extension
from tests.command_line import run
from tests.engines.test_model_files import variant
from tests.models import QUESTIONS, SERVED, row, vllm

PARTS = {"search": SEARCHERS, "scorer": SCORERS}
ENGINES = ["hf", pytest.param("vllm", marks=vllm)]


def policy_on(engine: str, **knobs: Any) -> Writing:
    knobs = {"dtype": "float32", "logprobs": False, **knobs}
    return HF(**knobs) if engine == "hf" else VLLM(**{**SERVED, **knobs})


def grown(policy: Any, searcher: Any, scorer: Any, **knobs: Any) -> Tree:
    return asyncio.run(solve(QUESTIONS[0], searcher, policy, scorer, seed=1, **knobs))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_is_written_at_the_same_cost(engine: str):
    policy = policy_on(engine, temperature=0)
    bare, whole = (
        grown(replace(policy, logprobs=kept), MCTS(simulations=3, in_flight=1), Checks()) for kept in (False, True)
    )
    steps, expected = ([node.step for node in tree.nodes() if node.step] for tree in (bare, whole))
    assert [(s.text, list(s.token_ids), s.end) for s in steps] == [(s.text, list(s.token_ids), s.end) for s in expected]
    assert all(len(step.logprobs) == 0 and step.entropy is None for step in steps)
    assert all(len(step.logprobs) == len(step.token_ids) > 0 for step in expected)
    figures = ("generated_tokens", "prompt_tokens_computed", "prompt_tokens_cached", "policy_calls")
    assert [getattr(bare.ledger, name) for name in figures] == [getattr(whole.ledger, name) for name in figures]
    assert Tree.loads(bare.dumps()).dumps() == bare.dumps()


@pytest.mark.parametrize("engine", ENGINES)
def test_logits_that_are_not_numbers_are_noticed(engine: str, tmp_path: Path):
    folder = variant(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    policy = policy_on(engine, model=str(folder), max_tokens=8)
    try:
        with pytest.raises(ModelError, match="its logits are not finite"):
            grown(policy, BestOfN(2), Checks())
    finally:
        if isinstance(policy, VLLM):
            policy.engine.server.close()


def test_vllm_is_asked_for_them_once_a_search():
    writer: Any = object.__new__(VLLMWriter)
    writer.boundary, writer._searches = Delimiter(), {}
    bare, whole = row([1]), row([1])
    bare.logprobs = False
    assert [writer._asks(bare, salt) for salt in ("a", "a", "b", "a", "b", None, None)] == [
        *(True, False, True, False, False),  # as it is the first of a search, or is not
        *(True, True),  # outside of searches
    ]
    assert writer._asks(whole, "a") and Row.logprobs
    for number in range(SEARCHES):
        assert writer._asks(bare, str(number))
    assert len(writer._searches) == SEARCHES
    writer.boundary = object()  # a rule that may read them
    assert writer._asks(bare, "b") and writer._asks(bare, "b")


@vllm
def test_requests_of_vllm_carry_none(monkeypatch: pytest.MonkeyPatch):
    from policies.engines import vllm

    asked: list[bool] = []
    params = vllm.sampling_params
    monkeypatch.setattr(vllm, "sampling_params", lambda draw: asked.append(draw.logprobs) or params(draw))
    grown(policy_on("vllm"), BestOfN(4), Checks())
    assert sorted(asked) == [False, False, False, True]


@pytest.mark.parametrize(
    ("searcher", "scorer", "second", "name"),
    [
        (BestOfN(2), SelfCertainty(), None, "SelfCertainty"),
        (BestOfN(2), Checks(), SelfCertainty(), "SelfCertainty"),
        (BestOfN(2), Ensemble((Checks(), SelfCertainty())), None, "Ensemble"),
        (MCTS(prior=Prior.LOGPROB), Checks(), None, "MCTS"),
        (Again(MCTS(prior=Prior.LOGPROB)), Checks(), None, "Again"),
    ],
)
def test_who_reads_them_is_refused(searcher: Any, scorer: Any, second: Any, name: str):
    expected = rf"policy\.logprobs=false keeps no log-probabilities, which {name} reads; leave it out"
    with pytest.raises(KnobError, match=expected):
        grown(HF(logprobs=False), searcher, scorer, second=second)
    assert grown(Toy(), BestOfN(2), Checks()).leaves()


@pytest.mark.parametrize(
    "words",
    [
        ["solve", "1 + 1 =", "scorer=self"],
        ["solve", "1 + 1 =", "search.prior=logprob", "scorer=checks"],
        ["sweep", "problems.limit=1", "searchers=[best_of_n,mcts]", "search.mcts.prior=logprob", "scorer=checks"],
    ],
)
def test_commands_refuse_it_before_anything_is_loaded(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HF, "load", lambda self: pytest.fail("it was loaded"))
    assert run(*words, "policy.logprobs=false") == 2
    assert "policy.logprobs=false keeps no log-probabilities" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# who reads them


@pytest.mark.parametrize("group", ["search", "scorer"])
def test_each_shipped_searcher_and_scorer_says_whether_it_reads_them(group: str):
    reading = {name for name, cls in PARTS[group].items() if getattr(cls, "reads_logprobs", None) is not False}
    assert reading == {"search": {"mcts", "deepconf"}, "scorer": {"self"}}[group]


class Silent:
    """A plug-in that does not say whether it reads them."""

    def score(self, question: str, steps: Any) -> list[float]:
        return [0.5 for _ in steps]


class Says(Silent):
    reads_logprobs = False


@pytest.mark.parametrize(
    ("kept", "readers", "expected"),
    [
        (False, (BestOfN(2), Checks(), None), False),
        (True, (BestOfN(2), Checks(), None), True),
        (False, (BestOfN(2), SelfCertainty(), None), True),
        (False, (BestOfN(2), Checks(), SelfCertainty()), True),
        (False, (MCTS(prior=Prior.LOGPROB), Checks(), None), True),
        (False, (MCTS(), Checks(), None), False),
        (False, (Again(MCTS(prior=Prior.LOGPROB)), Checks(), None), True),
        (False, (Again(BestOfN(2)), Ensemble((Checks(), Toyed())), None), False),
        (False, (BestOfN(2), adapt(Silent()), None), True),
        (False, (BestOfN(2), Ensemble((Checks(), adapt(Silent()))), None), True),
        (False, (BestOfN(2), adapt(Says()), None), False),
    ],
)
def test_they_are_kept_where_something_may_read_them(kept: bool, readers: Any, expected: bool):
    assert with_logprobs(HF(), kept, *readers).logprobs is expected
    assert with_logprobs(HF(logprobs=False), kept, *readers).logprobs is False


def test_a_policy_that_writes_in_a_way_of_its_own_keeps_them():
    class Own(HF):
        async def extend(self, *of: Any, **named: Any) -> Any:
            return await super().extend(*of, **named)

    assert without_logprobs(Own()).logprobs and without_logprobs(toy := Toy()) is toy

    class Named(HF):
        def __init__(self, name: str) -> None:
            super().__init__(name)

    named = Named("tiny")
    assert not without_logprobs(named).logprobs and named.logprobs


def test_a_prior_of_log_probabilities_that_are_not_there_is_an_error():
    class Bare(Toy):
        async def extend(self, *of: Any, **named: Any) -> Extension:
            told = await super().extend(*of, **named)
            bare = tuple(tuple(replace(step, logprobs=()) for step in steps) for steps in told.continuations)
            return told._replace(continuations=bare)

    with pytest.raises(PolicyError, match="prior=logprob reads log-probabilities, and the policy gives none"):
        grown(Bare(), MCTS(prior=Prior.LOGPROB), Checks())


@pytest.mark.parametrize(("words", "kept"), [([], False), (["json=tree.json"], True), (["scorer=self"], True)])
def test_solve_keeps_them_where_the_tree_is_saved(
    words: list[str], kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    asked: list[bool] = []
    extend = Writing.extend

    async def spied(self: Writing, *of: Any, **named: Any) -> Extension:
        asked.append(self.logprobs)
        return await extend(self, *of, **named)

    monkeypatch.setattr(Writing, "extend", spied)
    assert run("solve", "(1 + 2) =", "search=best_of_n", "search.n=1", "scorer=checks", *words) == 0
    assert asked and set(asked) == {kept}
    if "json=tree.json" in words:
        assert len(Tree.loads(Path("tree.json").read_text()).leaves()[0].steps()[0].logprobs) > 0


@pytest.mark.parametrize(("words", "kept"), [([], {False}), (["trees=true"], {True})])
def test_a_sweep_keeps_them_where_trees_are_saved(
    words: list[str], kept: set[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "cells", lambda searchers, policy, *of: pytest.fail(str({policy.logprobs})))
    with pytest.raises(pytest.fail.Exception, match=str(kept)):
        run("sweep", "problems.limit=1", "searchers=best_of_n", "scorer=checks", *words)


def test_steps_written_by_an_engine_hold_none_rather_than_zeros():
    tree = grown(without_logprobs(HF(dtype="float32")), BestOfN(1), Checks())
    steps = [node.step for node in tree.nodes() if node.step]
    assert steps and all(len(step.logprobs) == 0 and step.entropy is None for step in steps)


def test_the_server_keeps_them_for_a_tree_that_is_asked_for():
    server = pytest.importorskip("tests.serving")
    from experiments.serving.schema import read_chat
    from experiments.serving.searching import plan

    parts = server.served("policy=hf", "scorer=checks")
    for tree in (False, True):
        asked = read_chat(json.dumps(server.body(stepsearch={"tree": tree})).encode())
        policy: Any = plan(asked, parts.engines, parts.models).policy
        assert policy.logprobs is tree
