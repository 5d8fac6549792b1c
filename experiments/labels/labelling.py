"""Labels the problems of a run, a search each, and writes a line for each problem as it ends."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from experiments.errors import RunError
from experiments.labels.counting import count
from experiments.labels.labels import Labelled, Labels, Method
from experiments.labels.prefixes import Prefixes, chosen, prefixes
from experiments.labels.reading import READERS, cut_completions, read_verdicts
from experiments.labels.searchers import Binary, MonteCarlo, Unjudged, Verdicts
from experiments.labels.sources import Source
from experiments.runs.grading import is_right
from search.answers.answers import Answers
from search.errors import WorkerDied
from search.protocols import Policy, Scorer
from search.solve import solve
from search.tasks import pool
from search.tree import Node, Tree

COMPLETING = (Method.MONTE_CARLO, Method.BINARY)
"""The methods that ask the policy for completions."""


@dataclass(frozen=True)
class Labeller:
    """A method with what it needs. `solutions` is the most of a problem that are labelled, None for all."""

    method: Method
    policy: Policy
    scorer: Scorer
    answers: Answers
    k: int
    least: int
    threshold: float
    solutions: int | None
    seed: int

    def check(self, sources: Iterable[Source]) -> None:
        """Raises RunError where no solution is finished, or where the policy cannot go on from the first one."""
        leaves = (leaf for s in sources for tree, _ in s.searched() for leaf in tree.leaves() if leaf.finished)
        leaf = next(leaves, None)
        if leaf is None:
            raise RunError(
                "no solution of the run is finished, all were cut; raise the policy's limits and sweep again"
            )
        if self.method in COMPLETING:
            check_tokens(self.policy, leaf)

    async def labels(self, source: Source) -> Labels:
        """The labels of a problem's solutions; none where all were cut."""
        if self.method is Method.TREE:
            return _line(self, source, await asyncio.to_thread(self._counted, source))
        given = await asyncio.to_thread(self._prefixes, source)
        if not given.ends:
            return _line(self, source, [])
        searcher = self._searcher(given, _right(given.tree, source.gold))
        scorer = self.scorer if self.method is Method.CRITIC else Unjudged()
        await solve(source.question, searcher, self.policy, scorer, tree=given.tree)
        solutions = await asyncio.to_thread(self._read, given, source)
        return _line(self, source, solutions, given)

    def _searcher(self, given: Prefixes, right: Callable[[Node], bool]) -> MonteCarlo | Binary | Verdicts:
        if self.method is Method.MONTE_CARLO:
            return MonteCarlo(given, self.k)
        return Binary(given, self.k, right) if self.method is Method.BINARY else Verdicts(given)

    def _prefixes(self, source: Source) -> Prefixes:
        finished = [leaf for tree, _ in source.searched() for leaf in tree.leaves() if leaf.finished]
        leaves = chosen(finished, self.solutions, self.seed)
        if self.method in COMPLETING and leaves:
            check_tokens(self.policy, leaves[0])
        right = _right(Tree(source.question, answers=self.answers), source.gold)
        return prefixes(source.question, self.seed, leaves, right, self.answers, born=self.method is not Method.CRITIC)

    def _counted(self, source: Source) -> list[Labelled]:
        right = _right(Tree(source.question, answers=self.answers), source.gold)
        return list(count(source.searched(), right, self.least))

    def _read(self, given: Prefixes, source: Source) -> list[Labelled]:
        if self.method is Method.CRITIC:
            return list(read_verdicts(given, self.threshold))
        return list(READERS[self.method](given, _right(given.tree, source.gold)))


def _right(tree: Tree, gold: str) -> Callable[[Node], bool]:
    """Whether a leaf is finished and has the gold answer; the same text is graded once."""
    graded, known = is_right(tree, gold), dict[str, bool]()
    assert isinstance(tree.answers, Answers)
    reading = tree.answers

    def right(leaf: Node) -> bool:
        answer = reading.of(leaf.text()) if leaf.finished else None
        if answer is not None and answer not in known:
            known[answer] = graded(answer)
        return answer is not None and known[answer]

    return right


def _line(labeller: Labeller, source: Source, solutions: list[Labelled], given: Prefixes | None = None) -> Labels:
    labels = Labels(source.problem, source.question, source.gold, labeller.method.value, source.names, tuple(solutions))
    if given is None:
        return labels
    return Labels(**{**vars(labels), "ledger": given.tree.ledger, "cut": cut_completions(given)})


def check_tokens(policy: Any, leaf: Node) -> None:
    """Raises RunError where the policy's tokenizer reads a solution's token ids as another text than it has.

    A completer goes on from token ids: those of another tokenizer would be another text.
    """
    tokenizer = getattr(policy, "tokenizer", None)
    if tokenizer is None:
        return
    ids = [token for step in leaf.steps() if not step.thought for token in step.token_ids]
    size = len(tokenizer)
    text = tokenizer.decode(ids, skip_special_tokens=True) if all(0 <= token < size for token in ids) else ""
    if "".join(text.split()) != "".join(leaf.text().split()):
        raise RunError(
            f"policy.model={getattr(policy, 'model', '')} reads the run's token ids as another text: its tokenizer "
            "differs from that of the policy that wrote the solutions; choose a completer with the same one"
        )


class Ended(NamedTuple):
    """A problem that ended: its labels, or what failed."""

    source: Source
    labels: Labels | None
    error: Exception | None


async def label_all(
    labeller: Labeller, sources: Iterable[Source], concurrency: int, note: Callable[[Ended], None]
) -> None:
    """Hands every problem to `note` as it ends; a failure stays with its problem.

    Raises WorkerDied where an engine has died, and RunError for what would fail everywhere.
    """

    async def one(source: Source) -> None:
        try:
            ended = Ended(source, await labeller.labels(source), None)
        except (WorkerDied, RunError):
            raise
        except Exception as error:
            ended = Ended(source, None, error)
        note(ended)

    work: Iterator[Any] = (one(source) for source in sources)
    async with aclosing(pool(work, concurrency)) as ended:  # pyright: ignore[reportArgumentType]
        async for _ in ended:
            pass
