"""Labels in worlds whose prefix values are known: by completions, bisection, verdicts and leaves; what they cost."""

import math
from dataclasses import replace

import pytest

from experiments.labels.agreement import agreement, consensus
from experiments.labels.counting import count
from experiments.labels.labels import Labelled, Labels, Method, first_wrong, total
from experiments.labels.prefixes import Prefixes, chosen, prefixes
from experiments.labels.reading import READERS, read_verdicts
from experiments.labels.searchers import Binary, MonteCarlo, Unjudged, Verdicts
from experiments.labels.sources import Searched
from policies.engines.world import Place
from search import Ledger, Node, Step, Tree
from search.tree.step import End
from tests.helpers import run as searched
from tests.worlds import UNEVEN, Values, Walk, chain, leaf, place, world

RIGHT = "\\boxed{1}"
DEEP = world(chain("s", 7, place("last", leaf(1, 1.0, 0.5), leaf(2, 0.0, 0.5))))


def slip(length: int, at: int) -> Place:
    """A chain of steps in which step `at` may be wrong: after it no solution is right, before it every other one is."""

    def below(depth: int) -> tuple[Place, ...]:
        if depth == length:
            return (leaf(1, 1.0),)
        if depth == at:
            return place("right", *below(depth + 1), probability=0.5), chain("wrong", length - at, leaf(2), 0.5)
        return (place(f"s{depth}", *below(depth + 1)),)

    return world(*below(0))


def is_right(node: Node) -> bool:
    return node.finished and node.text().endswith(RIGHT)


def solution(root: Place, *path: int) -> Node:
    """The leaf at a path of the world, as a search's tree would have it."""
    tree, at = Tree("question"), root
    node = tree.root
    for index in path:
        at = at.children[index]
        node = node.add(index if node.reserve(index + 1) else 0, Step(at.text, (index,), (0.0,), _end(at)))
        node.birth = Ledger()
    return node


def _end(at: Place) -> End:
    return End.DELIMITER if at.children else End.ANSWER


def labelled(method: Method, root: Place, leaves: list[Node], k: int) -> tuple[Prefixes, list[Labelled]]:
    given = prefixes("question", 0, leaves, is_right, None, born=True)
    searcher = MonteCarlo(given, k) if method is Method.MONTE_CARLO else Binary(given, k, is_right)
    searched(searcher, Walk(root=root), Unjudged(), tree=given.tree)
    return given, list(READERS[method](given, is_right))


def test_monte_carlo_estimates_the_known_values():
    """400 completions of each prefix: every value within four standard errors of the exact one."""
    paths = [(0, 1), (1, 0), (1, 1, 1), (2,)]
    root = world(
        *[replace(child, children=tuple(_judged(below) for below in child.children)) for child in UNEVEN.children]
    )
    leaves = [solution(root, *path) for path in paths]
    _, solutions = labelled(Method.MONTE_CARLO, root, leaves, 400)
    checked = 0
    for path, each in zip(paths, solutions, strict=True):
        at = root
        for index, value in zip(path[:-1], each.values, strict=False):
            at = at.children[index]
            error = math.sqrt(at.value * (1 - at.value) / 400)
            assert value == pytest.approx(at.value, abs=4 * error + 1e-9)
            checked += 0 < at.value < 1
        assert each.values[-1] in (0, 1) and each.rollouts[:-1] == (400,) * (len(path) - 1)
    assert checked >= 2, "some value is strictly between 0 and 1"


def _judged(at: Place) -> Place:
    """The place with leaves that are right or wrong and say so."""
    if at.children:
        return replace(at, children=tuple(map(_judged, at.children)))
    right = at.worth > 0.4
    return replace(at, text=RIGHT if right else f"{at.text} no", worth=float(right))


