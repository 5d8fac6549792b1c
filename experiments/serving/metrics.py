"""Figures for Prometheus, in a registry of their own. No label holds a text of a client's or of a model's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from experiments.serving.gate import Gate
from search.tree import Tree

_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)
_KINDS = {
    "generated": "generated_tokens",
    "prompt_computed": "prompt_tokens_computed",
    "prompt_cached": "prompt_tokens_cached",
    "scorer_computed": "scorer_tokens_computed",
    "scorer_cached": "scorer_tokens_cached",
}
"""A label's value -> the ledger's field."""


class Metrics:
    """The figures of one server."""

    def __init__(self, gate: Gate) -> None:
        self.registry = CollectorRegistry()
        name = {"namespace": "stepsearch", "registry": self.registry}
        self._searches = Counter("searches", "searches that ended, by why", ["searcher", "stopped"], **name)
        self._tokens = Counter("tokens", "tokens of all searches", ["kind"], **name)
        self._seconds = Histogram("search_seconds", "seconds of a search, without its wait", buckets=_SECONDS, **name)
        self._rejected = Counter("rejected", "requests that got no answer, by error code", ["why"], **name)
        Gauge("running", "searches that run", **name).set_function(lambda: gate.searching)
        Gauge("waiting", "searches that wait for their turn", **name).set_function(lambda: gate.waiting)
        Gauge("engine_up", "0 once an engine has ended", **name).set_function(lambda: float(not gate.broken))

    def ended(self, searcher: str, tree: Tree) -> None:
        """Counts a search."""
        ledger = tree.ledger
        self._searches.labels(searcher, tree.stopped or "error").inc()
        self._seconds.observe(ledger.seconds)
        for kind, field in _KINDS.items():
            self._tokens.labels(kind).inc(max(0, getattr(ledger, field) or 0))

    def rejected(self, why: str) -> None:
        """Counts a request that got an error."""
        self._rejected.labels(why).inc()

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)
