"""What a worker does, without Ray: it builds the sweep anew from its words, and refuses to be another one."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.commands.sweep import rebuilt
from experiments.errors import RunError
from experiments.runs import searching, where
from experiments.runs.where import SweepRunner, Terms
from experiments.workers.cluster import layout
from experiments.workers.gpus import gpus_of
from experiments.workers.jobs import without_engine
from experiments.workers.knobs import Ray
from policies.engines.share import Engine
from policies.hf import HF
from policies.toy import Toy
from policies.vllm import VLLM
from scorers.prm import PRM
from scorers.toy import Toy as ToyScorer
from stepsearch import solve_all
from tests.command_line import run
from tests.experiments.toy_sweep import lines, sweep, timeless


class Local:
    """A worker of this process, in place of one of Ray's."""

    def __init__(self, make: Callable[..., Any], arguments: Sequence[Any]) -> None:
        self.name, self.make, self.arguments = "worker 1", make, arguments

    async def start(self) -> None:
        self.runner = self.make(*self.arguments)

    async def run(self, item: Any) -> Any:
        return await self.runner.run(item)

    def end(self) -> None:
        pass


class LocalCluster:
    """Two workers of this process, one of which has died once."""

    def __init__(self, knobs: Ray, gpus: int, make: Callable[..., Any], arguments: Sequence[Any], at_once: int) -> None:
        self.workers = [Local(make, arguments), Local(make, arguments)]
        self.workers[1].name = "worker 2"

    def start(self) -> None: ...

    def close(self) -> None: ...

    def first_ready(self) -> Any:
        runner = self.workers[0].make(*self.workers[0].arguments)
        return type("Ready", (), {"notes": runner.load(), "host": "here"})


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "Cluster", LocalCluster)


