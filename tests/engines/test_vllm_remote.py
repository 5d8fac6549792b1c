"""Searches on two real servers of `vllm serve` against the same searches on engines in this process."""

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any
from urllib.request import urlopen

import pytest

from policies.engines.guard_process import with_all_below
from policies.engines.share import Engine, Share
from policies.engines.supervisor import supervise
from policies.vllm import VLLM
from scorers.prm import PRM, LMHeadPRM
from search import MCTS, Beam, BestOfN, Job, ParticleFilter, Tree, solve
from search.solve import Searcher, solve_all
from tests.models import CONTEXT, QUESTIONS, SERVED, run_all, vllm
from tests.patience import patience

SEARCHERS: list[Searcher] = [BestOfN(4), Beam(4, 2), MCTS(simulations=4), ParticleFilter(4)]
HERE = VLLM(dtype="float32", **SERVED), PRM(engine=Engine.VLLM, dtype="float32", **SERVED)


class Servers:
    """A policy's and a scorer's server, which are started anew where they end."""

    def __init__(self, logs: Any) -> None:
        from policies.engines.vllm_serve import serve

        plugins = entry_points(group="vllm.io_processor_plugins", name="stepsearch")
        assert plugins, "install this package anew (pip install -e .): vLLM finds its plugin by an entry point"
        with socket.socket() as one, socket.socket() as two:
            ports = [each.bind(("127.0.0.1", 0)) or each.getsockname()[1] for each in (one, two)]
        share = Share(cache_gb=0.3, **SERVED)
        kinds = ("tiny", "generate"), ("tiny-prm", "pooling")
        self.of = [
            serve(model, "float32", share, runner, "127.0.0.1", port)
            for (model, runner), port in zip(kinds, ports, strict=True)
        ]
        self.said: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(logs,))
        self._thread.start()

    def _watch(self, logs: Any) -> None:
        looks = supervise(self.of, logs, self.said.append)
        for _ in looks:
            if self._stop.is_set():
                break
        looks.close()  # type: ignore[attr-defined]

    def policy(self, **knobs: Any) -> VLLM:
        return VLLM(url=[self.of[0].url], context=CONTEXT, **knobs)

    def prm(self) -> PRM:
        return PRM(engine=Engine.VLLM, url=[self.of[1].url], context=CONTEXT)

    def running(self) -> int:
        """Requests that the policy's server works on."""
        text = urlopen(f"{self.of[0].url}/metrics").read().decode()
        return int(float(re.findall(r"^vllm:num_requests_running{.*} (\S+)$", text, re.MULTILINE)[0]))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("logs"))
    yield made
    made.close()


def jobs(policy: Any, scorer: Any) -> list[Job]:
    return [Job(q, each, policy, scorer, name=(q, i)) for q in QUESTIONS for i, each in enumerate(SEARCHERS)]


def read_off(solved: list[Any]) -> tuple[Any, Any]:
    """Trees and ledgers without clocks, by name."""
    assert not [each.error for each in solved if each.error]
    by_name = sorted((each.job.name, each.tree) for each in solved)
    trees = [(name, [(node.path, node.step, node.score) for node in tree.nodes()]) for name, tree in by_name]
    return trees, [tree.ledger._replace(seconds=0.0, at_least=False) for _, tree in by_name]


@pytest.fixture(scope="module")
def here() -> tuple[Any, Any]:
    return read_off(run_all(jobs(*HERE)))


def until(true: Callable[[], Any], seconds: float) -> float:
    """How many seconds it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() < start + seconds
        time.sleep(0.05)
    return time.monotonic() - start


@vllm
def test_trees_scores_and_costs_are_those_of_engines_in_this_process(servers: Servers, here: tuple[Any, Any]):
    there = read_off(run_all(jobs(servers.policy(), servers.prm())))
    assert there[0] == here[0]
    assert there[1] == here[1]


@vllm
def test_requests_without_logprobs_and_with_stop_texts(servers: Servers):
    """The text is in the model's solutions; both routes take it."""
    for knobs in ({"logprobs": False}, {"stop": ["= 3"]}, {"top_k": 3, "top_p": 0.9, "temperature": 0.7}):
        ours, theirs = (replace(policy, **knobs) for policy in (servers.policy(), HERE[0]))
        trees = [asyncio.run(solve(QUESTIONS[2], BestOfN(4), policy, HERE[1])) for policy in (ours, theirs)]
        assert len({tree.dumps()[: tree.dumps().index('"ledger')] for tree in trees}) == 1 or (
            [node.step for node in trees[0].nodes()] == [node.step for node in trees[1].nodes()]
        )


@vllm
def test_a_language_model_that_answers_with_a_word_judges_there_too(servers: Servers):
    knobs: Any = {"model": "tiny", "tag": "=", "good": "1", "bad": "2", "numbered": False, "engine": Engine.VLLM}
    here = LMHeadPRM(dtype="float32", **SERVED, **knobs)
    there = LMHeadPRM(url=[servers.of[0].url], context=CONTEXT, **knobs)
    steps = asyncio.run(solve(QUESTIONS[0], BestOfN(1), *HERE)).leaves()[0].steps()
    ours, theirs = ([asyncio.run(each.score("1 plus 2", _bare(steps), 0)).scores] for each in (there, here))
    assert ours == theirs


def _bare(steps: Any) -> Any:
    """Steps without the sign that stands for the tag."""
    return [replace(step, text=step.text.replace("=", "")) for step in steps]


@vllm
def test_a_cancelled_search_is_gone_from_the_server(servers: Servers):
    tree = Tree(QUESTIONS[3])

    async def cancelled() -> None:
        task = asyncio.ensure_future(solve(tree.question, BestOfN(1000), servers.policy(), HERE[1], tree=tree))
        await asyncio.to_thread(until, servers.running, 30)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancelled())
    assert until(lambda: not servers.running(), 20) < patience(1)
    assert tree.ledger.at_least


@vllm
def test_an_engine_that_is_killed_and_started_anew_gives_the_same_trees(servers: Servers, here: tuple[Any, Any]):
    """The policy's engine, in the middle of the searches; its server is started anew by who watches it."""
    policy, prm = servers.policy(), servers.prm()
    policy.load()

    async def killing() -> list[Any]:
        ended: list[Any] = []

        async def searching() -> None:
            async for each in solve_all(jobs(policy, prm)):
                ended.append(each)

        task = asyncio.ensure_future(searching())
        await asyncio.to_thread(until, servers.running, 30)
        for pid, _ in with_all_below({_engine(servers.of[0].url)}):
            os.kill(pid, signal.SIGKILL)
        await task
        return ended

    trees, ledgers = read_off(asyncio.run(killing()))
    assert any("has ended" in line for line in servers.said)
    assert trees == here[0]
    assert [ledger.generated_tokens for ledger in ledgers] == [ledger.generated_tokens for ledger in here[1]]


def _engine(url: str) -> tuple[int, int]:
    """The process of the engine behind a server: the one below it that vLLM names so, with its start time."""
    import psutil  # pyright: ignore[reportMissingModuleSource]

    port = int(url.rpartition(":")[2])
    listening = next(c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr[1] == port and c.pid)
    server = psutil.Process(listening)
    cores = [each for each in server.children(recursive=True) if "EngineCore" in " ".join(each.cmdline())]
    from policies.engines.guard_process import parent_and_start

    now = parent_and_start(cores[0].pid)
    assert now is not None
    return cores[0].pid, now[1]
