"""The keys of one search's random draws: each place in the tree has its own, whatever is asked first."""

from collections.abc import Iterable

from search.tree import Node, Tree
from search.tree.randomness import derive, key


class Keys:
    """A chain: a node's key is made of its parent's key and its index, down from that of the search."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known = {tree.root: key(tree.seed, tree.question)}

    def below(self, node: Node, indices: Iterable[int]) -> list[int]:
        """The keys of the node's children of these indices."""
        tree = self._tree
        if tree.draws == 1:
            return [key(tree.seed, tree.question, node.path, index) for index in indices]
        parent = self._known.get(node) or self._key(node)
        return [derive(parent, index) for index in indices]

    def _key(self, node: Node) -> int:
        for below in node.line(self._known):
            assert below.parent is not None
            self._known[below] = derive(self._known[below.parent], below.index)
        return self._known[node]
