"""Several policies on one tree: who writes which step, at whose price, and in whose tokens."""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from policies.choosing import Choice, by_uncertainty
from policies.conformance import check_policy
from policies.hf import HF
from policies.openai import OpenAI
from policies.several import Several
from policies.toy import Toy
from policies.vllm import VLLM
from scorers.toy import Toy as ToyScorer
from search import Ask, Beam, BestOfN, Budget, Cost, Extension, Kind, KnobError, Node, Step, Tree
from search.protocols import GO_ON, Policy
from search.tree.step import End
from search.trial import OldTrialPolicy
from tests.helpers import run
from tests.models import SERVED, vllm
from tests.search.golden import FOLDER
from tests.worlds import by_text

SCORES = by_text({}, Kind.VALUE)
NAMES = ("small", "large")


@dataclass(frozen=True)
class Dear(Toy):
    """The toy policy at ten times the price."""

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds, ask)
        costs = tuple(cost._replace(flops=10 * (cost.flops or 0)) for cost in extension.costs)
        return extension._replace(costs=costs, cost=sum(costs, Cost(calls=0, flops=0.0)))

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        cost = super().worst_case(node, max_steps)
        return cost._replace(flops=10 * (cost.flops or 0))


TOYS = Several((Toy(), Dear(temperature=2)), NAMES, thresholds=(1.0,))
BANDIT = replace(TOYS, rule=Choice.BANDIT)


@pytest.mark.parametrize("policy", [TOYS, BANDIT], ids=["uncertainty", "bandit"])
def test_it_keeps_a_policys_promises(policy: Policy) -> None:
    check_policy(policy)


@pytest.mark.parametrize("searcher", [BestOfN(8), Beam(8, 2)], ids=["solutions", "steps"])
def test_each_step_has_the_writer_that_the_step_before_asks_for_and_that_ones_price(searcher: Any) -> None:
    tree = run(searcher, TOYS, SCORES, seed=1)
    nodes = list(tree.nodes())
    for node in nodes:
        assert node.parent is not None and node.step is not None
        assert node.step.writer == NAMES[by_uncertainty(node.parent.step, (1.0,))]
    assert {node.step.writer for node in nodes if node.step} == set(NAMES)
    prices = {"small": 1.0, "large": 10.0}  # a token; a step reads the question and the path, and writes one
    spent = sum(prices[node.step.writer] * (1 + node.depth) for node in nodes if node.step)
    assert tree.ledger.flops == spent + (tree.ledger.scorer_flops or 0)
    assert Tree.loads(tree.dumps()).to_json() == tree.to_json(), "writers are kept in the file"


def test_a_budget_of_flops_and_of_tokens_holds() -> None:
    for policy in (TOYS, BANDIT):
        for budget in (Budget(generated_tokens=11), Budget(samples=3)):
            tree = run(Beam(8, 2), policy, SCORES, budget, seed=1)
            assert tree.stopped == "budget" and all(budget.covers(node.birth) for node in tree.born() if node.birth)
    tree = run(Beam(8, 2), BANDIT, ToyScorer(), Budget(flops=200), seed=1)
    assert (tree.ledger.flops or 0) <= 200 and any(leaf.finished for leaf in tree.leaves())


def test_older_policies_can_be_members() -> None:
    """They take no requests: a budget's limit is not told to them, and all else is refused."""
    policy = Several((OldTrialPolicy(), OldTrialPolicy()), NAMES, rule=Choice.BANDIT)
    tree = run(Beam(4, 2), policy, SCORES, Budget(generated_tokens=13))
    assert tree.stopped == "budget" and {node.step.writer for node in tree.nodes() if node.step} == set(NAMES)
    with pytest.raises(KnobError, match="takes no request with action, hint; choose another member"):
        run(Beam(4, 2, actions=str(FOLDER / "actions.jsonl")), policy, SCORES)


