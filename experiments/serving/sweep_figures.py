"""The figures of a running sweep, served at /metrics by a thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Metric, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from experiments.errors import ConfigError
from experiments.runs.graded import Graded
from experiments.runs.grid import Name
from experiments.runs.tally import Tally
from experiments.serving.metrics import NAMESPACE, EngineFigures, SearchFigures
from experiments.terminal import note


class SweepFigures(Collector):
    """What a sweep has done and what is left; nothing before its searches begin."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._searches = SearchFigures(self.registry)
        self._tally: Tally | None = None
        self.registry.register(self)
        self.registry.register(EngineFigures())

    def begin(self, tally: Tally) -> None:
        self._tally = tally

    def ended(self, name: Name, kept: Graded) -> None:
        stopped = "error" if kept.error is not None else kept.stopped or "error"
        self._searches.ended(name.cell.searcher, stopped, kept.ledger)

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        if tally is None:
            return
        expected = tally.expected()
        figures: dict[str, tuple[str, float | None]] = {
            "sweep_total": ("searches of the run", tally.before + tally.total),
            "sweep_ended": ("searches that ended, earlier ones of the run included", tally.before + tally.done),
            "sweep_failed": ("of them, those that failed", tally.failed_before + tally.failed),
            "running": ("searches that run", tally.in_flight),
            "sweep_searches_per_second": ("searches that end", tally.searches_per_second),
            "sweep_tokens_per_second": (
                "tokens generated",
                tally.tokens_per_second,
            ),
            "sweep_left_seconds": ("expected until the end", expected.seconds if expected else None),
        }
        for name, (text, value) in figures.items():
            if value is not None:
                yield GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value)


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread that does not keep the process."""

    daemon_threads = True
    allow_reuse_port = False


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A request is no news."""


@contextmanager
def served(host: str, port: int) -> Iterator[SweepFigures]:
    """The figures, served until the block ends. Raises ConfigError where the address cannot be had."""
    figures = SweepFigures()
    try:
        kind = _Server6 if ":" in host else _Server
        server = make_server(host, port, make_wsgi_app(figures.registry), kind, _Quiet)
    except OSError as error:
        raise ConfigError(
            f"metrics.host={host} metrics.port={port}: {error.strerror or error}; choose another metrics.port="
        ) from error
    at = f"[{host}]" if ":" in host else host
    note(f"figures for Prometheus: http://{at}:{port}/metrics")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield figures
    finally:
        server.shutdown()
        server.server_close()
