"""Which node a search completes that would otherwise end without a finished leaf."""

import math

from search.tree import Node, Tree
from search.tree.scores import Kind, Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Values


def best_open(tree: Tree, kind: Kind, reduction: Reduction | None) -> Node | None:
    """The open leaf of highest value, of equals the lowest path; the root where nothing is judged, None without a leaf.

    Values are under the kind's own reduction where `reduction` is None; a ranking counts among siblings.
    """
    born = [node for node in tree.nodes() if node.birth is not None]
    inner = {node.parent for node in born}
    leaves = [node for node in born if node.open and node not in inner] if born else [tree.root]
    values = Values(reduction_for(kind, reduction))
    return max(leaves, key=lambda node: _value(node, kind, values), default=None)  # the lowest path comes first


def _value(node: Node, kind: Kind, values: Values) -> float:
    """The least where the scorer judges no step."""
    scope, convert = conversion(kind, Use.MCTS)
    value = values(node)
    if value is None:
        return -math.inf
    return node.among_siblings(convert) if scope is Scope.SIBLINGS else value
