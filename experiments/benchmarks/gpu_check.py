"""Whether it works on this machine's NVIDIA GPU, and how fast, within five minutes: make gpu-check

Solves a problem and sweeps a few with the small models, on Transformers and on vLLM. Then measures searches on random
weights in the shapes of Qwen2.5-Math-1.5B and its 7B reward model (of a second 1.5B model where the GPU has less than
40 GB): the ratios of docs/performance.md. The exit code is 1 if something fails or a ratio is out of its bounds, and 2
where there is no GPU.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from experiments.benchmarks.random_models import SHAPES, make, random_weights
from experiments.benchmarks.traffic import Traffic
from experiments.benchmarks.vllm import Report, Row, replayed, run, straight, token_rows
from experiments.config.script import from_overrides
from experiments.problems.sets import Arithmetic
from experiments.runs.preflight import without_logprobs
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checkpoints.vllm_reader import VLLMReader
from scorers.checks import Checks
from scorers.prm import PRM
from scorers.self_certainty import SelfCertainty
from search import Beam, BestOfN, Job

QUESTION = "((3 + 4) * (2 - 5)) ="
SMALL = 0.08  # share of the GPU's memory for each engine of a small model
POLICY, SCORER = 0.25, 0.45
LEAST_GB = 20
_commands: list["subprocess.Popen[str]"] = []
ON_CUDA = ["policy.device=cuda", "scorer.device=cuda"]
ON_VLLM = ["policy=vllm", "scorer.engine=vllm"]
ON_VLLM += [f"{owner}.{knob}" for owner in ("policy", "scorer") for knob in (f"gpu_memory={SMALL}", "cache_gb=1")]


@dataclass
class Knobs:
    """What is measured."""

    problems: int = 32
    """questions that are searched at once"""
    n: int = 16
    """samples of each"""
    max_tokens: int = 192
    """tokens of a solution; random weights end none"""
    seconds: int = 290
    """after which everything is stopped"""
    seed: int = 0
    """seed of the searches"""
    runs: int = 1
    """runs of what is timed"""
    out: str = "runs/gpu_check.json"
    """file that the rows are written to"""


def measure(knobs: Knobs, policy: VLLM, prm: PRM) -> Iterator[Row]:
    """Tokens against the least that vLLM's cache allows, and speeds against the same requests without a search."""
    questions = [problem.question for problem in Arithmetic(limit=knobs.problems).load()]
    writer, reader = policy.engine.server, cast(VLLMReader, prm.reader).server
    best, quiet = f"Best-of-N, N = {knobs.n}", without_logprobs(policy)
    for name, searcher, writes, scorer in (
        (best, BestOfN(knobs.n), quiet, Checks()),
        (f"{best}, with log-probabilities", BestOfN(knobs.n), policy, SelfCertainty()),
        (f"beam, N = {knobs.n}", Beam(knobs.n), quiet, prm),
    ):
        run([Job(QUESTION, searcher, writes, scorer, seed=knobs.seed + 1)], 1)  # what is compiled at the first request
        with Traffic(writer, "generate") as wrote, Traffic(reader, "encode") as read:
            timed = run([Job(q, searcher, writes, scorer, seed=knobs.seed) for q in questions], len(questions))
        tokens = sum(tree.ledger.generated_tokens for tree in timed.trees)
        steps = sum(node.stats.get("count", 1) for tree in timed.trees for node in tree.nodes())
        if scorer is prm:
            yield from token_rows(name, timed.trees, wrote, read, prm.reader)
            alone = replayed(wrote, read, policy, prm, "again")
            yield Row(f"{name}: speed / its requests replayed", alone / timed.seconds, least=0.8)
        else:
            alone = straight(wrote, "again")
            yield Row(f"{name}: speed / straight into vLLM", alone / timed.seconds, least=0.85)
        yield Row(f"{name}: generated tokens a second", tokens / timed.seconds)
        yield Row(f"{name}: microseconds of search code a generated step", timed.own_seconds / steps * 1e6)


