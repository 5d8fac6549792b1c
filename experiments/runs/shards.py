"""Shards: a sweep divided by problems among processes that know nothing of each other."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from experiments.errors import ConfigError
from experiments.runs.grid import Name
from search.errors import KnobError


class Shard(NamedTuple):
    """One of `of` parts of a sweep: every `of`-th problem, beginning with problem `number`; both count from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def searches(self, names: Sequence[Name]) -> list[Name]:
        """Those of a sweep's searches that are in the shard."""
        return [name for name in names if name.place % self.of == self.number - 1]


WHOLE = Shard(1, 1)


def parse_shard(text: str | None) -> Shard:
    """The shard that `i/k` names; all of the sweep where that is None. Raises KnobError."""
    if text is None:
        return WHOLE
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    number, of = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= of:
        raise KnobError(f"shard={text}: write i/k, with i from 1 to k: shard=1/4 to shard=4/4 are four parts")
    return Shard(number, of)


def check_not_empty(shard: Shard, problems: int) -> None:
    """Raises ConfigError where the shard has none of so many problems."""
    if shard.number > problems:
        raise ConfigError(f"shard={shard} has no problem: there are {problems} in all; make at most so many shards")
