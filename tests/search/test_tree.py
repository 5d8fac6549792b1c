"""The tree: identity, reserved indices, lossless JSON, a graph, views at a budget, memory."""

import math
import tracemalloc
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Budget, End, Grower, Kind, Ledger, Node, ParticleFilter, Reduction, Step, Tree
from tests.helpers import PARALLEL, Counted, run


def add(
    node: Node, text: str, score: float | None = None, end: End = End.DELIMITER, birth: Ledger | None = None
) -> Node:
    child = node.add(node.reserve(1).start, Step(text, (len(text),), (-0.5,), end))
    child.score, child.birth = score, birth
    return child


def same(left: Tree, right: Tree) -> bool:
    return left.to_json() == right.to_json() and left.dumps() == right.dumps()


def test_a_node_is_its_path() -> None:
    tree = Tree("q")
    a = add(tree.root, "a")
    b = add(a, "b")
    c = add(a, "c", end=End.EOS)
    assert (a.path, b.path, c.path) == ((0,), (0, 0), (0, 1))
    assert (tree.root.depth, c.depth) == (0, 2)
    assert tree[0, 1] is c and tree[()] is tree.root
    assert [node.path for node in tree.nodes()] == [(0,), (0, 0), (0, 1)]
    assert c.text() == "ac" and c.token_ids() == [1, 1] and c.line() == [a, c]
    assert b.open and not c.open and c.finished and not c.truncated


def test_an_index_is_reserved_before_it_is_taken() -> None:
    root = Tree("q").root
    first, second = root.reserve(2), root.reserve(1)
    assert (list(first), list(second)) == ([0, 1], [2])
    root.add(2, Step("late"))
    with pytest.raises(ValueError, match="child 2"):
        root.add(2, Step("again"))
    with pytest.raises(ValueError, match="child 3"):
        root.add(3, Step("never reserved"))


def test_value_of_a_path_by_reduction() -> None:
    node = Tree("q").root
    for score in (0.5, 0.2, 0.8):
        node = add(node, "x", score)
    expected = {
        Reduction.LAST: 0.8,
        Reduction.MIN: 0.2,
        Reduction.PRODUCT: 0.08,
        Reduction.MEAN: 0.5,
        Reduction.SUM: 1.5,
    }
    assert {reduction: node.value(reduction) for reduction in Reduction} == pytest.approx(expected)
    assert node.tree.root.value(Reduction.LAST) is None and node.tree.root.value(Reduction.MIN) is None
    unscored = add(node, "x")
    assert unscored.value(Reduction.LAST) is None and unscored.value(Reduction.MEAN) is None


@pytest.mark.parametrize("name", PARALLEL)
def test_json_keeps_a_whole_search(name: str) -> None:
    tree = run(PARALLEL[name], Toy(), ToyScorer())
    assert same(Tree.loads(tree.dumps()), tree)


def test_json_keeps_a_search_that_was_cut_off() -> None:
    scorer, tree = Counted(ToyScorer(), fail_at=8), Tree("question")
    with pytest.raises(RuntimeError):
        run(MCTS(simulations=9), Toy(), scorer, tree=tree)
    assert tree.stopped == "error" and any(node.birth is None for node in tree.nodes())
    assert same(Tree.loads(tree.dumps()), tree)
    stopped = run(ParticleFilter(n=8), Toy(), ToyScorer(), Budget(generated_tokens=13, flops=1e9))
    assert stopped.stopped == "budget"
    again = Tree.loads(stopped.dumps())
    assert same(again, stopped) and again.budget == stopped.budget and again.ledger == stopped.ledger


def test_json_keeps_gaps_entropy_and_any_text() -> None:
    tree = Tree("half a pair \udc80, NUL \0, 你好, 𝔸", seed=2**62, kind=Kind.ADDITIVE)
    tree.root.reserve(5)
    tree.root.stats["visits"] = 3
    steps = [
        Step("\ud83d", (1, 2), (-0.1, -1e-17), End.STEP_TOKENS, (0.1, 2 / 3)),
        Step("", (), (), End.EOS, None),
        Step("\x1b\u2028", (2**31 - 1,), (-700.0,), End.CONTEXT, ()),
    ]
    for index, step in zip((4, 1, 3), steps, strict=True):
        tree.root.add(index, step).stats |= {"q": None, "prior": 0.1 + 0.2, "rollout": True}
    tree.root.children[4].birth = Ledger(flops=None, seconds=0.1)
    text = tree.dumps()
    again = Tree.loads(text)
    assert text.isascii() and same(again, tree)
    assert {i: node.step for i, node in again.root.children.items()} == dict(zip((4, 1, 3), steps, strict=True))
    assert again.root.reserve(1).start == 5 and again.root.children[4].birth == Ledger(flops=None, seconds=0.1)


