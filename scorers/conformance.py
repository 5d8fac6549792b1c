"""Does a scorer keep its promises? For a plug-in author's own tests:

from scorers.conformance import check_scorer

def test_my_scorer():
    check_scorer(MyScorer())
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from scorers.custom import adapt
from search.conformance import ConformanceError as ConformanceError
from search.conformance import excess, raise_failures
from search.protocols import Scorer, reads_logprobs, worst_case
from search.tree import Node, Tree
from search.tree.scores import Kind, check_scores
from search.tree.step import End, Step


class Case(NamedTuple):
    """A solution to judge; its last step is a finished one."""

    question: str
    steps: tuple[Step, ...]


def solution(question: str, *texts: str) -> Case:
    """A case of these texts; ids and log-probabilities are plausible and not those of any model."""
    steps: list[Step] = []
    for place, text in enumerate(texts):
        last = place == len(texts) - 1
        end = End.ANSWER if last else End.DELIMITER
        steps.append(Step(text + "\n\n" * (not last), (place % 3, 1), (-0.1 * place, -0.7), end, (0.3, 1.1)))
    return Case(question, tuple(steps))


CASES = (
    solution("(1 + 2) =", "1 + 2 = 3\n\\boxed{3}"),
    solution("((1 + 2) * (3 - -4)) =", "1 + 2 = 3\n(3 * (3 - -4))", "3 - -4 = 7\n(3 * 7)", "3 * 7 = 21\n\\boxed{21}"),
    solution("((1 + 2) * (3 - -4)) =", "1 + 2 = 4\n(4 * (3 - -4))", "", "\\boxed{28}"),
    solution("What is 6 × 7?", "Six sevens.\nÜber: 六", "6 · 7 = 42", "So:", "\\boxed{42}"),
    solution("x" * 200, "y" * 300, "\\boxed{}"),
)


def check_scorer(scorer: object, cases: Sequence[Case] | None = None, tolerance: float = 0.02) -> None:
    """Raises ConformanceError with everything that is wrong with the scorer, and ScorerError where it is not one.

    For every case: one finite number a step, in the range of its kind; the same alone, again and among others; the same
    for `since`; the same for a step when later ones follow, unless the scorer says `prefix_consistent = False`; the
    same without log-probabilities, where it says `reads_logprobs = False`; a cost that is not negative, and no more
    than the worst case where it tells one. Numbers may differ by `tolerance` (times their size above 1), which half
    precision needs.
    """
    raise_failures(scorer, asyncio.run(violations(scorer, CASES if cases is None else cases, tolerance)))


async def violations(scorer: object, cases: Sequence[Case], tolerance: float) -> list[str]:
    """What is wrong, one line each; from a coroutine where `check_scorer` cannot be called."""
    examiner = _Examiner(adapt(scorer), tolerance)
    alone = [await examiner.ask(place, case, "alone") for place, case in enumerate(cases)]
    await examiner.among_others(cases, alone)
    for place, (case, scores) in enumerate(zip(cases, alone, strict=True)):
        if reads_logprobs(examiner.scorer) is False:
            await examiner.without_logprobs(place, case, scores)
        if scores is not None and examiner.scorer.kind is not Kind.OUTCOME:
            await examiner.since(place, case, scores)
            if getattr(scorer, "prefix_consistent", True):
                await examiner.prefixes(place, case, scores)
    return examiner.failures


@dataclass
class _Examiner:
    """Asks, compares, and notes what is wrong."""

    scorer: Scorer
    tolerance: float
    failures: list[str] = field(default_factory=list)

    async def ask(self, place: int, case: Case, how: str, since: int = 0) -> list[float] | None:
        """The scores of a case, or None where that failed. An outcome scorer is asked about the last step alone."""
        steps = list(case.steps)
        if self.scorer.kind is Kind.OUTCOME:
            since = len(steps) - 1
        try:
            scored = await self.scorer.score(case.question, steps, since)
            scores = [float(score) for score in scored.scores]
            check_scores(self.scorer.kind, scores, len(case.steps) - since)
        except Exception as error:
            self.failures.append(f"case {place} ({case.question[:40]!r}), {how}: {type(error).__name__}: {error}")
            return None
        if min(scored.cost[:4]) < 0 or (scored.cost.flops or 0) < 0:
            self.failures.append(f"case {place}, {how}: its cost is negative: {scored.cost}")
        most = worst_case(self.scorer, _node(case), 0)
        if most is not None and (more := excess(scored.cost, most)):
            self.failures.append(f"case {place}, {how}: it costs more than its worst case: {more}")
        if tuple(steps) != case.steps:
            self.failures.append(f"case {place}, {how}: it changed the list of steps that it was given")
        return scores

    async def among_others(self, cases: Sequence[Case], alone: Sequence[list[float] | None]) -> None:
        """All cases twice at the same time, last first."""
        places = list(reversed(range(len(cases)))) * 2
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.ask(place, cases[place], "among others")) for place in places]
        for place, task in sorted(zip(places, tasks, strict=True), key=lambda pair: pair[0]):
            self.compare(f"case {place}: among others at the same time", task.result(), alone[place])

    async def without_logprobs(self, place: int, case: Case, scores: list[float] | None) -> None:
        bare = tuple(replace(step, logprobs=(), entropy=None) for step in case.steps)
        other = await self.ask(place, case._replace(steps=bare), "without log-probabilities")
        self.compare(f"case {place}: without log-probabilities, which it says it does not read", other, scores)

    async def since(self, place: int, case: Case, scores: list[float]) -> None:
        for since in range(1, len(case.steps)):
            other = await self.ask(place, case, f"since={since}", since)
            self.compare(f"case {place}: with since={since}", other, scores[since:])

    async def prefixes(self, place: int, case: Case, scores: list[float]) -> None:
        for count in range(1, len(case.steps)):
            other = await self.ask(place, Case(case.question, case.steps[:count]), f"its first {count} steps")
            self.compare(f"case {place}: before later steps follow its first {count}", other, scores[:count])

    def compare(self, what: str, one: list[float] | None, other: list[float] | None) -> None:
        if one is None or other is None:
            return
        for step, (a, b) in enumerate(zip(one, other, strict=True), 1):
            if abs(a - b) > self.tolerance * max(1, abs(b)):
                self.failures.append(f"{what}, step {step} has {a:.6g} and not {b:.6g}")
                return


def _node(case: Case) -> Node:
    """The last node of a case, nothing of which is judged."""
    node = Tree(case.question).root
    for step in case.steps:
        node = node.add(node.reserve(1).start, step)
    return node
