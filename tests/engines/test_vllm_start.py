"""How engines start beside each other: processes that stand for vLLM's, on GPUs that need not be there."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.runs.preflight import load_engines
from policies.engines import vllm
from policies.engines.models import ModelError
from policies.engines.share import Engine, Share
from policies.engines.vllm_start import Launch
from scorers.implicit import Implicit
from tests.patience import patience

MEASURED: dict[str, Any] = {}
SIZED = {"kv_cache_memory_bytes": 1}


class Fake(Launch):
    """Its process notes the GPU that it sees, and lives on; the engine is ready once `may_end` is set."""

    folder: Path
    running: int = 0
    most: int = 0

    def __init__(self, name: str, arguments: dict[str, Any], gpu: int, stat_loggers: Any = None) -> None:
        super().__init__(name, arguments, (gpu,), stat_loggers)
        self.may_end, self.note = Event(), self.folder / name

    def _made(self) -> Any:
        Fake.running += 1
        Fake.most = max(Fake.most, Fake.running)
        words = ["sh", "-c", f"echo $CUDA_VISIBLE_DEVICES > {self.note}; exec sleep 60"]
        process = multiprocessing.get_context("spawn").Process(target=os.execvp, args=("sh", words), daemon=True)
        process.start()
        until(lambda: self.may_end.is_set() or not process.is_alive())
        Fake.running -= 1
        if not process.is_alive():
            raise RuntimeError("the process has ended")
        return SimpleNamespace(errored=False, shutdown=process.kill)


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + patience(seconds)
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Fake.folder, Fake.running, Fake.most = tmp_path, 0, 0
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield
    for process in multiprocessing.active_children():
        process.kill()


def begin(*launches: Fake) -> list[Thread]:
    threads = [Thread(target=lambda launch=launch: asyncio.run(launch.run())) for launch in launches]
    for thread in threads:
        thread.start()
    return threads


def seen(launch: Fake) -> str:
    until(lambda: launch.note.exists() and launch.note.read_text())
    return launch.note.read_text().strip()


def test_each_process_sees_its_own_gpu_and_engines_on_two_start_together():
    first, second = Fake("first", MEASURED, 0), Fake("second", MEASURED, 1)
    threads = begin(first, second)
    assert (seen(first), seen(second)) == ("0", "1")
    assert Fake.most == 2
    until(lambda: first.children and second.children)
    assert first.children != second.children and len(first.children) == len(second.children) == 1
    until(lambda: "CUDA_VISIBLE_DEVICES" not in os.environ)
    for launch, thread in zip((first, second), threads, strict=True):
        launch.may_end.set()
        thread.join()


def test_what_the_environment_shows_is_counted_from_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    launch = Fake("one", MEASURED, 1)
    (thread,) = begin(launch)
    assert seen(launch) == "7"
    launch.may_end.set()
    thread.join()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,7"


@pytest.mark.parametrize(("arguments", "most"), [(MEASURED, 1), (SIZED, 2)])
def test_engines_that_measure_one_gpu_take_turns(arguments: dict[str, Any], most: int, capfd: Any):
    launches = [Fake(name, arguments, 0) for name in ("first", "second")]
    threads = begin(*launches)
    until(lambda: Fake.running == most)
    time.sleep(0.3)
    for launch in launches:
        launch.may_end.set()
    for thread in threads:
        thread.join()
    assert Fake.most == most
    lines = capfd.readouterr().err
    assert all(f"vLLM starts {launch.note.name}; a large model takes minutes" in lines for launch in launches)
    assert all(f"vLLM runs {launch.note.name}, after " in lines for launch in launches)
    waits = " another engine measures the memory of GPU 0; with cache_gb for each they start together\n"
    assert lines.count(waits) == (1 if most == 1 else 0)


def test_a_start_that_is_given_up_ends_its_own_process_alone():
    first, second = Fake("first", MEASURED, 0), Fake("second", MEASURED, 1)
    first._made, plain = lambda: _suppressed(plain), first._made
    threads = begin(first, second)
    until(lambda: first.children and second.children)
    first.give_up()
    threads[0].join()
    assert not first.children[0].is_alive() and second.children[0].is_alive()
    second.may_end.set()
    threads[1].join()


def _suppressed(made: Callable[[], Any]) -> Any:
    with pytest.raises(RuntimeError, match="has ended"):
        made()


# servers


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[vllm.Server]:
    """The servers that are made from now on; none is closed at the process' end."""
    made: list[vllm.Server] = []
    monkeypatch.setattr(vllm, "check_version", lambda: None)
    monkeypatch.setattr(vllm, "engine_arguments", lambda *of: {**SIZED, "dtype": "float32"})
    monkeypatch.setattr(vllm, "Launch", lambda name, *of: Fake(name.replace("=", "_"), *of))
    return made


def test_a_server_starts_in_the_background(servers: list[vllm.Server]):
    """Its context is known at once; what needs the engine waits for it."""
    start = time.monotonic()
    server = vllm.Server("tiny", "float32", Share(context=64), "generate")
    assert (
        (server.context, server.dtype) == (64, "float32") and server.alive and time.monotonic() - start < patience(20)
    )
    launch: Any = server._launch
    launch.may_end.set()
    server.ready()
    assert server.llm.errored is False and server.alive
    server.close()
    assert not server.alive
    with pytest.raises(vllm.EngineDied, match="was closed; make the policy or scorer anew"):
        server.ready()


def test_a_start_that_fails_is_an_error_where_it_is_waited_for(servers: list[vllm.Server]):
    server = vllm.Server("tiny", "float32", Share(), "generate")
    launch: Any = server._launch
    until(lambda: launch.children)
    launch.children[0].kill()
    with pytest.raises(ModelError, match="vLLM cannot start model=tiny: the process has ended"):
        server.ready()
    assert not server.alive


def test_a_server_that_is_closed_while_it_starts_leaves_no_process(servers: list[vllm.Server]):
    server = vllm.Server("tiny", "float32", Share(), "generate")
    launch: Any = server._launch
    until(lambda: launch.children)
    server.close()
    assert not launch.children[0].is_alive() and not server.alive


def test_all_begin_to_load_before_one_is_waited_for():
    order: list[str] = []

    class Owner:
        def __init__(self, name: str) -> None:
            self.name = name

        def start_loading(self) -> None:
            order.append(f"start {self.name}")

        def load(self) -> None:
            order.append(f"load {self.name}")

    class Older:
        def load(self) -> None:
            order.append("load older")

    load_engines(Owner("policy"), Older(), Owner("scorer"), object())
    assert order == ["start policy", "start scorer", "load policy", "load older", "load scorer"]


def test_two_models_of_one_scorer_share_its_share(monkeypatch: pytest.MonkeyPatch):
    from scorers.checkpoints import vllm_reader

    asked: list[Share] = []
    monkeypatch.setattr(vllm_reader, "shared_reader", lambda head, model, dtype, share, words: asked.append(share))
    scorer = Implicit(model="tiny", reference="tiny", engine=Engine.VLLM)
    for name in ("a", "b"):
        scorer._reader(name)
    assert sum(share.gpu_memory for share in asked) == pytest.approx(Share().gpu_memory)