def large_models(folder: Path, knobs: Knobs, memory: float) -> tuple[VLLM, PRM]:
    """A policy and a reward model of random weights, whose engines start at once; `memory` is the GPU's, in GB."""
    size = "Qwen2.5-Math-7B" if memory >= 40 else "Qwen2.5-Math-1.5B"
    policy_model = make(folder / "policy", "Qwen2ForCausalLM", **SHAPES["Qwen2.5-Math-1.5B"])
    prm_model = make(folder / "prm", "Qwen2ForProcessRewardModel", **SHAPES[size])
    weights = 15.5 if memory >= 40 else 3.5
    limits: dict[str, Any] = {"max_tokens": knobs.max_tokens, "max_step_tokens": 64, "context": 2048}
    # With a cache of their own engines need not measure the memory, and start beside each other.
    policy = VLLM(policy_model, gpu_memory=POLICY, cache_gb=0.6 * (POLICY * memory - 3.5), **limits)
    prm = PRM(
        model=prm_model,
        engine=Engine.VLLM,
        context=2048,
        gpu_memory=SCORER,
        cache_gb=0.6 * (SCORER * memory - weights),
    )
    with random_weights():
        policy.start_loading()
        prm.start_loading()
    return policy, prm


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Ends the process and its engines after so many seconds."""

    def stop() -> None:
        print(f"gpu-check: stopped after {seconds:g} s", file=sys.stderr, flush=True)
        for process in active_children():
            process.kill()
        for command in _commands:
            if command.poll() is None:
                os.killpg(command.pid, signal.SIGKILL)
        os._exit(1)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def small_models(out: Path, engine: str, overrides: Sequence[str]) -> bool:
    """Whether a problem is solved and three are swept with the shipped models."""
    start = time.monotonic()
    codes = [
        stepsearch("solve", QUESTION, "search=mcts", *overrides),
        stepsearch("sweep", "problems.limit=3", "budgets=4", f"out={out / engine}", *overrides),
    ]
    print(f"{engine}: solve and sweep in {time.monotonic() - start:.0f} s; exit codes {codes}", flush=True)
    return not any(codes)


def stepsearch(*words: str) -> int:
    """The exit code of a command, whose output is shown where it fails."""
    command = [sys.executable, "-m", "experiments", *words]
    output: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, start_new_session=True, **output) as process:
        _commands.append(process)
        shown, _ = process.communicate()
    if process.returncode:
        print(f"stepsearch {' '.join(words)}\n{shown}", file=sys.stderr, flush=True)
    return process.returncode


def machine() -> str:
    """The GPU, the versions and the date, for the docs."""
    packages = ", ".join(f"{name} {_version(name)}" for name in ("torch", "vllm", "transformers"))
    return f"{torch.cuda.get_device_name(0)}; {packages}; {date.today().isoformat()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(none)"


def main() -> int:
    knobs = from_overrides(Knobs)
    if not torch.cuda.is_available():
        print("gpu-check needs an NVIDIA GPU that torch can use; there is none here, and nothing was run.")
        return 2
    print(machine(), flush=True)
    memory = torch.cuda.get_device_properties(0).total_memory / 1e9
    if memory < LEAST_GB:
        print(f"gpu-check needs a GPU of {LEAST_GB} GB or more; this one has {memory:.0f}, and nothing was run.")
        return 2
    with limit(knobs.seconds), tempfile.TemporaryDirectory() as name:
        policy, prm = large_models(Path(name), knobs, memory)
        with ThreadPoolExecutor() as pool:
            works = [pool.submit(small_models, Path(name), *each) for each in (("hf", ON_CUDA), ("vllm", ON_VLLM))]
            policy.load()
            prm.load()
        report = Report(Console(width=160), cast(Any, knobs))
        for row in measure(knobs, policy, prm):
            report.add(row)
    return int(not all(work.result() for work in works) or not all(row.in_bounds for row in report.rows))


if __name__ == "__main__":
    sys.exit(main())
