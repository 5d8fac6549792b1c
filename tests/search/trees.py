"""Trees made by hand."""

from collections.abc import Sequence

from search import End, Kind, Ledger, Step, Tree

Leaf = tuple[str, Sequence[float], End] | tuple[str, Sequence[float]]


def tree_of(*solutions: Leaf, kind: Kind = Kind.CORRECTNESS) -> Tree:
    """A tree with one chain for each solution, given as (answer, scores of its steps, how it ended)."""
    tree = Tree("q", kind=kind)
    for count, (answer, scores, *end) in enumerate(solutions, start=1):
        node = tree.root
        for place, score in enumerate(scores):
            last = place == len(scores) - 1
            text = f"\\boxed{{{answer}}}" if last and answer else "on\n\n"
            node = node.add(node.reserve(1).start, Step(text, end=(end or [End.ANSWER])[0] if last else End.DELIMITER))
            node.score, node.birth = score, Ledger(samples=count)
    return tree
