"""Sweeps and `solve_all` on a Ray of this machine: equal to one process, whoever is killed; nothing is left behind."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import search
import stepsearch
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, BestOfN, Job
from tests.command_line import RIGHT, result_lines, run, started
from tests.experiments.toy_sweep import sweep, timeless
from tests.patience import patience
from tests.plugins import Moody

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra [ray]"),
]
SLOW = ["policy=custom", "policy.cls=tests.plugins:Slow", "policy.args.seconds=0.2", "scorer=toy", "concurrency=2"]


@pytest.fixture(scope="module")
def ray() -> Any:
    """One Ray for the tests of this process; sweeps use it and leave it as it is."""
    from experiments.workers.ray_connection import connect

    connect(None)
    import ray  # pyright: ignore[reportMissingImports]

    yield ray
    ray.shutdown()


@pytest.fixture
def undrawn_here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("experiments.commands.sweep.draw", lambda *_: None)
    return here


def problems(count: int) -> None:
    rows = [{"question": f"q{i}", "answer": RIGHT, "level": 0} for i in range(count)]
    Path("toy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def workers_of_ray() -> list[int]:
    """The processes that hold the actors of this process, and of nobody else on the machine."""
    shown = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()[1:]]
    raylets = {pid for pid, parent, _ in rows if int(parent) == os.getpid()}
    return [int(pid) for pid, parent, args in rows if parent in raylets and args.startswith("ray::_Actor")]


def test_a_sweep_on_ray_is_the_sweep_of_one_process(ray: Any, undrawn_here: Path, capfd: pytest.CaptureFixture[str]):
    words = ("budgets=1,4", "seeds=0,1", "searchers=best_of_n,mcts", "trees=true")
    assert sweep(*words, "workers=ray", "ray.count=2", out="many") == 0
    told = capfd.readouterr()
    assert "(raylet)" not in told.out + told.err and "INFO" not in told.err
    assert sweep(*words) == 0
    assert timeless("many") == timeless()
    assert {path.name for path in Path("many/trees").iterdir()} == {path.name for path in Path("run/trees").iterdir()}


def test_the_small_models_on_ray_are_those_of_one_process(ray: Any, undrawn_here: Path):
    words = ["sweep", "problems.limit=2", "budgets=2", "searchers=best_of_n,beam", "concurrency=1"]
    words += ["policy.deterministic=true", "scorer.deterministic=true"]
    assert run(*words, "workers=ray", "ray.count=2", "out=many") == 0
    assert run(*words, "out=run") == 0
    assert timeless("many") == timeless()


def test_a_model_that_workers_cannot_load_leaves_no_folder(
    ray: Any, undrawn_here: Path, capsys: pytest.CaptureFixture[str]
):
    Path("only_here.py").write_text(
        "import os\nfrom policies.toy import Toy\n\n\nclass Mine(Toy):\n    def load(self):\n"
        f"        if os.getpid() != {os.getpid()}:\n            raise ValueError('no GPU here')\n"
    )
    words = ("policy=custom", "policy.cls=only_here:Mine", "workers=ray", "ray.count=2")
    assert sweep(*words) == 2
    err = capsys.readouterr().err
    assert "no worker can work; the last one, on " in err and "no GPU here" in err
    assert not Path("run").exists()


def test_workers_that_are_killed_lose_nothing_and_double_nothing(
    ray: Any, undrawn_here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    problems(24)
    from experiments.runs import recorder

    kills, record = iter((5, 12, 20)), recorder.Recorder._record
    after = [next(kills)]

    def recorded(self: Any, name: Any, kept: Any) -> None:
        record(self, name, kept)
        if len(result_lines(Path("run"))) >= after[0] and (alive := workers_of_ray()):
            os.kill(alive[0], signal.SIGKILL)
            after[0] = next(kills, 10**9)

    monkeypatch.setattr(recorder.Recorder, "_record", recorded)
    words = ("searchers=beam", "budgets=1", *SLOW)
    assert sweep(*words, "workers=ray", "ray.count=3") == 0
    told = capsys.readouterr()
    assert len(re.findall(r"worker \d has died: ", told.err)) == 3 and "(raylet)" not in told.out
    keys = Counter((row["problem"], row["cell"]["searcher"]) for row in timeless())
    assert len(keys) == 48 and set(keys.values()) == {1}
    monkeypatch.undo()


def _left(session: int) -> list[str]:
    """The command lines of processes that a driver has started: those of its process group, and Ray's."""
    shown = subprocess.run(["ps", "-eo", "pgid,stat,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()[1:]]
    return [args for group, stat, args in rows if int(group) == session and not stat.startswith("Z")]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_ends_leaves_nothing_behind_and_loses_nothing(how: signal.Signals, undrawn_here: Path):
    problems(30)
    words = ["sweep", *SLOW, "problems=jsonl", "problems.path=toy.jsonl", "searchers=beam", "budgets=1", "out=run"]
    process = started([*words, "workers=ray", "ray.count=2"], undrawn_here)
    until = time.monotonic() + patience(180)
    while len(result_lines(Path("run"))) < 5 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if how is signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        process.send_signal(how)
    out, err = process.communicate(timeout=patience(60))
    kept = [line for line in result_lines(Path("run")) if line.endswith("}")]
    assert 5 <= len(kept) < 60
    if how is not signal.SIGKILL:
        assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[how]
        assert f"{len(kept)} of 60 searches had ended and are saved; resume with run=run" in err
        assert "Traceback" not in err and "accuracy in %" in out and "ray::" not in out + err
    until = time.monotonic() + patience(10)
    while (left := _left(process.pid)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not left
    assert run("sweep", "run=run", "workers=null", "policy.args.seconds=0.2") == 0, "on one process"
    assert result_lines(Path("run"))[: len(kept)] == kept
    broken = timeless()
    Path("run").rename("broken")
    assert run(*words) == 0 and timeless() == broken


def _jobs() -> list[Job]:
    policy, scorer, moody = Toy(), ToyScorer(), stepsearch.adapt(Moody())
    jobs = [Job(f"q{i}", BestOfN(3), policy, scorer, seed=i, name=f"q{i}") for i in range(6)]
    return [*jobs, Job("raise", Beam(2), policy, moody, name="raise"), Job(" ", Beam(2), policy, scorer, name="empty")]


def test_solve_all_on_ray_is_that_of_one_process(ray: Any):
    async def solved(solve_all: Any, **words: Any) -> dict[Any, Any]:
        return {each.job.name: each async for each in solve_all(_jobs(), 2, **words)}

    here = asyncio.run(solved(search.solve_all))
    many = asyncio.run(solved(stepsearch.solve_all, workers=stepsearch.Ray(count=2)))
    assert set(here) == set(many) == {"raise", "empty", *(f"q{i}" for i in range(6))}
    for name, each in here.items():
        other = many[name]
        assert (type(each.error), str(each.error)) == (type(other.error), str(other.error))
        assert [leaf.text() for leaf in each.tree.leaves()] == [leaf.text() for leaf in other.tree.leaves()]
        assert each.tree.ledger._replace(seconds=0) == other.tree.ledger._replace(seconds=0)
    assert not workers_of_ray() or time.sleep(2) or not workers_of_ray()


def test_solve_all_that_is_left_early_ends_its_workers(ray: Any):
    async def first() -> str:
        async for each in stepsearch.solve_all(_jobs(), 1, workers="ray"):
            return str(each.job.name)
        return ""

    assert asyncio.run(first())
    until = time.monotonic() + patience(10)
    while workers_of_ray() and time.monotonic() < until:
        time.sleep(0.1)
    assert not workers_of_ray()
    assert sys.modules["ray"].is_initialized(), "who connected, disconnects"
