"""Where the searches of a sweep run: in this process, or in workers that build the same sweep from its command line."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from omegaconf import DictConfig, OmegaConf

from experiments.errors import RunError
from experiments.problems.sets import Problem
from experiments.runs.fingerprints import part_fingerprints, same_input
from experiments.runs.folder import Invocation
from experiments.runs.graded import Graded, graded
from experiments.runs.grid import Cell, Name, jobs
from experiments.runs.preflight import context_notes, load_engines, loaded, warn_of_context
from experiments.runs.recorder import Recorder
from experiments.runs.results import CellKey
from experiments.runs.resuming import own_fingerprints
from experiments.terminal import note, plural
from experiments.workers.cluster import Cluster
from experiments.workers.handing import Died, Handing
from experiments.workers.knobs import Ray
from experiments.workers.runner import search
from search.answers.answers import Answers
from search.answers.selection import Selection
from search.protocols import Scorer


class Parts(NamedTuple):
    """What the searches of a sweep share."""

    policy: Any
    scorer: Scorer
    second: Scorer | None
    answers: Answers
    selection: Selection

    @property
    def engines(self) -> tuple[Any, ...]:
        return self.policy, self.scorer, self.second


class Where(Protocol):
    """A place for the searches of a sweep; a context manager, which ends what it has started."""

    def __enter__(self) -> "Where": ...

    def __exit__(self, kind: Any, error: Any, trace: TracebackType | None) -> None: ...

    def load(self) -> None:
        """Loads the engines and says what a user should know of them. Raises an error where it cannot."""
        ...

    @property
    def at_once(self) -> int:
        """How many searches run beside each other, once the engines are loaded."""
        ...

    async def run(self, todo: Sequence[Name], recorder: Recorder) -> None:
        """Runs the searches and records each as it ends. Raises as `Recorder.run`."""
        ...


class Here:
    """This process."""

    def __init__(self, parts: Parts, questions: Sequence[str], draws: int, concurrency: int) -> None:
        self._parts, self._questions, self._draws, self._concurrency = parts, questions, draws, concurrency

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, kind: Any, error: Any, trace: TracebackType | None) -> None:
        """Engines are shared by all searches of the process, and end with it."""

    def load(self) -> None:
        policy, *scorers = self._parts.engines
        load_engines(policy, *scorers)
        warn_of_context(policy, scorers, self._questions)

    @property
    def at_once(self) -> int:
        return self._concurrency

    async def run(self, todo: Sequence[Name], recorder: Recorder) -> None:
        parts = self._parts
        work = jobs(todo, parts.scorer, self._draws, parts.second, parts.answers)
        await recorder.run(work, self._concurrency)


class Terms(NamedTuple):
    """From what a worker builds the sweep anew, and what it must then be."""

    words: Sequence[str]
    """the overrides"""
    before: Mapping[str, Any]
    """the policy's knobs that a resumed run has recorded"""
    opens: bool
    draws: int
    trees: bool
    longest: str
    """the longest question"""
    config: str
    """what the words compose, as YAML"""
    inputs_before: Mapping[str, Any] | None
    inputs: Mapping[str, str]
    """fingerprints of models, prompts, servers and files of the user's own classes"""


class Rebuilt(NamedTuple):
    """The sweep as a worker has built it."""

    parts: Parts
    cells: Sequence[Cell]
    config: DictConfig


def terms_of(command: Invocation, parts: Parts, trees: bool, longest: str) -> Terms:
    """The terms of this process."""
    return Terms(
        words=command.overrides,
        before=command.policy_before,
        opens=command.opens,
        draws=command.draws,
        trees=trees,
        longest=longest,
        config=OmegaConf.to_yaml(command.config),
        inputs_before=command.inputs_before,
        inputs=_fingerprints(command.inputs_before, parts, command.config),
    )


def _fingerprints(before: Mapping[str, Any] | None, parts: Parts, config: DictConfig) -> dict[str, str]:
    own = {name: value for name, (_, value) in own_fingerprints(config).items()}
    return {**part_fingerprints(before, *parts.engines), **own}


class Task(NamedTuple):
    """A search on its way to a worker: its place in the list of all, the problem's place, the cell's place."""

    number: int
    place: int
    problem: Problem
    cell: int
    seed: int


class _Tasks(Sized):
    """The searches as tasks, each made when it is handed out; `cells` are the places of the cells."""

    def __init__(self, names: Sequence[Name], cells: Mapping[CellKey, int]) -> None:
        self._names, self._cells = names, cells

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Task]:
        for number, name in enumerate(self._names):
            yield Task(number, name.place, name.problem, self._cells[name.cell.key], name.seed)


class SweepRunner:
    """Runs and grades the searches of a sweep in a worker."""

    def __init__(self, rebuild: Callable[[Terms], Rebuilt], terms: Terms) -> None:
        """Raises RunError where the sweep is another one here: another version, other files or other weights."""
        built = rebuild(terms)
        self._parts, self._cells, self._terms = built.parts, built.cells, terms
        if OmegaConf.to_yaml(built.config) != terms.config:
            raise RunError("the same words make another config here; install the same stepsearch on every machine")
        mine = _fingerprints(terms.inputs_before, built.parts, built.config)
        different = sorted(n for n in {*mine, *terms.inputs} if not same_input(n, mine.get(n), terms.inputs.get(n)))
        if different:
            raise RunError(f"{', '.join(different)} differ here from where the sweep was started; copy the files there")

    def load(self) -> list[str]:
        policy, *scorers = self._parts.engines
        return [*loaded(policy, *scorers), *context_notes(policy, scorers, [self._terms.longest])]

    async def run(self, item: Task) -> Graded | Died:
        parts, terms = self._parts, self._terms
        name = Name(item.place, item.problem, self._cells[item.cell], item.seed)
        (job,) = jobs([name], parts.scorer, terms.draws, parts.second, parts.answers)
        solved = await search(job)
        if isinstance(solved, Died):
            return solved
        return await asyncio.to_thread(graded, solved, name, parts.selection, terms.trees)


class OnRay:
    """Workers on Ray."""

    def __init__(
        self,
        knobs: Ray,
        rebuild: Callable[[Terms], Rebuilt],
        terms: Terms,
        cells: Sequence[Cell],
        gpus: int,
        concurrency: int,
    ) -> None:
        """`concurrency` is that of each worker, `gpus` what each one needs where there are some."""
        self._places = {cell.key: place for place, cell in enumerate(cells)}
        self._concurrency = concurrency
        self.cluster = Cluster(knobs, gpus, SweepRunner, (rebuild, terms), concurrency)

    def __enter__(self) -> "OnRay":
        return self

    def __exit__(self, kind: Any, error: Any, trace: TracebackType | None) -> None:
        self.cluster.close()

    def load(self) -> None:
        """Connects, starts the workers and waits for the first of them."""
        self.cluster.start()
        told = self.cluster.first_ready()
        for line in [
            *told.notes,
            f"{plural(len(self.cluster.workers), 'worker')} on Ray; the first is ready, on {told.host}",
        ]:
            note(line)

    @property
    def at_once(self) -> int:
        return self._concurrency * max(1, len(self.cluster.workers))

    async def run(self, todo: Sequence[Name], recorder: Recorder) -> None:
        tasks = _Tasks(todo, self._places)

        async def hand(record: Callable[[Name, Graded], None]) -> None:
            handing = Handing(tasks, self._concurrency, lambda task, kept: record(todo[task.number], kept), note)
            await handing.run(self.cluster.workers)

        await recorder.run_elsewhere(hand)
