"""From what a labelling search grew to the labels of each solution."""

from collections.abc import Callable, Iterator, Sequence

from experiments.labels.labels import SAMPLE, Labelled, Method
from experiments.labels.prefixes import Prefixes, said
from search.tree import Node

CRITIC = "critic"
Counts = dict[Node, tuple[int, int]]
Right = Callable[[Node], bool]


def read_monte_carlo(prefixes: Prefixes, is_right: Right) -> Iterator[Labelled]:
    """Values from completions of every prefix; a prefix is right where something that goes on from it is.

    That is a completion of it or of a longer prefix, or a solution: no step is right after a wrong one.
    """
    counts = _counts(prefixes, is_right)
    reached = _reached(prefixes, counts)
    for end in prefixes.ends:
        line = said(end)
        yield _estimated(prefixes, counts, end, [node in reached for node in line])


def read_binary(prefixes: Prefixes, is_right: Right) -> Iterator[Labelled]:
    """Labels down to the first wrong step that a bisection found; a value only where completions were asked for."""
    counts = _counts(prefixes, is_right)
    reached = _reached(prefixes, counts)
    for end in prefixes.ends:
        line = said(end)
        right = max((place + 1 for place, node in enumerate(line) if node in reached), default=0)
        wrong = next((place for place in range(right, len(line)) if line[place] in counts), len(line) - 1)
        labels: list[bool | None] = [True] * right + [None] * (len(line) - right)
        if right < len(line):
            labels[wrong] = False
        yield _estimated(prefixes, counts, end, labels)


def _estimated(prefixes: Prefixes, counts: Counts, end: Node, labels: Sequence[bool | None]) -> Labelled:
    line, right = said(end), end in prefixes.right
    pairs = [*(counts.get(node, (0, 0)) for node in line[:-1]), (1, int(right))]
    return Labelled(
        steps=texts(line),
        labels=tuple(labels),
        values=tuple(r / n if n else None for n, r in pairs),
        rollouts=tuple(n for n, _ in pairs),
        right=tuple(r for _, r in pairs),
        answer_right=right,
        estimator=SAMPLE,
    )


def _reached(prefixes: Prefixes, counts: Counts) -> set[Node]:
    """The nodes that go on to a right answer in some solution, or in a completion of them or of a node below."""
    ends = [*prefixes.right, *(node for node, (_, right) in counts.items() if right)]
    return {node for end in ends for node in end.line()}


def read_verdicts(prefixes: Prefixes, threshold: float) -> Iterator[Labelled]:
    """A model's verdicts: right where its number is at least the threshold."""
    for end in prefixes.ends:
        line = said(end)
        scores = [node.score for node in line]
        yield Labelled(
            steps=texts(line),
            labels=tuple(None if score is None else score >= threshold for score in scores),
            values=tuple(scores),
            rollouts=(0,) * len(line),
            right=(0,) * len(line),
            answer_right=end in prefixes.right,
            estimator=CRITIC,
        )


def texts(line: list[Node]) -> tuple[str, ...]:
    return tuple(node.step.text for node in line if node.step is not None)


def cut_completions(prefixes: Prefixes) -> int:
    """How many completions did not finish; they count as wrong."""
    return sum(not end.finished for node in prefixes.given for end in prefixes.completions(node))


def _counts(prefixes: Prefixes, is_right: Right) -> Counts:
    """The completions from each node from which there are some, and how many of them are right."""
    ended = {node: ends for node in prefixes.given if (ends := prefixes.completions(node))}
    return {node: (len(ends), sum(map(is_right, ends))) for node, ends in ended.items()}


READERS: dict[Method, Callable[[Prefixes, Right], Iterator[Labelled]]] = {
    Method.MONTE_CARLO: read_monte_carlo,
    Method.BINARY: read_binary,
}
