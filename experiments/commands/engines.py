"""Prints the `vllm serve` commands of a policy and a scorer for a list of GPUs; with run=true, runs and watches them.

usage: stepsearch engines [key=value ...]

Each policy's server has `per_policy` GPUs of `gpus`, each scorer's `per_scorer`; both may share a GPU, by
policy.gpu_memory and scorer.gpu_memory. The last line printed is what `solve` and `sweep` are told to use them. With
run=true a server that ends is started anew; Ctrl-C ends all, and so does the end of this command however it ends.

    stepsearch engines policy.model=Qwen/Qwen2.5-Math-7B-Instruct scorer.model=Qwen/Qwen2.5-Math-PRM-7B gpus=0,1,2,3
    stepsearch engines policy.model=Qwen/Qwen2.5-Math-72B-Instruct gpus=0,1,2,3 per_policy=4 scorer_gpus=4 scorer=prm
    stepsearch engines run=true
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import INTERRUPTED, ConfigError
from experiments.runs.stopping import TERMINATED
from policies.engines.share import Share
from policies.engines.supervisor import supervise
from policies.engines.vllm_serve import Serve, serve
from scorers.implicit import Implicit
from search.errors import KnobError, check_knob


@dataclass(frozen=True)
class Engines:
    """The knobs of `stepsearch engines`."""

    policy: Any = None
    scorer: Any = None
    gpus: list[int] = field(default_factory=lambda: [0])
    """GPUs of the policy's servers"""
    scorer_gpus: list[int] | None = None
    """GPUs of the scorer's servers; null: the same"""
    per_policy: int = 1
    """GPUs that hold one policy together"""
    per_scorer: int = 1
    """GPUs that hold one scorer together"""
    host: str = "127.0.0.1"
    """address at which the servers listen; the route of reward models asks for no key"""
    port: int = 8000
    """port of the first server; the others follow"""
    run: bool = False
    """start the servers, and start those anew that end"""
    logs: str = "runs/engines"
    """folder of the servers' logs, with run=true"""

    def __post_init__(self) -> None:
        check_knob(self, "per_policy", least=1)
        check_knob(self, "per_scorer", least=1)
        check_knob(self, "port", least=1, most=65_000)


class _Terminated(Exception):
    """SIGTERM has come."""


def main(overrides: Sequence[str] = ()) -> int:
    run: Engines = build(compose(Engines, overrides))
    policies, scorers = servers(run)
    for server in (*policies, *scorers):
        print(server.line)
    print(" ".join(use(policies, scorers)), flush=True)
    return watched([*policies, *scorers], Path(run.logs).expanduser()) if run.run else 0


def servers(run: Engines) -> tuple[list[Serve], list[Serve]]:
    """The policy's servers and the scorer's, none where it needs no vLLM. Raises KnobError, ConfigError, ModelError."""
    if not isinstance(run.policy, Share):
        raise ConfigError("engines: only vLLM runs as a server; give policy=vllm")
    port = iter(range(run.port, 65_536))
    policies = list(_of(run.policy, "generate", _groups("gpus", run.gpus, run.per_policy), run.host, port))
    if not isinstance(run.scorer, Share):
        return policies, []
    if isinstance(run.scorer, Implicit):
        raise KnobError("engines: scorer=implicit reads with two models and runs in the sweep's own process")
    runner = "generate" if getattr(run.scorer, "words", None) or not hasattr(run.scorer, "head") else "pooling"
    gpus = run.gpus if run.scorer_gpus is None else run.scorer_gpus
    groups = _groups("gpus" if run.scorer_gpus is None else "scorer_gpus", gpus, run.per_scorer)
    return policies, list(_of(run.scorer, runner, groups, run.host, port))


def _groups(knob: str, gpus: Sequence[int], size: int) -> list[list[int]]:
    """The GPUs of each server. Raises KnobError where they do not go round."""
    if not gpus or len(gpus) % size or len(set(gpus)) < len(gpus):
        raise KnobError(f"{knob}={','.join(map(str, gpus))}: {size} a server do not go round; name each GPU once")
    return [list(gpus[at : at + size]) for at in range(0, len(gpus), size)]


def _of(owner: Any, runner: str, groups: Sequence[list[int]], host: str, port: Iterator[int]) -> Iterator[Serve]:
    """A server for each group of GPUs, or one on the owner's own `gpus`. Raises KnobError for what that decides."""
    if owner.url or owner.gpu:
        raise KnobError("engines: url and gpu of policy and scorer are what it decides; leave them out")
    adapter = getattr(owner, "adapter", None)
    for group in [owner.gpus] if owner.gpus else groups:
        place: dict[str, Any] = {"gpus": group, "gpu": 0} if len(group) > 1 else {"gpus": [], "gpu": group[0]}
        yield serve(owner.model, owner.dtype, replace(owner.share, **place), runner, host, next(port), adapter)


def use(policies: Sequence[Serve], scorers: Sequence[Serve]) -> Iterator[str]:
    """The knobs with which `solve` and `sweep` use the servers."""
    yield "policy=vllm policy.url=" + ",".join(server.url for server in policies)
    if scorers:
        yield "scorer.engine=vllm scorer.url=" + ",".join(server.url for server in scorers)


def watched(all_of_them: Sequence[Serve], logs: Path) -> int:
    """Runs the servers until Ctrl-C or SIGTERM, and returns the exit code."""

    def stop(*_: object) -> NoReturn:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        for _ in supervise(all_of_them, logs, lambda line: print(line, file=sys.stderr, flush=True)):
            pass
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0
