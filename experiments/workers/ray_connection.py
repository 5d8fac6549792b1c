"""The connection to Ray.

Its own output stays in its log files, it uploads no folder, its dashboard is off. A cluster that was started here takes
connections with a token of its own, and ends with this process.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from experiments.errors import RunError
from policies.engines.guard import guard

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # it would upload the working folder
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker without GPUs is not made blind to them, nor warned of it
    "RAY_worker_niceness": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # else it kills workers for the memory that others took
}
_EXTRA = "workers=ray needs Ray: pip install 'stepsearch[ray]'"


def connect(address: str | None) -> bool:
    """Connects to Ray; False where this process was connected already. Raises RunError where it cannot."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address == "local" and "RAY_AUTH_MODE" not in os.environ:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray  # pyright: ignore[reportMissingImports] # the extra [ray]
        import ray._private.worker as output  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise RunError(_EXTRA) from error
    if ray.is_initialized():
        return False
    output.print_to_stdstream = lambda *_, **__: None  # "(raylet) A worker died": we say so ourselves
    before = set(_children())
    # Ray's processes inherit this thread's mask: Ctrl-C, which a terminal sends to all, is for the driver.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        dashboard = False if address == "local" else None
        ray.init(address, include_dashboard=dashboard, logging_level="ERROR", log_to_driver=False)
    except Exception as error:
        raise RunError(f"ray.address={address} cannot be used: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for pid in set(_children()) - before:
        guard(pid)
    return True


def _children() -> Iterator[int]:
    """The processes that this one has started; none where there is no /proc."""
    for tasks in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, tasks.read_text().split())