def test_a_member_that_takes_no_requests_may_write_more_than_the_limit_and_the_next_one_is_not_asked() -> None:
    class Long(OldTrialPolicy):
        """Writes steps of three tokens."""

        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
            steps = (Step("a\n\n", (1, 2, 3), (-9.0,) * 3),)
            return Extension((steps,) * n, Cost(3 * n, 1, calls=1, flops=0.0))

    policy = Several((Long(), Long()), NAMES)
    extension = asyncio.run(policy.extend(Tree("q").root, 1, None, [5], Ask(max_tokens=2)))
    assert [step.end for step in extension.continuations[0]] == [End.MAX_TOKENS]


def test_a_rule_may_be_a_text() -> None:
    policy: Any = Several((Toy(), Toy()), NAMES, rule="bandit", thresholds=())  # pyright: ignore[reportArgumentType]
    assert len(asyncio.run(policy.extend(Tree("q").root, 1, None, [5])).continuations[0]) == 4
    with pytest.raises(ValueError, match="bandits"):
        Several((Toy(), Toy()), NAMES, rule="bandits")  # pyright: ignore[reportArgumentType]


def test_a_limit_of_tokens_is_one_of_the_whole_continuation() -> None:
    extension = asyncio.run(TOYS.extend(Tree("q").root, 1, None, [5], Ask(max_tokens=2)))
    ((first, last),) = extension.continuations
    assert first.open and last.end is End.MAX_TOKENS


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Several((Toy(),), ("a",)), "give two members or more, each of another name, not ['a']"),
        (lambda: Several((Toy(), Toy()), ("a", "a")), "each of another name, not ['a', 'a']"),
        (lambda: Several((Toy(), Toy()), NAMES, thresholds=(2.0, 1.0)), "2 members need 1"),
        (lambda: Several((Toy(), Toy(), Toy()), (*NAMES, "c"), thresholds=(2.0, 1.0)), "in nats, >= 0 and rising"),
        (lambda: Several((Toy(), Toy()), NAMES, thresholds=(math.nan,)), "thresholds is [nan]"),
        (lambda: Several((Toy(), OpenAI("m")), NAMES), "reads log-probabilities, and large tells none"),
        (lambda: Several((Toy(), Toy(branch=2)), NAMES).tokens, "small (Toy) reads only tokens of its own"),
        (lambda: Several((HF(), HF("tiny-thinking")), NAMES).tokens, "large thinks before it answers and small"),
        (lambda: Several((HF(), HF(wait=2)), NAMES).tokens, "large has a wait and small none"),
    ],
)
def test_members_that_do_not_fit_are_refused_in_words(make: Any, message: str) -> None:
    with pytest.raises(KnobError, match=re.escape(message)):
        make()


def test_a_floor_is_refused() -> None:
    from search.tree.confidence import Floor

    with pytest.raises(KnobError, match="no request with floor"):
        asyncio.run(TOYS.extend(Tree("q").root, 1, None, [5], Ask(floor=Floor(-1.0, 2))))


# models

KNOBS: Any = {"max_steps": 3, "max_step_tokens": 4, "max_tokens": 9}


