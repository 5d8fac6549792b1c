"""Which of several policies writes the next step, against closed forms."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from policies.choosing import Bandit, Choice, by_uncertainty, uncertainty
from policies.several import Several
from policies.toy import Toy
from search import MCTS, Kind, Node, Step, Tree
from search.errors import KindError, PolicyError
from search.tree.cost import Ledger
from tests.helpers import run
from tests.worlds import by_text

NAMES = ("small", "large")


def test_uncertainty_is_the_mean_surprisal_of_the_tokens_that_were_written() -> None:
    step = Step("a", (1, 2, 3, 4), (0.0, -1.0, -3.0, 0.0), given=1, observed=1)
    assert uncertainty(step) == pytest.approx(2.0)
    assert uncertainty(replace(step, given=4, observed=0)) == 0
    with pytest.raises(PolicyError, match="rule=uncertainty reads log-probabilities, and small gives none"):
        uncertainty(Step("a", (1,), writer="small"))


@pytest.mark.parametrize(("surprisal", "chosen"), [(0.1, 0), (0.2, 1), (0.5, 1), (1.0, 2), (9.0, 2)])
def test_the_member_goes_on_whose_threshold_is_reached(surprisal: float, chosen: int) -> None:
    assert by_uncertainty(Step("a", (1,), (-surprisal,)), (0.2, 1.0)) == chosen
    assert by_uncertainty(None, (0.2, 1.0)) == 0, "the cheap one begins"


def judged(kind: Kind, scores: dict[str, Sequence[float]]) -> Tree:
    """A tree whose root has a judged child for each score, of these writers, and one that nobody has judged."""
    tree = Tree("q", kind=kind)
    for writer, values in scores.items():
        for score in values:
            child = tree.root.add(tree.root.reserve(1).start, Step("a\n\n", (1,), (-1.0,), writer=writer))
            child.score, child.birth = score, Ledger()
    tree.root.add(tree.root.reserve(1).start, Step("b\n\n", (1,), (-1.0,), writer="small"))
    return tree


def share(tree: Tree, node: Node | None = None) -> float:
    """How often the second member is chosen, of 400."""
    bandit = Bandit(node or tree.root, NAMES)
    return float(np.mean([bandit.choose(seed) for seed in range(400)]))


def test_a_bandit_takes_each_member_as_often_as_it_is_the_better_one() -> None:
    """Of 400 draws, whose share is off by 0.025 in the mean: four standard deviations are allowed."""
    assert share(judged(Kind.VALUE, {})) == pytest.approx(0.5, abs=0.1)
    # beta(1/2 + 2, 1/2) against the prior beta(1/2, 1/2), by 200,000 draws
    rng = np.random.default_rng(0)
    exact = float(np.mean(rng.beta(0.5, 0.5, 200_000) > rng.beta(2.5, 0.5, 200_000)))
    two = judged(Kind.VALUE, {"small": [1.0, 1.0]})
    assert share(two) == pytest.approx(exact, abs=0.1)
    assert share(two, two.root.children[2]) == pytest.approx(exact, abs=0.1), "nodes above count"
    assert share(judged(Kind.VALUE, {"small": [0.0] * 9, "large": [1.0] * 9})) == 1
    assert share(judged(Kind.ADDITIVE, {"small": [-7.0] * 9, "large": [5.0] * 9})) == 1, "between lowest and highest"
    assert Bandit(two.root, NAMES).choose(0, greedy=True) == 0
    with pytest.raises(KindError):
        share(judged(Kind.RANKING, {}))


def test_equal_samples_of_two_members_are_two_nodes_so_that_a_bandit_knows_both() -> None:
    tree = run(MCTS(simulations=64), Several((Toy(), Toy()), NAMES, Choice.BANDIT), by_text({}, Kind.VALUE), seed=1)
    twins = [
        {child.step.writer for child in node.children.values() if child.step and child.step.text == text}
        for node in [tree.root, *tree.nodes()]
        for text in {child.step.text for child in node.children.values() if child.step}
    ]
    assert set(NAMES) in twins
    samples = [(child.step.text, child.step.writer) for child in tree.root.children.values() if child.step]
    assert len(samples) == len(set(samples)), "equal samples of one member are one"