@pytest.mark.parametrize(("length", "at"), [(4, 0), (5, 2), (8, 7), (9, 5), (1, 0)])
def test_binary_finds_the_first_wrong_step_at_the_cost_of_a_bisection(length: int, at: int):
    root = slip(length, at)
    wrong = solution(root, *[0] * at, 1, *[0] * (length - at))
    full, (exhaustive,) = labelled(Method.MONTE_CARLO, root, [wrong], 32)
    given, (bisected,) = labelled(Method.BINARY, root, [wrong], 32)
    assert first_wrong(exhaustive.labels) == at == first_wrong(bisected.labels)
    assert bisected.labels[:at] == (True,) * at and set(bisected.labels[at + 1 :]) <= {None}
    steps = length + 1
    assert full.tree.ledger.samples == 32 * (steps - 1)
    assert 32 * math.floor(math.log2(steps)) <= given.tree.ledger.samples <= 32 * math.ceil(math.log2(steps))
    asked = [n for n in bisected.rollouts[:-1] if n]
    assert [bisected.rollouts[p] for p in range(steps - 1) if bisected.rollouts[p]] == asked == [32] * len(asked)
    shared = [p for p in range(steps - 1) if bisected.rollouts[p]]
    assert [bisected.right[p] for p in shared] == [exhaustive.right[p] for p in shared], "the same draws"


def test_a_right_solution_needs_no_completion_and_lends_its_prefixes():
    root = slip(4, 2)
    right, wrong = solution(root, 0, 0, 0, 0, 0), solution(root, 0, 0, 1, 0, 0)
    given, solutions = labelled(Method.BINARY, root, [right, wrong], 8)
    assert [each.labels for each in solutions] == [(True,) * 5, (True, True, False, None, None)]
    assert given.tree.ledger.samples == 8, "steps 1 and 2 are the right solution's, too; step 3 alone is asked about"
    alone, _ = labelled(Method.BINARY, root, [right], 8)
    assert alone.tree.ledger.samples == 0


def test_no_step_is_right_after_a_wrong_one():
    """One completion a prefix: the first may fail and the next succeed; what goes on right was right before."""
    seen = 0
    for seed in range(30):
        end = solution(DEEP, *[0] * 8, 1)
        given = prefixes("question", seed, [end], is_right, None, born=True)
        searched(MonteCarlo(given, 1), Walk(root=DEEP), Unjudged(), tree=given.tree)
        (each,) = READERS[Method.MONTE_CARLO](given, is_right)
        assert list(each.labels) == sorted(map(bool, each.labels), reverse=True)
        seen += sorted(each.values, reverse=True, key=bool) != list(each.values)
    assert seen > 10, "the completions alone were not in that order"


def test_prefixes_that_solutions_share_are_completed_once():
    root = slip(4, 2)
    leaves = [solution(root, 0, 0, 0, 0, 0), solution(root, 0, 0, 1, 0, 0), solution(root, 0, 0, 1, 0, 0)]
    given, solutions = labelled(Method.MONTE_CARLO, root, chosen(leaves, None, 0), 3)
    assert len(solutions) == 2
    assert given.tree.ledger.samples == 3 * (2 + 2 + 2)
    assert len(chosen(leaves, 1, 0)) == 1
    assert {chosen(leaves, 1, seed)[0].path for seed in range(20)} == {leaves[0].path, leaves[1].path}


def test_a_thought_has_no_label():
    end = solution(slip(2, 1), 0, 0, 0)
    assert end.parent and end.parent.parent and end.parent.parent.step
    thought = replace(end.parent.parent.step, thought=True)
    tree = Tree("question")
    node = tree.root.add(tree.root.reserve(1).start, thought)
    for step in end.steps()[1:]:
        node = node.add(node.reserve(1).start, step)
    given = prefixes("question", 0, [node], is_right, None, born=True)
    searched(MonteCarlo(given, 2), Walk(root=slip(2, 1)), Unjudged(), tree=given.tree)
    (each,) = READERS[Method.MONTE_CARLO](given, is_right)
    assert len(each.steps) == 2 and given.tree.ledger.samples == 2


def test_verdicts_are_the_scorers():
    root = slip(3, 1)
    end = solution(root, 0, 1, 0, 0)
    given = prefixes("question", 0, [end], is_right, None, born=False)
    tree = searched(Verdicts(given), Walk(root=root), Values(root=root), tree=given.tree)
    (each,) = read_verdicts(given, 0.5)
    assert each.values == (0.5, 0.0, 0.0, 0.0) and each.labels == (True, False, False, False)
    assert (tree.ledger.samples, tree.ledger.scorer_tokens_computed) == (0, 4) and each.estimator == "critic"


