"""Values that go on from the parent's are those of the whole path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import Reduction, Step, Tree
from search.tree.values import Values

SCORES = st.lists(st.floats(-1e20, 1e20), min_size=1, max_size=12)


@given(st.lists(SCORES, min_size=1, max_size=4), st.sampled_from(Reduction), st.randoms(use_true_random=False))
def test_they_are_those_of_a_walk_in_any_order(lines: list[list[float]], reduction: Reduction, rng: object) -> None:
    tree = Tree("q")
    for scores in lines:
        node = tree.root
        for score in scores:
            node = node.add(node.reserve(1).start, Step("x"))
            node.score = score
    nodes = list(tree.nodes())
    rng.shuffle(nodes)  # pyright: ignore
    values = Values(reduction)
    assert [values(node) for node in nodes] == [node.value(reduction) for node in nodes]


@pytest.mark.parametrize("reduction", Reduction)
def test_without_a_score_there_is_none_until_it_is_there(reduction: Reduction) -> None:
    tree, values = Tree("q"), Values(reduction)
    first = tree.root.add(tree.root.reserve(1).start, Step("a"))
    second = first.add(first.reserve(1).start, Step("b"))
    second.score = 0.5
    assert values(tree.root) is None and values(first) is None
    assert values(second) == (0.5 if reduction is Reduction.LAST else None)
    first.score = 0.25
    assert values(second) == second.value(reduction) is not None
