"""Figures for Prometheus, in a registry of their own. No label holds a text of a client's or of a model's."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from experiments.serving.gate import Gate
from policies.engines.health import HEALTH
from search.tree.cost import Ledger

NAMESPACE = "stepsearch"
ALL = "all"
"""The name that stands for all engines together, those of this process included"""
_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)
_KINDS = {
    "generated": "generated_tokens",
    "prompt_computed": "prompt_tokens_computed",
    "prompt_cached": "prompt_tokens_cached",
    "scorer_computed": "scorer_tokens_computed",
    "scorer_cached": "scorer_tokens_cached",
}
"""A label's value -> the ledger's field."""


class SearchFigures:
    """What searches that have ended have cost; what is unknown of a cost is not counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = {"namespace": NAMESPACE, "registry": registry}
        self._searches = Counter("searches", "searches that ended, by why", ["searcher", "stopped"], **name)
        self._tokens = Counter("tokens", "tokens of all searches", ["kind"], **name)
        self._flops = Counter("flops", "FLOPs of all searches", ["model"], **name)
        self._seconds = Histogram("search_seconds", "seconds of a search, without its wait", buckets=_SECONDS, **name)

    def ended(self, searcher: str, stopped: str, ledger: Ledger) -> None:
        """Counts a search; `stopped` is done, budget, cancelled or error."""
        self._searches.labels(searcher, stopped).inc()
        self._seconds.observe(ledger.seconds)
        for kind, field in _KINDS.items():
            self._tokens.labels(kind).inc(max(0, getattr(ledger, field) or 0))
        scorer = ledger.scorer_flops
        if scorer is not None:
            self._flops.labels("scorer").inc(max(0.0, scorer))
        if scorer is not None and ledger.flops is not None:
            self._flops.labels("policy").inc(max(0.0, ledger.flops - scorer))


class EngineFigures(Collector):
    """The servers that this process asks; `up` tells of all engines together, where it is given."""

    def __init__(self, up: Callable[[], bool] | None = None) -> None:
        self._up = up

    def collect(self) -> Iterator[Metric]:
        states = HEALTH.now()
        up = GaugeMetricFamily(f"{NAMESPACE}_engine_up", "0 where an engine does not answer", labels=["engine"])
        retries = CounterMetricFamily(f"{NAMESPACE}_engine_retries", "requests made again", labels=["engine"])
        for url, state in states.items():
            up.add_metric([url], float(state.up))
            retries.add_metric([url], state.retries)
        if self._up is not None:
            up.add_metric([ALL], float(self._up()))
        yield up
        yield retries


class Metrics:
    """The figures of one server."""

    def __init__(self, gate: Gate) -> None:
        self.registry = CollectorRegistry()
        name = {"namespace": NAMESPACE, "registry": self.registry}
        self.searches = SearchFigures(self.registry)
        self._rejected = Counter("rejected", "requests that got no answer, by error code", ["why"], **name)
        Gauge("running", "searches that run", **name).set_function(lambda: gate.searching)
        Gauge("waiting", "searches that wait for their turn", **name).set_function(lambda: gate.waiting)
        self.registry.register(EngineFigures(lambda: not gate.broken))

    def rejected(self, why: str) -> None:
        """Counts a request that got an error."""
        self._rejected.labels(why).inc()

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)