def test_a_sweep_in_workers_is_the_sweep_of_one_process(
    local: None, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("experiments.commands.sweep.draw", lambda *_: None)
    monkeypatch.syspath_prepend(here)
    Path("own_scorer.py").write_text("from scorers.toy import Toy\n\n\nclass Own(Toy):\n    pass\n")
    words = ["budgets=1,4", "searchers=best_of_n,mcts", "trees=true", "scorer=custom", "scorer.cls=own_scorer:Own"]
    assert sweep(*words, "workers=ray", out="many") == 0
    assert "2 workers on Ray; the first is ready, on here" in capsys.readouterr().err
    assert sweep(*words) == 0
    assert timeless("many") == timeless() and len(lines()) == 20
    names = [sorted(path.name for path in Path(out, "trees").iterdir()) for out in ("many", "run")]
    assert names[0] == names[1]
    assert run("sweep", "run=many", "workers=null", "seeds=0,1") == 0, "it goes on in one process"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_sweep_in_workers_asks_as_well(
    answer: str, local: None, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("experiments.commands.sweep.draw", lambda *_: None)
    monkeypatch.setattr(searching, "can_ask", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    words = ["searchers=beam", "budgets=1", "seeds=0,1,2,3,4", "concurrency=1", "confirm=0", "workers=ray"]
    assert sweep(*words) == (0 if answer == "y" else 130)
    assert "searches that are left will take about" in capsys.readouterr().out
    assert len(lines()) == 30 if answer == "y" else 2 <= len(lines()) < 15


def test_a_worker_refuses_to_be_another_sweep(here: Path, monkeypatch: pytest.MonkeyPatch):
    taken: list[Terms] = []

    class Taking(LocalCluster):
        def __init__(self, knobs: Ray, gpus: int, make: Any, arguments: Sequence[Any], at_once: int) -> None:
            taken.append(arguments[1])
            raise RunError("enough")

    monkeypatch.setattr(where, "Cluster", Taking)
    monkeypatch.syspath_prepend(here)
    own = Path("changed_scorer.py")
    own.write_text("from scorers.toy import Toy\n\n\nclass Own(Toy):\n    pass\n")
    assert sweep("scorer=custom", "scorer.cls=changed_scorer:Own", "workers=ray") == 2
    (terms,) = taken
    assert SweepRunner(rebuilt, terms).load() == []
    with pytest.raises(RunError, match="make another config here; install the same stepsearch on every machine"):
        SweepRunner(rebuilt, terms._replace(config=terms.config.replace("branch: 3", "branch: 2")))
    with pytest.raises(RunError, match=r"policy\.model differ here"):
        SweepRunner(rebuilt, terms._replace(inputs={**terms.inputs, "policy.model": "other weights"}))
    own.write_text(own.read_text().replace("pass", "other = 1"))
    with pytest.raises(RunError, match=r"scorer\.cls differ here from where the sweep was started"):
        SweepRunner(rebuilt, terms)


def test_without_ray_the_way_to_it_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert sweep("workers=ray") == 2
    assert "workers=ray needs Ray: pip install 'stepsearch[ray]'" in capsys.readouterr().err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("knobs", "needs", "nodes", "expected"),
    [
        (Ray(), 2, [{"CPU": 8, "GPU": 8}] * 4, (16, 2)),
        (Ray(), 3, [{"CPU": 8, "GPU": 8}], (2, 3)),
        (Ray(gpus=1), 2, [{"CPU": 8, "GPU": 8}, {"CPU": 8}], (8, 1)),
        (Ray(), 1, [{"CPU": 2}, {"CPU": 2}], (2, 0)),
        (Ray(), 0, [{"CPU": 8, "GPU": 8}, {"CPU": 0}], (1, 0)),
        (Ray(count=3, gpus=0), 1, [{"CPU": 2}], (3, 0)),
        (Ray(count=5), 2, [{"CPU": 8, "GPU": 2}], (5, 2)),
    ],
)
def test_how_many_workers_there_are(knobs: Ray, needs: int, nodes: Any, expected: tuple[int, int]):
    assert layout(knobs, needs, nodes) == expected


def test_no_node_that_can_hold_a_worker():
    with pytest.raises(RunError, match=r"no node of the cluster has 4 GPUs.*ray\.gpus or ray\.count"):
        layout(Ray(), 4, [{"CPU": 8, "GPU": 2}])


def test_the_gpus_that_a_worker_needs():
    assert gpus_of(Toy(), ToyScorer(), None) == 0
    assert gpus_of(VLLM(model="m"), PRM(engine=Engine.VLLM)) == 1
    assert gpus_of(VLLM(model="m"), PRM(engine=Engine.VLLM, gpu=1)) == 2
    assert gpus_of(VLLM(model="m", gpus=[0, 1, 2, 3]), PRM(engine=Engine.VLLM, gpu=4)) == 5
    assert gpus_of(HF(device="cuda:1"), PRM(device="cpu")) == 2
    assert gpus_of(VLLM(model="m", url=["http://a:8000"]), Toy()) == 0


def test_objects_are_sent_without_what_they_have_loaded():
    policy = HF(model="m")
    policy.__dict__["engine"] = object()
    assert "engine" not in without_engine(policy).__dict__ and without_engine(policy) == policy
    assert without_engine(Toy) is Toy and without_engine(3) == 3


def test_wrong_workers_are_named():
    async def first(**words: Any) -> None:
        async for _ in solve_all([], **words):
            pass

    with pytest.raises(ValueError, match="workers='spark': write workers='ray'"):
        asyncio.run(first(workers="spark"))
    with pytest.raises(ValueError, match="concurrency is 0"):
        asyncio.run(first(workers="ray", concurrency=0))


def test_the_benchmark_of_workers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    from experiments.benchmarks import workers

    class Cluster(LocalCluster):
        def all_ready(self) -> None: ...

    monkeypatch.setattr(where, "Cluster", Cluster)
    monkeypatch.setattr(sys, "argv", ["workers", "searches=8", "seconds=0.01", "concurrency=2", "kills=0"])
    with pytest.raises(SystemExit):
        workers.main()
    out = capsys.readouterr().out
    assert all(f"{workers}: the results of one process\n" in out for workers in ("1 worker", "2 workers", "4 workers"))
    assert "of linear" in out
