"""Waits for its driver's end and then kills what the driver has named; a script that imports nothing of this project.

Standard input is a pipe that the driver alone holds. Each line `PID START` adds a process, by its id and the time that
it was started (field 22 of /proc/PID/stat), so that no other process of the same id is meant. At the end of the file
these processes and all below them are killed.
"""

import os
import select
import signal
import time
from contextlib import suppress

_EVERY = 2.0  # seconds between two looks at who stands below: a process may lose its parent before the driver ends
_PATIENCE = 10.0  # seconds in which what is killed is looked at again
Process = tuple[int, int]
"""Id and start time."""


def parent_and_start(pid: int) -> tuple[int, int] | None:
    """The parent's id and the start time of a process; None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()  # the name before it may hold anything
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else (int(fields[1]), int(fields[19]))


def alive(process: Process) -> bool:
    """Whether the process runs, and is not another one of the same id."""
    now = parent_and_start(process[0])
    return now is not None and now[1] == process[1]


def with_all_below(named: set[Process]) -> set[Process]:
    """Those of the processes that are alive, and all that descend from them."""
    found = {process for process in named if alive(process)}
    every = {int(name): now for name in os.listdir("/proc") if name.isdigit() and (now := parent_and_start(int(name)))}
    ids, more = {pid for pid, _ in found}, True
    while more:
        more = {pid for pid, (parent, _) in every.items() if parent in ids} - ids
        ids |= more
        found |= {(pid, every[pid][1]) for pid in more}
    return found


def kill_all(named: set[Process]) -> None:
    """Kills them and all below them, and looks until none is left."""
    until = time.monotonic() + _PATIENCE
    while (left := with_all_below(named)) and time.monotonic() < until:
        named |= left
        for pid, _ in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def main() -> None:
    named: set[Process] = set()
    unread = b""
    while True:
        if not select.select([0], [], [], _EVERY)[0]:
            named = with_all_below(named) if named else named
            continue
        read = os.read(0, 1 << 16)
        if not read:
            break
        *lines, unread = (unread + read).split(b"\n")
        named |= {(int(pid), int(start)) for pid, start in (line.split() for line in lines)}
    kill_all(named)


if __name__ == "__main__":
    main()
