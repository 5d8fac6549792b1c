"""The tree's file: small, lossless, strict; format 1 still reads."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Beam, Budget, Ledger, Node, ParticleFilter, Selection, Step, Tree
from search.tree import Event
from tests.helpers import run

OLD = Path(__file__).parent / "format_1"


def chain_of(n: int, tokens: int) -> Tree:
    """A tree of n nodes, ten to a path, a birth each."""
    rng = np.random.default_rng(0)
    ids, reals = rng.integers(0, 150_000, tokens).tolist(), (-rng.exponential(size=tokens)).tolist()
    tree = Tree("q")
    node = tree.root
    for number in range(n):
        node = node if number % 10 else tree.root
        node = node.add(node.reserve(1).start, Step("x", ids, reals, entropy=reals))
        node.score = float(rng.random())
        node.birth = Ledger(number // 10, number * tokens, policy_calls=number, flops=1e12 * number, seconds=number / 7)
    return tree


@pytest.mark.parametrize("name", ["beam", "mcts", "particle_filter"])
def test_format_1_still_reads(name: str) -> None:
    text = (OLD / f"{name}.json").read_text()
    old, tree = json.loads(text), Tree.loads(text)
    nodes = {tuple(entry["path"]): entry for entry in old["nodes"]}
    assert [node.path for node in tree.nodes()] == list(nodes)
    for node in tree.nodes():
        entry, step = nodes[node.path], node.step
        assert step is not None and node.birth == Ledger(**entry["birth"])
        assert (step.text, step.end, node.score, node.stats) == tuple(
            entry[k] for k in ("text", "end", "score", "stats")
        )
        assert step.token_ids == entry["token_ids"] and step.logprobs == pytest.approx(entry["logprobs"], rel=1e-7)
        assert node.reserve(0).start == entry["reserved"]
    assert [event.name for event in tree.record] == [event["name"] for event in old["record"]]
    for event, entry in zip(tree.record, old["record"], strict=True):
        for field in ("kept", "nodes"):
            if field in entry["data"]:
                assert [list(node.path) for node in event.data[field]] == entry["data"][field]
    assert Selection()(tree).answer is not None and Tree.loads(tree.dumps()).to_json() == tree.to_json()


def test_events_name_nodes_anywhere_and_keep_any_data() -> None:
    tree = Tree("q")
    first, second = (tree.root.add(index, Step("x")) for index in tree.root.reserve(2))
    second.sources = (first.path,)
    data = {
        "one": second,
        "deep": {"list": [1, [first, {"again": second}], None], "root": tree.root},
        "many": [first, second, first],
        "words": [{"node": 3}, {"nodes": [0]}, {"plain": {"node": 1}}, {"node": first, "nodes": []}, {"node": first}],
    }
    tree.record.append(Event("anything", Ledger(samples=1), data))
    again = Tree.loads(tree.dumps())
    (event,) = again.record
    a, b = again[0,], again[1,]
    assert event.birth == Ledger(samples=1) and b.sources == ((0,),)
    assert event.data == {
        "one": b,
        "deep": {"list": [1, [a, {"again": b}], None], "root": again.root},
        "many": [a, b, a],
        "words": [{"node": 3}, {"nodes": [0]}, {"plain": {"node": 1}}, {"node": a, "nodes": []}, {"node": a}],
    }


def test_steps_that_are_not_all_the_policys_are_kept() -> None:
    tree = Tree("q")
    step = Step("x", (1, 2, 3), (-1.0, -2.0, -3.0), given=1, observed=1, closing=1, action="check")
    tree.root.add(tree.root.reserve(1).start, step)
    assert Tree.loads(tree.dumps())[0,].step == step


@pytest.mark.slow
def test_a_large_file_is_small_and_written_and_read_fast() -> None:
    tree = chain_of(20_000, 100)
    start = time.process_time()
    text = tree.dumps()
    again = Tree.loads(text)
    assert time.process_time() - start < 4.0
    assert text.isascii() and len(text) / (20_000 * 100) <= 20
    assert again.dumps() == text


def test_many_budgets_are_read_off_one_tree_fast() -> None:
    tree = chain_of(20_000, 1)
    start = time.process_time()
    sizes = [len(tree.born(Budget(generated_tokens=100 * count))) for count in range(1, 201)]
    for count in range(1, 201):
        tree.leaves(Budget(generated_tokens=100 * count))
        tree.events("any", Budget(generated_tokens=100 * count))
    assert time.process_time() - start < 1.0
    assert sizes == [100 * count + 1 for count in range(1, 200)] + [20_000]


def test_a_birth_is_seen_at_once() -> None:
    tree = chain_of(20, 1)
    late = tree.root.add(tree.root.reserve(1).start, Step("late"))
    assert late not in tree.born()
    late.birth = Ledger()
    assert late in tree.born()


def test_unknown_flops_cannot_be_limited() -> None:
    tree = chain_of(3, 1)
    tree[0,].birth = Ledger(flops=None)
    assert len(tree.born(Budget(samples=9))) == 3
    with pytest.raises(ValueError, match=r"budget\.flops"):
        tree.born(Budget(flops=1.0))


def test_a_tree_and_a_node_are_shown_in_one_short_line() -> None:
    tree = run(ParticleFilter(n=8), Toy(), ToyScorer(), tree=Tree("question\n" * 100))
    assert "\n" not in repr(tree) and len(repr(tree)) < 150 and repr(tree).startswith("Tree('question")
    assert repr(tree[0,]).startswith("Node(0, score=")


def test_a_node_without_children_and_stats_has_no_dictionaries() -> None:
    node = Tree("q").root
    with pytest.raises(TypeError):
        node.children[0] = node  # type: ignore[index]
    assert not node.has_stats and not node.children
    node.stats["x"] = 1
    assert Tree("q").root.stats == {} and node.has_stats


def test_statistics_have_names_of_their_own_in_the_graph() -> None:
    tree = chain_of(1, 1)
    tree[0,].stats |= {"text": "mine", "score": 7, "end": "never", "born": "today", "list": [1]}
    attributes = tree.graph().nodes["0"]
    assert attributes["text"] == "x" and attributes["score"] == tree[0,].score and attributes["born"] is True
    assert attributes["stats.text"] == "mine" and attributes["stats.score"] == 7 and "stats.list" not in attributes


WRONG = [None, True, -1, 10**6, 1.5, math.inf, "wrong", [], ["wrong"], {}, {"wrong": 1}, [[[-1]]], 10**400]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def mutated(text: str, path: tuple[Any, ...], change: Any) -> Any:
    """The file with the value at `path` replaced, or taken away where `change` is `places` itself."""
    data = json.loads(text)
    if not path:
        return change
    place = data
    for key in path[:-1]:
        place = place[key]
    if change is places:
        del place[path[-1]]
    else:
        place[path[-1]] = change
    return data


def files() -> Iterator[str]:
    policy = Toy(branch=3, depth=2)
    for searcher in (Beam(4, 2), MCTS(simulations=4, in_flight=1), ParticleFilter(n=4, threshold=1.0)):
        yield run(searcher, policy, ToyScorer(), seed=1).dumps()
    yield from (path.read_text() for path in sorted(OLD.glob("*.json")))


@pytest.mark.parametrize("text", list(files()), ids=["beam", "mcts", "filter", "old beam", "old mcts", "old filter"])
def test_a_file_that_was_changed_is_read_or_refused_with_valueerror(text: str) -> None:
    random, refused = Random(0), 0
    changes = [(path, change) for path in places(json.loads(text)) for change in (places, *WRONG)]
    for path, change in random.sample(changes, min(len(changes), 1_000)):
        data = mutated(text, path, change)
        if data is places:
            continue
        try:
            json.dumps(Tree.from_json(data).to_json())
        except ValueError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("nodes", 1, "parent"), 5, r"nodes\[1\]: parent is 5"),
        (("nodes", 0, "text"), None, r"nodes\[0\]: text is None"),
        (("nodes", 0, "token_ids"), "AAA", r"nodes\[0\]: token_ids is not base64"),
        (("nodes", 0, "token_ids"), "AAA=", r"nodes\[0\]: token_ids: 2 bytes"),
        (("nodes", 0, "logprobs"), "AADAfw==", r"nodes\[0\]: logprobs.*nan"),
        (("nodes", 0, "end"), "never", r"nodes\[0\]: 'never' is not a valid End"),
        (("nodes", 0, "sources"), [[9]], r"nodes\[0\]: sources names \[9\]"),
        (("nodes", 0, "more"), 1, r"nodes\[0\]: the node has unknown fields: more"),
        (("ledgers", "joules"), [1], "ledgers has unknown fields: joules"),
        (("ledgers", "samples"), [1], "the columns of ledgers are not of one length"),
        (("ledger", "joules"), 1, "ledger has unknown fields: joules"),
        (("budget", "samples"), "many", "budget.samples is 'many'"),
        (("record", 0, "data", "kept"), {"nodes": [99]}, r"record\[0\]: node is 99"),
        (("format",), 3, "format 3"),
        (("nodes",), {}, "nodes is {}"),
    ],
)
def test_an_error_names_the_place(path: tuple[Any, ...], value: Any, message: str) -> None:
    text = run(Beam(4, 2), Toy(branch=3, depth=2), ToyScorer(), seed=1).dumps()
    with pytest.raises(ValueError, match=message):
        Tree.from_json(mutated(text, path, value))


@pytest.mark.parametrize("change", ["{} trailing", "", "[]", "null", "{", '{"format": NaN}', "[" * 100_000])
def test_a_text_that_is_no_tree_is_refused(change: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tree.loads(change)


def test_a_file_with_something_behind_it_is_refused() -> None:
    with pytest.raises(ValueError, match="Extra data"):
        Tree.loads(Tree("q").dumps() + "}")


def test_a_number_too_large_is_refused() -> None:
    node: Node = Tree("q").root
    node.stats["x"] = 1
    text = node.tree.dumps()  # type: ignore[attr-defined]
    assert '"x":1' in text
    with pytest.raises(ValueError, match=r"root\.stats\.x is inf"):
        Tree.loads(text.replace('"x":1', '"x":1e999'))