@pytest.fixture(scope="module")
def other(random_policy: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The random model with another tokenizer: the same bytes have other ids."""
    import shutil

    folder = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(random_policy, folder)
    file = Path(folder, "tokenizer.json")
    tokenizer = json.loads(file.read_text())
    vocab = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {text: (number + 64) % len(vocab) for text, number in vocab.items()}
    file.write_text(json.dumps(tokenizer))
    return str(folder)


def test_with_one_tokenizer_a_member_writes_what_it_would_write_alone(random_policy: str) -> None:
    """Also at a node that the other one wrote."""
    alone = HF(random_policy, temperature=0.5, **KNOBS)
    policy = Several((HF(random_policy, **KNOBS), alone), NAMES, thresholds=(0.0,))
    root = Tree("(1 + 2) =").root

    async def written() -> tuple[Extension, Extension]:
        ((step,),) = (await policy.extend(root, 1, 1, [1])).continuations
        node = root.add(root.reserve(1).start, step)
        return await policy.extend(node, 2, 1, [3, 4]), await alone.extend(node, 2, 1, [3, 4])

    ours, its = asyncio.run(written())
    assert ours.continuations == tuple(tuple(replace(s, writer="large") for s in w) for w in its.continuations)
    assert ours.cost == its.cost


def test_the_worst_case_holds_for_steps_of_both_members(random_policy: str) -> None:
    """A step of 8 tokens by the one and one of 5 by the other are more than either alone may write in two steps."""
    small = HF(random_policy, max_step_tokens=8, max_tokens=9)
    large = HF(random_policy, max_step_tokens=5, max_tokens=20)
    policy, root = Several((small, large), NAMES), Tree("(1 + 2) =").root
    assert [cost.generated for cost in (small.worst_case(root, 2), large.worst_case(root, 2))] == [9, 10]
    told = policy.worst_case(root, 2)
    assert told is not None and told.generated == 16
    whole = policy.worst_case(root, None)
    assert whole is not None and whole.generated == 20, "a path has one limit"


def test_with_two_tokenizers_each_reads_the_others_text_in_tokens_of_its_own(random_policy: str, other: str) -> None:
    small, large = HF(random_policy, **KNOBS), HF(other, **KNOBS)
    policy = Several((small, large), NAMES, rule=Choice.BANDIT)
    root = Tree("(1 + 2) =").root
    step = Step("3 <|im_end|> x\n\n", small.tokenizer.encode("3 <|im_end|> x\n\n"), (), writer="small")
    node = root.add(root.reserve(1).start, step)
    assert policy.reads(0, node) is node
    (copy,) = policy.reads(1, node).steps()
    assert copy.text == step.text and copy.token_ids != step.token_ids
    assert large.tokenizer.decode(list(copy.token_ids)) == step.text
    assert not set(copy.token_ids) & set(large.tokenizer.all_special_ids), "what looks like an end token is text"
    assert large.has_room(policy.reads(1, node))
    unsigned = root.add(root.reserve(1).start, replace(step, writer=""))
    for place, member in enumerate((small, large)):
        assert member.tokenizer.decode(list(policy.reads(place, unsigned).token_ids())) == step.text, "of whoever"


def test_a_search_with_two_tokenizers_runs_and_keeps_the_promises(random_policy: str, other: str) -> None:
    policy = Several((HF(random_policy, **KNOBS), HF(other, **KNOBS)), NAMES, thresholds=(1.0,))
    check_policy(policy, ["(1 + 2) ="])
    tree = run(Beam(4, 2), policy, SCORES)
    for node in tree.nodes():
        assert node.step is not None
        writer = policy.of[NAMES.index(node.step.writer)]
        assert isinstance(writer, HF)
        assert max(node.step.token_ids) < len(writer.tokenizer)


def test_a_path_that_fills_a_members_context_goes_to_one_that_has_room(random_policy: str, tmp_path: Path) -> None:
    import shutil

    short = tmp_path / "short"
    shutil.copytree(random_policy, short)
    config = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 30}))
    policy = Several((HF(str(short), **KNOBS), HF(random_policy, **KNOBS)), NAMES, thresholds=(99.0,))
    root = Tree("(1 + 2) =").root
    node = root.add(root.reserve(1).start, Step("x" * 30, [65] * 30, [-0.1] * 30, End.STEP_TOKENS, writer="small"))
    ((step,),) = asyncio.run(policy.extend(node, 1, 1, [1])).continuations
    assert step.writer == "large"


@vllm
def test_members_on_vllm_write_one_tree_with_hints_and_actions(tmp_path: Path) -> None:
    """The shipped model twice, one of them hot and with hints."""
    bank = tmp_path / "bank.jsonl"
    bank.write_text(json.dumps({"problem": "(3 + 4) =", "solution": "3 + 4\n\n7"}))
    knobs: Any = {"dtype": "float32", "max_tokens": 60, **SERVED}
    members = VLLM(**knobs), VLLM(temperature=2, hints=str(bank), **knobs)
    for policy in (Several(members, NAMES, thresholds=(0.01,)), Several(members, NAMES, Choice.BANDIT)):
        tree = run(Beam(4, 2, actions=str(FOLDER / "actions.jsonl")), policy, SCORES)
        steps = [node.step for node in tree.nodes() if node.step]
        assert {step.writer for step in steps} == set(NAMES) and {step.action for step in steps} > {"rephrase", "step"}
        assert (tree.ledger.flops or 0) > 0 and tree.ledger.prompt_tokens_cached > 0
