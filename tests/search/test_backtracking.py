"""Stochastic backtracking: its choices by replay, what its random part is good for, and when it ends."""

from collections import Counter

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Backtracking, Kind, KindError, Node
from tests.helpers import run
from tests.worlds import Short, Walk, by_text, leaf, place, world


@pytest.mark.parametrize("seed", range(4))
def test_with_a_share_of_one_the_best_of_the_pool_go_on(seed: int) -> None:
    tree = run(Backtracking(8, 2, subpool=10**6), Toy(3, 4), ToyScorer(3, 4, error=1.5), seed=seed)
    pool, drawn = list[Node](), list(tree.root.children.values())
    for event in tree.events("beam"):
        pool += [node for node in drawn if node.open]
        kept = sorted(pool, key=lambda node: (-(node.score or 0), -node.depth))[:4]
        assert event.data["kept"] == kept
        pool = [node for node in pool if node not in kept]
        drawn = [child for node in kept for child in node.children.values()]
    assert sum(leaf.finished for leaf in tree.leaves()) >= 8


@pytest.mark.slow
def test_the_best_of_a_random_part_goes_on() -> None:
    """Of 40 first steps, alike in number, the one that goes on is the better of two: `a` in 7 of 16 searches."""
    root = world(*(place(name, leaf(1), probability=0.25) for name in "abcd"))
    scores = by_text({"a": 0.9, "b": 0.7, "c": 0.5, "d": 0.3})
    chosen = Counter[str]()
    for seed in range(400):
        tree = run(Backtracking(40, 40, subpool=2, rounds=1), Walk(root=root), scores, seed=seed)
        (event,) = tree.events("beam")
        chosen.update(node.text().strip() for node in event.data["kept"])
    shares = [chosen[name] / 400 for name in "abcd"]
    assert shares == pytest.approx([7 / 16, 5 / 16, 3 / 16, 1 / 16], abs=0.1)  # four standard errors


def test_nothing_is_gone_on_from_twice_and_it_ends_where_the_pool_is_empty() -> None:
    policy = Short(root=place("", place("on", place("on", leaf(1)))), limit=2)
    tree = run(Backtracking(8, 2), policy, by_text({"on": 0.5}))
    kept = [node for event in tree.events("beam") for node in event.data["kept"]]
    assert len(kept) == len(set(kept)) == 8 and tree.stopped == "done"
    assert all(leaf.truncated for leaf in tree.leaves())


def test_it_goes_broad_where_values_fall_and_its_rounds_end_it() -> None:
    deep = leaf(1)
    for step in range(20):
        deep = place(f"step {step}", deep)
    falling = by_text({f"step {step}": step / 20 for step in range(20)})
    tree = run(Backtracking(4, 2, subpool=10**6, rounds=6), Walk(root=world(deep)), falling)
    kept = [node.depth for event in tree.events("beam") for node in event.data["kept"]]
    assert len(kept) == 12 and max(kept) < 4


def test_an_outcome_scorer_judges_no_steps() -> None:
    with pytest.raises(KindError, match="backtracking"):
        run(Backtracking(), Toy(), by_text({}, Kind.OUTCOME))
