"""Knobs of a sweep that have values of their own."""

from dataclasses import dataclass
from enum import Enum

from search.errors import check_knob


class Retry(Enum):
    """Which searches a resumed run makes again."""

    ERRORS = "errors"


class Changed(Enum):
    """Whether a run goes on with files of the user's own that have changed."""

    OK = "ok"


@dataclass(frozen=True)
class Metrics:
    """Figures of a running sweep for Prometheus."""

    port: int | None = None
    """serve figures for Prometheus at /metrics on this port while the sweep runs; null: none"""
    host: str = "127.0.0.1"
    """address to listen on; 0.0.0.0: all of this machine's"""

    def __post_init__(self) -> None:
        check_knob(self, "port", least=1, most=65535)
