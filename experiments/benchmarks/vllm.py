"""What the search engine adds to vLLM, as ratios: python -m experiments.bench_vllm [problems=...] [runs=...]

Small models, one process, a fixed seed. Tokens are counted against the least that vLLM's cache allows: what is new of
each prompt, and what a cache of whole blocks must read again. Speeds are against the same requests sent straight into
vLLM. Rows go to the screen and into `out` as they come; the exit code is 1 where a ratio is out of its bound.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, cast

import torch
from rich.console import Console

from experiments.config.schema import from_overrides
from experiments.problems.sets import Arithmetic
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checkpoints.forms import Tagged, token_id
from scorers.checkpoints.vllm_reader import VLLMReader
from scorers.prm import PRM, STEP_TAG
from scorers.self_certainty import SelfCertainty
from search import MCTS, Beam, BestOfN, Job, ParticleFilter, Tree, solve_all
from search.solve import Searcher


@dataclass
class Knobs:
    problems: int = 100
    n: int = 16
    runs: int = 5
    seed: int = 0
    threads: int = 1  # of torch in this process, which computes nothing
    out: str = "runs/bench_vllm.json"


class Row(NamedTuple):
    """One line of the table; `most` and `least` bound the ratio where the project promises one."""

    what: str
    ratio: float
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def held(self) -> bool:
        return (self.least is None or self.ratio >= self.least) and (self.most is None or self.ratio <= self.most)


# tokens against the least possible


class Event(NamedTuple):
    """A request began with these tokens, or had written up to these by its end."""

    search: str
    began: bool
    ids: tuple[int, ...]


class Request(NamedTuple):
    """What is needed to send a request again."""

    ids: Sequence[int]
    params: Any
    search: str


@dataclass
class Traffic:
    """Listens to a server's requests."""

    server: Any
    method: str
    events: list[Event] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def __enter__(self) -> "Traffic":
        plain = getattr(self.server, self.method)

        async def listening(ids: Sequence[int], params: Any, salt: str) -> Any:
            self.events.append(Event(salt, True, tuple(ids)))
            self.sent.append(Request(list(ids), params, salt))
            output = await plain(ids, params, salt)
            if self.method == "generate":
                written = output.outputs[0].token_ids[:-1]  # the last token was never read
                self.events.append(Event(salt, False, (*ids, *written)))
            return output

        setattr(self.server, self.method, listening)
        return self

    def __exit__(self, *_: object) -> None:
        delattr(self.server, self.method)


class Least(NamedTuple):
    """Prompt tokens that no earlier request of the same search had, and those before them in a block begun."""

    new: int
    rounding: int


def least(events: Iterable[Event], block: int) -> Least:
    """Tokens that had to be computed; a prompt's last token always has to be."""
    tries: dict[str, dict[int, Any]] = defaultdict(dict)
    new = rounding = 0
    for event in events:
        shared = _insert(tries[event.search], event.ids)
        if event.began:
            shared = min(shared, len(event.ids) - 1)
            new += len(event.ids) - shared
            rounding += shared % block
    return Least(new, rounding)


def _insert(trie: dict[int, Any], ids: Sequence[int]) -> int:
    """How many tokens were there already."""
    shared = 0
    for token in ids:
        shared += token in trie
        trie = trie.setdefault(token, {})
    return shared


def token_rows(name: str, trees: Sequence[Tree], wrote: Traffic, read: Traffic, reader: Any) -> list[Row]:
    figures = ("generated_tokens", "prompt_tokens_computed", "scorer_tokens_computed")
    generated, prompts, scored = (sum(getattr(tree.ledger, figure) for tree in trees) for figure in figures)
    policy, scorer = least(wrote.events, wrote.server.block), least(read.events, read.server.block)
    written = (prompts + generated) / (policy.new + generated)
    again = sum(_prefixes(tree, reader.tokenizer) for tree in trees) / scorer.new
    return [
        Row(
            f"{name}: policy tokens / least",
            (prompts + generated) / (policy.new + policy.rounding + generated),
            most=1.03,
            note=f"{written:.2f} without block rounding",
        ),
        Row(
            f"{name}: scorer tokens / least",
            scored / (scorer.new + scorer.rounding),
            most=1.03,
            note=f"{scored / scorer.new:.2f} without block rounding; {again:.1f} if every step read its whole prefix",
        ),
    ]


def _prefixes(tree: Tree, tokenizer: Any) -> int:
    """Tokens of all nodes' prefixes: what a scorer reads that keeps nothing."""
    form = Tagged(STEP_TAG, system_prompt="")
    paths = [node.steps() for node in tree.nodes() if node.step is not None]
    return sum(len(form.encode(tokenizer, tree.question, [s.text.strip() for s in path]).ids) for path in paths)


# speeds


class Timed(NamedTuple):
    trees: list[Tree]
    seconds: float
    own_seconds: float  # of this thread's CPU: the searches; the engines and their front ends run elsewhere


def run(jobs: Sequence[Job], concurrency: int) -> Timed:
    async def all_of_them() -> list[Tree]:
        return [solved.tree async for solved in solve_all(jobs, concurrency)]

    start, own = time.perf_counter(), time.thread_time()
    trees = asyncio.run(all_of_them())
    return Timed(trees, time.perf_counter() - start, time.thread_time() - own)


async def _all(ask: Callable[..., Any], requests: Sequence[Request], label: str) -> None:
    await asyncio.gather(*(ask(ids, params, f"{label} {salt}") for ids, params, salt in requests))


