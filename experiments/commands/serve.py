r"""Answers questions by search behind an OpenAI-compatible endpoint, and shows searches on a page.

usage: stepsearch serve [key=value ...]

A client's model chooses the searcher and its scale, stepsearch/beam-16. The page is at the server's address. The key
comes from the environment, STEPSEARCH_API_KEY; without one the server listens on this machine alone.

    stepsearch serve
    stepsearch serve policy=vllm policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct policy.gpu_memory=0.3 \
        scorer.engine=vllm scorer.model=Qwen/Qwen2.5-Math-PRM-7B scorer.gpu_memory=0.6 running=32
    stepsearch serve search.beam.branch=2 budget.generated_tokens=20000 deadline=60
    STEPSEARCH_API_KEY=... stepsearch serve host=0.0.0.0 port=9000
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import DictConfig

from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.config.settings import setting_of
from experiments.errors import ConfigError, check_installed, one_of
from experiments.runs.preflight import load_engines, with_ends
from experiments.terminal import note
from search.answers.answers import Answers
from search.errors import KnobError, check_knob
from search.tree.cost import Budget

SEARCHING = 0.9
"""of the deadline, where a second scorer judges in what is left of it"""


@dataclass(frozen=True)
class Serve:
    """The knobs of `stepsearch serve`."""

    search: Any = None
    policy: Any = None
    scorer: Any = None
    second: Any = None
    selection: Any = None
    answer: Any = None
    grader: Any = None
    budget: Budget = field(default_factory=Budget)
    searchers: list[str] | None = None
    """the searchers that clients may choose, also beam@wide with search.wide.*; null: all that fit policy and scorer"""
    host: str = "127.0.0.1"
    """address to listen on; 0.0.0.0, all of this machine's, needs a key"""
    port: int = 8000
    """port to listen on"""
    deadline: float = 240.0
    """seconds that a search may take, and may wait for its turn before; it then answers with what it has; a second
    scorer has at least the last tenth of them"""
    running: int = 8
    """searches at once; others wait"""
    waiting: int = 32
    """searches that wait; further ones are refused with 429"""
    largest: int = 64
    """largest N of a request, stepsearch/beam-N"""

    def __post_init__(self) -> None:
        check_knob(self, "port", least=1, most=65535)
        check_knob(self, "deadline", above=0)
        check_knob(self, "running", least=1)
        check_knob(self, "waiting", least=0)
        check_knob(self, "largest", least=1)


def main(overrides: Sequence[str] = ()) -> int:
    check_installed("stepsearch serve", "fastapi", "uvicorn", "prometheus_client")
    from experiments.serving.app import app_of
    from experiments.serving.door import KEY, is_local
    from experiments.serving.listening import Listening, bound

    run = build_serve(compose(Serve, overrides))
    key = os.environ.get(KEY) or None
    if key is None and not is_local(run.host):
        raise ConfigError(f"host={run.host} lets others in: set a key in the environment, {KEY}, or leave host out")
    server = server_of(run, key)
    with bound(run.host, run.port) as address:  # before the models, which may take minutes to load
        load_engines(server.engines.policy, run.scorer, run.second)
        note(f"page: http://{run.host}:{run.port}/   endpoint: http://{run.host}:{run.port}/v1   Ctrl-C ends it")
        Listening(app_of(server), server.gate).run([address])
    return 0


def server_of(run: Serve, key: str | None) -> Any:
    """The server that the knobs describe; no model is loaded. Raises KindError and KnobError where parts do not fit."""
    from experiments.serving.door import Door
    from experiments.serving.gate import Gate
    from experiments.serving.models import Models, fitting
    from experiments.serving.searching import Engines
    from experiments.serving.server import Server

    seconds = min(run.deadline, run.budget.seconds or run.deadline)
    searching = seconds if run.second is None else SEARCHING * seconds
    budget = replace(run.budget, seconds=searching)
    policy = with_ends(run.policy, run.answer)
    answers = Answers(run.answer, run.grader)
    fit, unfit = fitting(run.search, policy, run.scorer, run.selection, run.second)
    for name, why in unfit.items():
        if run.searchers is not None or not fit:
            raise KnobError(f"searchers: {name} does not fit: {why}")
        note(f"note: without {name}: {why}")
    engines = Engines(policy, run.scorer, run.second, run.selection, answers, budget, seconds)
    models = Models(fit, run.largest, int(time.time()))
    gate = Gate(run.running, run.waiting, seconds)
    return Server(engines, models, gate, Door(key, run.host))


def build_serve(config: DictConfig) -> Serve:
    """The knobs, built with only the searchers that clients may choose; a setting, beam@wide, goes by its own name.

    Raises ConfigError for an unknown searcher.
    """
    if config.searchers is None:
        names = [name for name in map(str, config.search) if name != "custom" or config.search.custom.cls]
    else:
        names = [setting_of(str(name)) for name in config.searchers]
    for name in names:
        if name not in config.search:
            raise ConfigError(f"searchers: no such searcher {name!r}; choose from {one_of(config.search, name)}")
    if len(set(names)) < len(names) or not names:
        raise ConfigError("searchers: name at least one searcher, and each only once")
    chosen = config.copy()
    chosen.search = {name: config.search[name] for name in names}
    return build(chosen)
