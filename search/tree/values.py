"""The values of a search's nodes, each from its parent's: what `Node.value` finds by a walk to the root."""

import math

from search.tree.node import Node
from search.tree.scores import Reduction

_UNIT = 1 << 1074  # every float is a whole number of 2 ** -1074, so that sums of whole numbers are exact


class Range:
    """The lowest and the highest of all values seen, for scores that count only relative to the tree."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def saw(self, value: float | None) -> None:
        if value is not None:
            self.low, self.high = min(self.low, value), max(self.high, value)

    def share(self, value: float) -> float:
        """The value in [0, 1]; 0.5 where all are equal."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


class Values:
    """Reduced scores of paths under one reduction, for the nodes of one tree."""

    def __init__(self, reduction: Reduction) -> None:
        self._reduction = reduction
        self._known: dict[Node, tuple[float | None, int]] = {}  # and how many unjudged thoughts are above

    def __call__(self, node: Node) -> float | None:
        """As `node.value`: None for the root, where a score of the path is missing, and where only a thought stands."""
        while node.parent is not None and node.unjudged_thought:
            node = node.parent
        if self._reduction is Reduction.LAST or node.parent is None:
            return node.score
        for below in node.line(self._known):
            assert below.parent is not None
            above, left_out = self._known.get(below.parent, (None, 0))
            if below.unjudged_thought:
                self._known[below] = above, left_out + 1
            elif below.score is None:
                return None
            else:
                self._known[below] = self._with(above, below.score), left_out
        known, left_out = self._known[node]
        assert known is not None
        match self._reduction:
            case Reduction.SUM:
                return known / _UNIT
            case Reduction.MEAN:
                return known / _UNIT / (node.depth - left_out)
            case _:
                return known

    def _with(self, known: float | None, score: float) -> float:
        """The scores above and one more, as they are kept: a sum as a whole number of units."""
        match self._reduction:
            case Reduction.MIN:
                return score if known is None else min(known, score)
            case Reduction.PRODUCT:
                return score if known is None else known * score
            case _:
                numerator, denominator = float(score).as_integer_ratio()
                return (known or 0) + numerator * (_UNIT // denominator)
