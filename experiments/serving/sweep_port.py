"""The port on which a running sweep serves its figures; opened before anything else of the sweep begins."""

from collections.abc import Iterator
from contextlib import contextmanager

from experiments.errors import check_installed
from experiments.runs.knobs import Metrics
from experiments.runs.searching import Watcher


@contextmanager
def figures_of(knobs: Metrics) -> Iterator[Watcher | None]:
    """What is to be told of the sweep, where figures are asked for; they are served until the block ends.

    Raises ConfigError where the port cannot be had, or a package is missing.
    """
    if knobs.port is None:
        yield None
        return
    check_installed("metrics.port", "prometheus_client")
    from experiments.serving.sweep_figures import served

    with served(knobs.host, knobs.port) as figures:
        yield figures
