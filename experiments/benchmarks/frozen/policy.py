"""The frozen world's policy, as a plug-in: policy=custom policy.cls=experiments.benchmarks.frozen.policy:Frozen"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policies.writing import Writing


@dataclass(frozen=True)
class Frozen(Writing):
    """A small language model on CPU whose next-token distributions are computed once and kept in a trie.

    The draws at a place in the tree are the same for every searcher of a seed, so that comparisons are paired. It takes
    temperature 0 or 1 and nothing else of `Ask`.
    """

    folder: str | None = None
    """where the tries are kept between runs; null: nowhere"""

    @cached_property
    def engine(self) -> Any:
        from experiments.benchmarks.frozen.words import shared_writer

        return shared_writer(self.model, self.boundary, self.limits, self.folder)
