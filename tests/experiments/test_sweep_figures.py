"""Figures of a running sweep for Prometheus, on a port of its own."""

import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from experiments.problems.sets import Problem
from experiments.runs.graded import Graded
from experiments.runs.grid import Budgets, Name, cells
from experiments.runs.tally import Tally
from policies.engines.health import Health
from policies.toy import Toy
from search import Beam, Ledger
from tests.experiments.toy_sweep import sweep
from tests.results import result

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (pip install 'stepsearch[serve]')")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_port_in_use_is_told_before_anything_runs(here: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert sweep(f"metrics.port={port}") == 2
    assert f"metrics.port={port}: Address already in use; choose another" in capsys.readouterr().err
    assert not Path("run").exists()


WANTED = {
    'searches_total{searcher="beam",stopped="done"}': 1,
    'searches_total{searcher="beam",stopped="error"}': 1,
    'tokens_total{kind="generated"}': 14,
    'flops_total{model="policy"}': 40,
    'flops_total{model="scorer"}': 20,
    "sweep_total": 6,
    "sweep_ended": 3,
    "sweep_failed": 1,
    "running": 2,
    'engine_up{engine="http://a:1"}': 0,
    'engine_retries_total{engine="http://a:1"}': 1,
}


def test_figures_of_a_sweep(monkeypatch: pytest.MonkeyPatch):
    from experiments.serving import metrics
    from experiments.serving.sweep_figures import served

    health = Health()
    monkeypatch.setattr(metrics, "HEALTH", health)
    health.is_up("http://a:1", False)
    health.again("http://a:1")
    port, (cell,) = free_port(), cells({"beam": Beam(1)}, Toy(), [4], Budgets())[1:]
    names = [Name(place, Problem(f"p{place}", "secret", "1"), cell, 0) for place in range(5)]
    tally = Tally(names, [result(9, "beam", 4, 1.0, 20)], at_once=2)

    def text() -> str:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()

    with served("127.0.0.1", port) as figures:
        assert "stepsearch_sweep_total" not in text()
        figures.begin(tally)
        tally.begin()
        for name, error in zip(names[:2], (None, "ValueError: secret"), strict=True):
            ledger = Ledger(generated_tokens=7, flops=30.0, scorer_flops=10.0)
            kept = Graded("", None, name.problem.id, error, "done", ledger, None)
            tally.ended(cell.key, ledger, error is not None)
            figures.ended(name, kept)
        told = text()
    assert all(f"stepsearch_{name} {float(value)}\n" in told for name, value in WANTED.items()), told
    assert "stepsearch_sweep_left_seconds" in told and "secret" not in told
    with pytest.raises(OSError, match="refused"):
        text()
    assert not any("serve_forever" in thread.name for thread in threading.enumerate())