# what trees say


def grown(paths: list[tuple[int, ...]], seed: int = 0, cut: tuple[int, ...] = ()) -> Tree:
    """A tree with these paths; step texts are the indices, an odd last one is wrong."""
    tree = Tree("question", seed)
    for path in paths:
        node = tree.root
        for depth, index in enumerate(path):
            if index in node.children:
                node = node.children[index]
                continue
            node.reserve(max(0, index + 1 - node.reserve(0).start))
            last = depth == len(path) - 1
            text = (RIGHT if index % 2 == 0 else "\\boxed{2}") if last else f"{index}\n\n"
            end = End.MAX_TOKENS if path == cut else End.ANSWER if last else End.DELIMITER
            node = node.add(index, Step(text, (index,), (0.0,), end))
            node.birth = Ledger()
    return tree


def test_leaves_are_counted_once_a_draw_and_samples_apart_from_searches():
    sampled = grown([(0, 0), (1, 1), (2, 0)])
    again = grown([(0, 0), (1, 1)])  # a smaller budget of the same seed: the same draws
    other = grown([(0, 1)], seed=1)
    solutions = list(count([Searched(sampled, True), Searched(again, True), Searched(other, True)], is_right, 2))
    assert [(s.steps[0], s.rollouts, s.right, s.labels) for s in solutions] == [
        ("0\n\n", (2, 1), (1, 1), (True, True)),
        ("1\n\n", (1, 1), (0, 0), (None, False)),
        ("2\n\n", (1, 1), (1, 1), (None, True)),
        ("0\n\n", (2, 1), (1, 0), (True, False)),
    ]
    mixed = list(count([Searched(sampled, True), Searched(again, False)], is_right, 1))
    assert [(s.estimator, s.rollouts) for s in mixed] == [("sample", (1, 1))] * 3 + [("search", (1, 1))] * 2


def test_cut_leaves_count_as_wrong_and_merged_ones_as_often_as_they_were_drawn():
    tree = grown([(0, 0), (0, 2)], cut=(0, 2))
    tree[(0, 0)].stats["count"] = 3
    (each,) = count([Searched(tree, False)], is_right, 2)
    assert (each.rollouts, each.right, each.values) == ((4, 3), (3, 3), (0.75, 1.0))


# the consensus


def labels(*solutions: Labelled, problem: str = "p", samples: int = 0) -> Labels:
    return Labels(problem, "question", "1", "monte_carlo", (), solutions, Ledger(samples=samples))


def steps(*known: bool | None) -> Labelled:
    """A solution with these labels, whose texts are told by their number."""
    values = tuple(None if label is None else float(label) for label in known)
    return Labelled(tuple(map(str, range(len(known)))), known, values, (0,) * len(known), (0,) * len(known), True)


def test_a_consensus_keeps_equal_first_errors_and_what_comes_before():
    estimates = [labels(steps(True, False, False), steps(True, True), samples=3), labels(steps(True), problem="only")]
    verdicts = [labels(steps(True, False, True), steps(True, False), samples=4)]
    assert agreement(estimates, verdicts) == (2, 1)
    (kept,) = consensus(estimates, verdicts)
    assert [each.labels for each in kept.solutions] == [(True, False, None)]
    assert kept.method == "consensus" and kept.ledger.samples == 7


def test_a_sum_of_ledgers_knows_what_all_know():
    assert total([Ledger(samples=1, flops=1.0), Ledger(samples=2, flops=None)]) == Ledger(samples=3, flops=None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"labels": (True,)}, "2 steps"),
        ({"rollouts": (1, 0), "right": (2, 0)}, "step 1: 2 of 1"),
        ({"values": (1.5, None)}, "step 1: the value is 1.5"),
        ({"labels": (False, None), "rollouts": (2, 0), "right": (1, 0)}, "labelled wrong, and 1 of 2"),
    ],
)
def test_labels_that_contradict_themselves_are_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said):
        replace(steps(True, None), **wrong)  # pyright: ignore[reportArgumentType]
