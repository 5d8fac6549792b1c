"""What a request to a server costs its client, and whether one fails: python -m experiments.benchmarks.remote

A server that answers at once stands for `vllm serve`, in a process of its own; `policy_url` and `scorer_url` name real
ones of the small models. Policy requests have a prompt of 1,000 tokens and bring 100 with log-probabilities, PRM
requests 300 tokens. Each pause holds the client's loop while the server closes its idle connections. The exit code is 1
where a bound is not held.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from experiments.benchmarks.instant import slowness
from experiments.config.script import from_overrides
from policies.engines.fleet import Fleet
from policies.engines.server import Draw, Read
from policies.engines.share import Share

MOST_WRITING, MOST_READING = 1.2, 0.8  # ms of the client's CPU
PROMPT, PATH, TOKENS = 1_000, 300, 100


@dataclass
class Knobs:
    """What is measured."""

    requests: int = 10_000
    """requests of each kind"""
    at_once: int = 256
    """requests that wait for an answer at the same time"""
    pauses: int = 5
    """in equal parts of the requests"""
    pause: float = 6.0
    """seconds of each"""
    policy_url: str | None = None
    """a server of the small policy; null: the one that answers at once"""
    scorer_url: str | None = None
    """a server of the small PRM"""


class Measured(NamedTuple):
    """Milliseconds of CPU a request, requests a second without the pauses, and requests that failed."""

    what: str
    cpu: float
    rate: float
    failed: int
    most: float

    def held(self, slow: float) -> bool:
        return not self.failed and self.cpu / slow <= self.most


@contextmanager
def server(model: str, url: str | None) -> Iterator[str]:
    """The address of the named server, or of one that answers at once."""
    if url is not None:
        yield url
        return
    words = [sys.executable, "-m", "experiments.benchmarks.instant_server", model]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


Request = Callable[[int], Coroutine[Any, Any, Any]]


def measure(knobs: Knobs, what: str, fleet: Fleet, request: Request, most: float) -> Measured:
    """Makes the requests in parts, each behind a pause in which the client's loop does nothing."""
    fleet.ready()
    failed, cpu, seconds, parts = 0, 0.0, 0.0, max(1, knobs.pauses)
    for _ in range(parts):
        if knobs.pauses:
            asyncio.run(fleet.run(_hold(knobs.pause)))
        start, busy = time.perf_counter(), time.process_time()
        failed += asyncio.run(fleet.run(_part(what, request, knobs.requests // parts, knobs.at_once)))
        cpu, seconds = cpu + time.process_time() - busy, seconds + time.perf_counter() - start
    made = parts * (knobs.requests // parts)
    return Measured(what, cpu / made * 1e3, made / seconds, failed, most)


async def _part(what: str, request: Request, count: int, at_once: int) -> int:
    """Makes so many requests; how many failed."""
    numbers, failed = iter(range(count)), list[int]()

    async def worker() -> None:
        for number in numbers:
            try:
                await request(number)
            except Exception as error:
                print(f"{what}: {type(error).__name__}: {error}", file=sys.stderr)
                failed.append(number)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return len(failed)


async def _hold(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 # nothing runs in the loop meanwhile, as where it is busy


def writing(knobs: Knobs, url: str) -> Measured:
    """Requests of a policy."""
    fleet = Fleet("tiny", Share(url=[url], context=32_768), "generate")
    prompt = [20 + place % 20 for place in range(min(PROMPT, fleet.context - TOKENS))]
    draw = Draw(1.0, seed=7, max_tokens=TOKENS)
    what = f"policy, {len(prompt):,} + {TOKENS} tokens"
    try:
        return measure(knobs, what, fleet, lambda n: fleet.generate(prompt, draw, f"search {n % 64}"), MOST_WRITING)
    finally:
        fleet.close()


def reading(knobs: Knobs, url: str) -> Measured:
    """Requests of a PRM."""
    fleet = Fleet("tiny-prm", Share(url=[url]), "pooling")
    path = [20 + place % 20 for place in range(min(PATH, fleet.context - 1))]
    what = f"PRM, {len(path)} tokens"
    try:
        return measure(knobs, what, fleet, lambda n: fleet.encode(path, Read(1), f"search {n % 64}"), MOST_READING)
    finally:
        fleet.close()


def main() -> None:
    knobs, slow = from_overrides(Knobs), slowness()
    kinds = ("tiny", knobs.policy_url, writing), ("tiny-prm", knobs.scorer_url, reading)
    held = True
    for model, url, measured in kinds:
        with server(model, url) as address:
            row = measured(knobs, address)
        held &= row.held(slow)
        print(
            f"{row.what}: {row.cpu:.2f} ms of CPU a request, {row.cpu / slow:.2f} as of a measured machine (at most "
            f"{row.most}); {row.rate:,.0f}/s; {row.failed} of {knobs.requests:,} failed"
            + "  NOT HELD"
            * (not row.held(slow)),
            flush=True,
        )
    sys.exit(not held)


if __name__ == "__main__":
    main()