def test_json_is_strict() -> None:
    tree = Tree("q")
    with pytest.raises(ValueError, match="format 0"):
        Tree.from_json(tree.to_json() | {"format": 0})
    tree.root.stats["q"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        tree.dumps()


def test_graph_has_the_trees_edges_and_goes_through_graphml(tmp_path: Path) -> None:
    tree = run(MCTS(simulations=12), Toy(), ToyScorer())
    add(tree.root, 'a \0 NUL, half a pair \ud83d, & < > "', score=0.5)
    graph = tree.graph()
    names = {node: ".".join(map(str, node.path)) or "root" for node in [tree.root, *tree.nodes()]}
    assert isinstance(graph, nx.DiGraph) and nx.is_arborescence(graph)
    assert set(graph.edges) == {(names[node.parent], names[node]) for node in tree.nodes() if node.parent}
    assert set(graph.nodes) == set(names.values())
    assert graph.nodes["0"]["score"] == tree[0,].score and graph.nodes["0"]["stats.visits"] == tree[0,].stats["visits"]
    nx.write_graphml(graph, tmp_path / "tree.graphml")
    again = nx.read_graphml(tmp_path / "tree.graphml")
    assert set(again.edges) == set(graph.edges)
    assert again.nodes[names[list(tree.nodes())[-1]]]["text"] == 'a \ufffd NUL, half a pair \ufffd, & < > "'


def test_the_tree_as_it_stood_at_a_budget() -> None:
    tree = Tree("q", budget=Budget(generated_tokens=30))
    early = add(tree.root, "early", 0.1, End.EOS, Ledger(samples=1, generated_tokens=10))
    exact = add(tree.root, "exact", 0.2, End.MAX_STEPS, Ledger(samples=2, generated_tokens=20))
    late = add(tree.root, "late", 0.3, End.EOS, Ledger(samples=3, generated_tokens=31))
    add(tree.root, "never born", end=End.EOS)
    assert tree.born() == tree.leaves() == [early, exact]
    assert tree.born(Budget(generated_tokens=20)) == [early, exact]
    assert tree.born(Budget(generated_tokens=19)) == tree.born(Budget(samples=1)) == [early]
    assert tree.born(Budget()) == [early, exact, late]


def test_a_step_takes_less_than_five_kilobytes() -> None:
    rng = np.random.default_rng(0)
    tracemalloc.start()
    tree = Tree("q")
    nodes = [tree.root]
    for count in range(2_000):
        parent = nodes[int(rng.integers(len(nodes)))]
        ids, logprobs = rng.integers(1000, 150_000, 30).tolist(), (-rng.exponential(size=30)).tolist()
        step = Step(f"step {count}: " + "x" * 90 + "\n\n", tuple(ids), tuple(logprobs))
        node = parent.add(parent.reserve(1).start, step)
        node.score, node.birth = float(rng.random()), Ledger(generated_tokens=30 * count, flops=1e9 * count)
        node.stats |= {"visits": count, "prior": float(rng.random()), "q": float(rng.random()), "backed_up": count}
        nodes.append(node)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(1 for _ in tree.nodes()) == 2_000
    assert 1_000 < size / 2_000 < 5_000  # of which the 30 ids and log-probabilities take about 2,400


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"ess": np.int64(3)}, r"event population.ess holds np.int64\(3\), a int64; it must be plain JSON"),
        ({"below": {"weights": np.zeros(2)}}, r"event population.below.weights holds array\(\[0., 0.\]\), a ndarray"),
        ({"weights": [0.5, math.nan]}, "event population.weights is nan; it must be a finite number"),
        ({"below": {1: 2}}, "a key of event population.below is 1; it must be a text"),
    ],
)
def test_an_event_that_cannot_be_written_is_refused_when_it_is_noted(data: dict[str, Any], message: str) -> None:
    tree = Tree("q")
    with pytest.raises(ValueError, match=message):
        Grower(tree, Toy(), ToyScorer()).note("population", **data)
    assert not tree.record
    Grower(tree, Toy(), ToyScorer()).note("population", nodes=[tree.root], ess=np.float64(0.5), none=None)
    again = Tree.loads(tree.dumps())
    assert again.record[0].data == {"nodes": [again.root], "ess": 0.5, "none": None}
