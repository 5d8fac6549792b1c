"""The solutions of one problem as a single tree, each prefix once, from which completions are asked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from search.tree import Node, Tree
from search.tree.cost import Ledger
from search.tree.randomness import generator, key


@dataclass(frozen=True)
class Prefixes:
    """A tree of finished solutions; `ends` are their last nodes, in order, `inner` its nodes when it was made.

    `right_below`: the nodes that some right solution goes through.
    """

    tree: Tree
    ends: tuple[Node, ...]
    right: frozenset[Node]
    right_below: frozenset[Node]
    given: frozenset[Node]

    def completions(self, node: Node) -> list[Node]:
        """The ends of what was completed from `node`."""
        starts = [child for child in node.children.values() if child not in self.given]
        return [_end(start) for start in starts]


def prefixes(
    question: str, seed: int, leaves: Iterable[Node], is_right: Callable[[Node], bool], answers: object, born: bool
) -> Prefixes:
    """The finished leaves of other trees, equal ones once, as one tree. `born` where its nodes need no scores.

    Its random draws are keyed apart from those of any search.
    """
    tree = Tree(question, key("labels", seed), answers=answers)
    known: dict[tuple[Node, str, bool, bool], Node] = {}
    ends: dict[Node, None] = {}
    for leaf in leaves:
        node = tree.root
        for step in leaf.steps():
            name = (node, step.text, step.thought, step.open)
            if name not in known:
                known[name] = node.add(node.reserve(1).start, step)
                known[name].birth = Ledger() if born else None
            node = known[name]
        ends[node] = None
    right = frozenset(end for end in ends if is_right(end))
    below = frozenset(node for end in right for node in end.line())
    return Prefixes(tree, tuple(ends), right, below, frozenset(tree.nodes()))


def chosen(leaves: Sequence[Node], most: int | None, seed: int) -> list[Node]:
    """At most so many of the leaves with different texts, drawn at random, in their order."""
    different = list({leaf.text(): leaf for leaf in leaves}.values())
    if most is None or len(different) <= most:
        return different
    draw = generator("labelled solutions", seed, different[0].tree.question).permutation(len(different))[:most]
    return [different[place] for place in sorted(draw.tolist())]


def said(end: Node) -> list[Node]:
    """The nodes of a solution that are labelled: all but those of its thought."""
    return [node for node in end.line() if node.step is not None and not node.step.thought]


def _end(node: Node) -> Node:
    while node.children:
        node = next(iter(node.children.values()))
    return node
