"""A path's steps without a list of them: what a scorer is handed."""

from collections.abc import Iterator, Sequence
from typing import overload

from search.tree.node import Node
from search.tree.step import Step


class PathView(Sequence[Step]):
    """The steps from the root to a node, without its thought unless `thoughts`.

    `view[since:]` walks up only as far as `since`.
    """

    __slots__ = ("_node", "_thoughts")

    def __init__(self, node: Node, thoughts: bool = True) -> None:
        self._node, self._thoughts = node, thoughts or not node.thoughts

    def __len__(self) -> int:
        return self._depth(self._node)

    def _depth(self, node: Node) -> int:
        return node.depth if self._thoughts else node.depth - node.thoughts

    @overload
    def __getitem__(self, place: int) -> Step: ...
    @overload
    def __getitem__(self, place: slice) -> list[Step]: ...
    def __getitem__(self, place: int | slice) -> Step | list[Step]:
        if isinstance(place, int):
            place = place + len(self) if place < 0 else place
            if not 0 <= place < len(self):
                raise IndexError(f"step {place} of a path of {len(self)}")
            return self._since(place)[0]
        first, last, stride = place.indices(len(self))
        return self._since(first)[: last - first : stride] if stride > 0 else self._since(0)[place]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._since(0))

    def _since(self, first: int) -> list[Step]:
        steps: list[Step] = []
        node = self._node
        while self._depth(node) > first and node.parent is not None and node.step is not None:
            if self._thoughts or not node.step.thought:
                steps.append(node.step)
            node = node.parent
        return steps[::-1]
