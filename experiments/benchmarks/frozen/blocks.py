"""What vLLM's prefix cache would have kept: whole blocks of tokens, of one search alone."""

from collections import OrderedDict
from collections.abc import Sequence

BLOCK = 32  # tokens, as vLLM on CPU
SEARCHES = 4096  # whose blocks are remembered; far more than run at once


class Blocks:
    """The blocks that each search has read, by a hash of all tokens up to a block's end."""

    def __init__(self) -> None:
        self._read: OrderedDict[str | None, set[int]] = OrderedDict()

    def cached(self, search: str | None, ids: Sequence[int], most: int) -> int:
        """How many tokens of a prompt were read before, at most `most`; the prompt's blocks then count as read.

        Requests that begin at once share their blocks, as in one pass of vLLM's scheduler.
        """
        read = self._blocks(search)
        chain = _chain(ids)
        known = next((place for place, block in enumerate(chain) if block not in read), len(chain))
        read.update(chain)
        return min(known, most // BLOCK) * BLOCK

    def add(self, search: str | None, ids: Sequence[int]) -> None:
        """These tokens have been read."""
        self._blocks(search).update(_chain(ids))

    def _blocks(self, search: str | None) -> set[int]:
        read = self._read.setdefault(search, set())
        if len(self._read) > SEARCHES:
            self._read.popitem(last=False)
        return read


def _chain(ids: Sequence[int]) -> list[int]:
    chain, above = list[int](), 0
    for end in range(BLOCK, len(ids) + 1, BLOCK):
        above = hash((above, *ids[end - BLOCK : end]))
        chain.append(above)
    return chain
