"""The knobs of workers on Ray."""

from dataclasses import dataclass
from enum import Enum

from search.errors import check_knob


class Workers(Enum):
    """Where searches run beside this process."""

    RAY = "ray"


@dataclass(frozen=True)
class Ray:
    """Workers on Ray."""

    address: str | None = None
    """of a cluster, HOST:6379 or auto; null: that of RAY_ADDRESS, or a cluster of this machine, started for the run"""
    count: int | None = None
    """workers; null: one on each node, or for each ray.gpus GPUs of a node"""
    gpus: int | None = None
    """GPUs of each worker; null: as many as policy and scorer name (gpu, gpus), and none where no node has one"""

    def __post_init__(self) -> None:
        check_knob(self, "count", least=1)
        check_knob(self, "gpus", least=0)