def straight(wrote: Traffic, label: str) -> float:
    """Seconds that the same requests take when all are sent into vLLM at once."""
    server, start = wrote.server, time.perf_counter()
    asyncio.run(server.run(_all(server.generate, wrote.sent, label)))
    return time.perf_counter() - start


def replayed(wrote: Traffic, read: Traffic, policy: VLLM, prm: PRM, label: str) -> float:
    """Seconds that the searches' own requests take without search code: of each search level by level.

    A level is the requests whose paths have equally many steps: all of them are written, then all are judged.
    """
    boundaries, tag = policy.engine.vocabulary.delimiter_ids, token_id(prm.reader.tokenizer, STEP_TAG)
    searches: dict[str, dict[int, list[list[Request]]]] = defaultdict(lambda: defaultdict(lambda: [[], []]))
    for request in wrote.sent:
        searches[request.search][sum(token in boundaries for token in request.ids)][0].append(request)
    for request in read.sent:
        searches[request.search][sum(token == tag for token in request.ids) - 1][1].append(request)

    async def one(levels: dict[int, list[list[Request]]]) -> None:
        for _, (writes, reads) in sorted(levels.items()):
            await wrote.server.run(_all(wrote.server.generate, writes, label))
            await read.server.run(_all(read.server.encode, reads, label))

    async def everything() -> None:
        await asyncio.gather(*map(one, searches.values()))

    start = time.perf_counter()
    asyncio.run(everything())
    return time.perf_counter() - start


def speed_rows(knobs: Knobs, questions: Sequence[str], policy: VLLM, prm: PRM) -> list[Row]:
    """Medians over interleaved runs, each with a seed of its own."""
    writer, reader = policy.engine.server, cast(VLLMReader, prm.reader).server
    shares: dict[str, list[float]] = defaultdict(list)
    for seed in range(knobs.seed + 1, knobs.seed + 1 + knobs.runs):
        for name, searcher, scorer in (("best_of_n", BestOfN(knobs.n), SelfCertainty()), ("beam", Beam(knobs.n), prm)):
            with Traffic(writer, "generate") as wrote, Traffic(reader, "encode") as read:
                ours = run([Job(q, searcher, policy, scorer, seed=seed) for q in questions], len(questions)).seconds
            label = f"again {name} {seed}"
            theirs = straight(wrote, label) if name == "best_of_n" else replayed(wrote, read, policy, prm, label)
            shares[name].append(theirs / ours)
    return [
        Row(f"Best-of-{knobs.n}: speed / its requests straight into vLLM", median(shares["best_of_n"]), least=0.85),
        Row(f"beam, N = {knobs.n}: speed / its requests replayed without search", median(shares["beam"]), least=0.8),
    ]


def overlap_row(knobs: Knobs, questions: Sequence[str], policy: VLLM, prm: PRM) -> Row:
    """The same searches all at once and one after another."""
    jobs = [Job(question, Beam(4), policy, prm, seed=knobs.seed) for question in questions]
    together, alone = run(jobs, len(jobs)), run(jobs, 1)
    tokens = [sum(tree.ledger.generated_tokens for tree in timed.trees) for timed in (together, alone)]
    note = f"generated tokens {tokens[0] / tokens[1]:.3f}"
    return Row(
        f"beam, N = 4: {len(jobs)} problems at once / one by one", alone.seconds / together.seconds, 4, None, note
    )


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    policy, prm = VLLM(context=2048), PRM(engine=Engine.VLLM, context=2048)
    writer, reader = policy.engine.server, cast(VLLMReader, prm.reader).server
    questions = [problem.question for problem in Arithmetic(limit=knobs.problems).load()]
    searchers: dict[str, Searcher] = {
        "Best-of-N": BestOfN(knobs.n),
        "beam": Beam(knobs.n),
        "MCTS": MCTS(simulations=knobs.n),
        "particle filter": ParticleFilter(knobs.n),
    }
    told = Told(Console(width=160), knobs)
    for name, searcher in searchers.items():
        with Traffic(writer, "generate") as wrote, Traffic(reader, "encode") as read:
            timed = run([Job(q, searcher, policy, prm, seed=knobs.seed) for q in questions], len(questions))
        steps = sum(node.stats.get("count", 1) for tree in timed.trees for node in tree.nodes())
        told.add(*token_rows(name, timed.trees, wrote, read, prm.reader))
        told.add(Row(f"{name}: microseconds of search code a generated step", timed.own_seconds / steps * 1e6))
    told.add(*speed_rows(knobs, questions, policy, prm))
    told.add(overlap_row(knobs, questions, policy, prm))
    sys.exit(not all(row.held for row in told.rows))


class Told:
    """Prints rows as they come, and keeps them in the file: a run that is cut short loses what was in flight."""

    def __init__(self, console: Console, knobs: Knobs) -> None:
        self.rows: list[Row] = []
        self._console, self._knobs = console, knobs
        console.print(
            f"{knobs.problems} problems, N = {knobs.n}, seed {knobs.seed}, {knobs.runs} runs of what is timed"
        )

    def add(self, *rows: Row) -> None:
        for row in rows:
            bound = f"at least {row.least}" if row.least is not None else f"at most {row.most}" if row.most else ""
            held = bound if row.held else f"{bound}: NOT HELD"
            self._console.print(f"{row.what:70} {row.ratio:8,.3f}  {held:22} {row.note}", highlight=False)
        self.rows += rows
        out = Path(self._knobs.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"knobs": vars(self._knobs), "rows": [row._asdict() for row in self.rows]}, indent=1))


if __name__ == "__main__":
    main()
