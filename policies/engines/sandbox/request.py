"""What goes between the sandbox and the process that runs a program."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple


class Ending(IntEnum):
    """How a program ended, as the exit code of its process."""

    FINE = 40
    RAISED = 41  # an error of Python, or an exit with another code than 0
    ENDED = 42  # before its last line, by itself or by a signal, as the kernel's where memory has run out
    TIME = 43
    REFUSED = 44  # a wall could not be built; no program ran, and what was printed is the reason


class Request(NamedTuple):
    """What to run, and within which limits."""

    blocks: Sequence[str]
    parent: int
    """process id of who asks"""
    walls: bool
    root: str
    """an empty folder: the mount point where there are walls, else the program's working folder"""
    shown: Sequence[str]
    """folders that the program may read"""
    paths: Sequence[str]
    """where it finds modules, besides Python's own"""
    seconds: int
    """of processor time"""
    memory: int
    """bytes"""
    scratch: int
    """bytes that it may write into files"""
