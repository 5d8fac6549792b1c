"""No second scorer, the default of the group `second`; its other choices are those of the group `scorer`.

second=outcome second.model=nvidia/AceMath-7B-RM selection.by=second
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class NoSecond:
    """No second scorer. Any choice of `scorer` may be one, its knobs being second.*: once a search has ended, it judges
    the finished solutions, at a cost on top of the budget, and selection.by=second chooses by it.
    """

    target: ClassVar[str] = "experiments.config.second.nothing"


def nothing() -> None:
    """What `second=none` builds."""
