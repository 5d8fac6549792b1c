"""`solve_all` of Python with workers: the objects of the jobs are sent, each engine is loaded in the workers alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

from experiments.errors import ConfigError
from experiments.workers.cluster import Cluster, dumps, loads
from experiments.workers.gpus import gpus_of
from experiments.workers.handing import Died, Handing
from experiments.workers.knobs import Ray
from experiments.workers.runner import search
from search.errors import KnobError
from search.solve import Job, Solved
from search.solve import solve_all as solve_all_here
from search.tree import Tree

_OBJECTS = ("searcher", "policy", "scorer", "second", "answers")


async def solve_all(
    jobs: Iterable[Job],
    concurrency: int = 64,
    late: list[Solved] | None = None,
    *,
    workers: str | Ray | None = None,
) -> AsyncIterator[Solved]:
    """Yields jobs as they end, as `search.solve_all`; with `workers="ray"`, or `Ray(count=4)`, from workers on Ray.

    There are then up to `concurrency` searches in each worker. Searchers, policies and scorers are sent there as Ray
    sends objects, by their knobs, and must be importable there; engines are loaded in each worker. A worker that dies
    gives its searches to the others. Raises KnobError for a wrong `concurrency`, ConfigError for wrong `workers`, and
    RunError where no worker can work.
    """
    if workers is None:
        async for solved in solve_all_here(jobs, concurrency, late):
            yield solved
        return
    if concurrency < 1:
        raise KnobError(f"solve_all's concurrency is {concurrency}; it must be >= 1")
    if workers != "ray" and not isinstance(workers, Ray):
        raise ConfigError(f"workers={workers!r}: write workers='ray', workers=Ray(count=4), or leave it out")
    work = jobs if isinstance(jobs, list | tuple) else list(jobs)
    knobs = Ray() if isinstance(workers, str) else workers
    gpus = max((gpus_of(job.policy, job.scorer, job.second) for job in work), default=0)
    ended: asyncio.Queue[Solved | None] = asyncio.Queue()
    with Cluster(knobs, gpus, JobRunner, (), concurrency) as cluster:
        handing = Handing(
            _sent(work), concurrency, lambda sent, back: ended.put_nowait(_solved(work[sent.place], back))
        )
        running = asyncio.create_task(handing.run(cluster.workers))
        running.add_done_callback(lambda _: ended.put_nowait(None))
        try:
            while (solved := await ended.get()) is not None:
                yield solved
            running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            while late is not None and not ended.empty():
                late += [solved for solved in [ended.get_nowait()] if solved is not None]


class Sent(NamedTuple):
    """A job on its way to a worker."""

    place: int
    plain: dict[str, Any]
    """question, budget, seed and draws"""
    objects: dict[str, tuple[int, bytes]]
    """by role, each with a number that equal objects share: a worker makes each one once"""


class Back(NamedTuple):
    """A search on its way back."""

    tree: str
    error: bytes | None


def _sent(jobs: Iterable[Job]) -> list[Sent]:
    known: dict[int, tuple[int, bytes]] = {}

    def sent(part: Any) -> tuple[int, bytes]:
        if id(part) not in known:
            known[id(part)] = (len(known), dumps(without_engine(part)))
        return known[id(part)]

    return [
        Sent(
            place,
            {"question": job.question, "budget": job.budget, "seed": job.seed, "draws": job.draws},
            {role: sent(part) for role in _OBJECTS if (part := getattr(job, role)) is not None},
        )
        for place, job in enumerate(jobs)
    ]


def without_engine(part: Any) -> Any:
    """A dataclass by its knobs alone, without what it has loaded, which it keeps beside them; others as they are."""
    if isinstance(part, list | tuple) and type(part) in (list, tuple):
        return type(part)(map(without_engine, part))
    if isinstance(part, type) or not is_dataclass(part) or not all(knob.init for knob in fields(part)):
        return part
    knobs = {knob.name: without_engine(getattr(part, knob.name)) for knob in fields(part)}
    return replace(part, **knobs)  # pyright: ignore[reportArgumentType]


class JobRunner:
    """Runs jobs in a worker; policies and scorers load their engines at the first request."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}

    def load(self) -> list[str]:
        return []

    async def run(self, item: Sent) -> Back | Died:
        job = Job(**item.plain, **{role: self._object(*part) for role, part in item.objects.items()})
        solved = await search(job)
        if isinstance(solved, Died):
            return solved
        return Back(solved.tree.dumps(), None if solved.error is None else _error(solved.error))

    def _object(self, number: int, sent: bytes) -> Any:
        if number not in self._objects:
            self._objects[number] = loads(sent)
        return self._objects[number]


def _error(error: Exception) -> bytes:
    """An error as it can be sent; as its text where its class does not stand it."""
    try:
        sent = dumps(error)
        loads(sent)
        return sent
    except Exception:
        return dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _solved(job: Job, back: Back) -> Solved:
    tree = Tree.loads(back.tree)
    tree.answers = job.answers or tree.answers
    return Solved(job, tree, None if back.error is None else loads(back.error))
