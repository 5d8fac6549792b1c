r"""Searches one question and prints its answer and the solution behind it, with the scores of its steps.

usage: stepsearch solve 'QUESTION' [key=value ...]
       stepsearch solve - [key=value ...]          the question comes from standard input

The question is the first argument, in single quotes, so that the shell leaves its $ and \\ alone. Where standard output
is no terminal, the bare answer is printed and nothing else, unless show= is given. The exit code is 0, 3 where no
solution finished with an answer, 130 after Ctrl-C, which prints the answer so far. A second scorer judges the finished
solutions once the search has ended, and chooses the answer.

    stepsearch solve '((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) =' show=tree
    stepsearch solve '((3 + 4) * (2 - 5)) =' search=beam search.n=8 selection=majority
    stepsearch solve 'What is $\frac{1}{2} + \frac{1}{3}$?' policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct \
        scorer.model=Qwen/Qwen2.5-Math-PRM-7B budget.generated_tokens=8000 json=tree.json
    stepsearch solve '((3 + 4) * (2 - 5)) =' json=- | jq .ledger
    stepsearch solve '((3 + 4) * (2 - 5)) =' second=checks selection.by=second
    stepsearch solve '(1 + 2) =' scorer=custom scorer.cls=mine:MyScorer scorer.args.threshold=0.3
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import networkx as nx

from experiments.analysis.solution import Solution
from experiments.commands.question import read_question
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import INTERRUPTED, NO_ANSWER, check_output
from experiments.reports.endings import warnings
from experiments.reports.solution import no_answer, shipped_line, shown, trust_line
from experiments.runs.atomic import atomic_file, write_whole
from experiments.runs.endings import endings
from experiments.runs.preflight import ready, with_ends, with_logprobs
from experiments.runs.stopping import quietly
from experiments.terminal import note, notes, plain, screen
from search.answers.answers import Answers
from search.answers.selection import Rule, Selection
from search.solve import solve
from search.tree import Tree
from search.tree.cost import Budget

STDOUT = "-"


class Show(Enum):
    """What is printed."""

    ANSWER = "answer"
    SOLUTION = "solution"
    VOTES = "votes"
    TREE = "tree"
    COST = "cost"


@dataclass(frozen=True)
class Solve:
    """The knobs of `stepsearch solve`."""

    search: Any = None
    policy: Any = None
    scorer: Any = None
    second: Any = None
    selection: Any = None
    answer: Any = None
    grader: Any = None
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    """random seed; the same seed gives the same samples"""
    show: Show | None = None
    """answer: the bare answer; solution: its solution and a line of cost too; votes, tree, cost: the same with
    all votes, the whole tree or every cost; null: solution on a terminal, else answer"""
    json: str | None = None
    """output file for the tree as JSON, which search.Tree.loads reads back; -: standard output, for nothing else"""
    graphml: str | None = None
    """output file for the tree as GraphML"""


def main(question: str | None = None, overrides: Sequence[str] = ()) -> int:
    text = read_question(question, Solve)
    run: Solve = build(compose(Solve, overrides))
    for name in (run.json, run.graphml):
        if name and name != STDOUT:
            check_output(Path(name).expanduser())
    tree, answers = Tree(text, run.seed), Answers(run.answer, run.grader)
    policy = with_ends(run.policy, run.answer)
    interrupted = False
    ready(text, run.search, policy, run.scorer, run.selection, run.second)
    policy = with_logprobs(policy, run.json is not None, run.search, run.scorer, run.second)
    try:
        with notes().status("searching"):
            search = solve(
                text, run.search, policy, run.scorer, run.budget, tree=tree, second=run.second, answers=answers
            )
            asyncio.run(quietly(search))
    except KeyboardInterrupt:
        interrupted = True
    solution = result(tree, run)
    try:
        write(tree, run)
    finally:  # what was found is shown, even where a disk is full
        report(solution, run)
    return INTERRUPTED if interrupted else NO_ANSWER if solution.answer is None else 0


def result(tree: Tree, run: Solve) -> Solution:
    """The solution by the run's selection.

    An interrupted search has not been judged by the second scorer; its answer is then the majority's.
    """
    return Solution.of(tree, Selection(Rule.MAJORITY) if _unjudged(tree, run) else run.selection)


def _unjudged(tree: Tree, run: Solve) -> bool:
    return tree.stopped == "cancelled" and run.second is not None


def write(tree: Tree, run: Solve) -> None:
    """Writes the requested files. Raises RunError where one cannot be written."""
    if run.json and run.json != STDOUT:
        write_whole(Path(run.json).expanduser(), tree.dumps())
    if run.graphml:
        with atomic_file(Path(run.graphml).expanduser()) as file:
            nx.write_graphml(tree.graph(), file)


def report(solution: Solution, run: Solve) -> None:
    """Prints the result: only JSON, only the answer, or all that `show` names."""
    tree, show = solution.tree, run.show or (Show.SOLUTION if sys.stdout.isatty() else Show.ANSWER)
    lines = list(_stopped(tree, run))
    if run.json == STDOUT:
        print(tree.dumps())
    elif show is Show.ANSWER:
        for line in [*lines, *_doubts(solution, run)]:
            note(line)
        print(plain(solution.answer)) if solution.answer is not None else note(no_answer(solution))
    else:
        out = screen()
        chosen = {name: show is Show(name) for name in ("votes", "tree", "cost")}
        parts = [*shown(solution, **chosen)]
        at = 2 if chosen["tree"] else 0
        doubts = [line for line in (_shipped(solution, run),) if line]
        for part in [*parts[:at], *lines, *parts[at:], *doubts]:
            out.print(part, markup=False, highlight=False)
    if (ended := endings(tree)) is not None:
        for line in warnings({"this search": ended}):
            print(line, file=sys.stderr)


def _stopped(tree: Tree, run: Solve) -> list[str]:
    """Why the search ended where that was before its own end."""
    if tree.stopped == "cancelled":
        chosen = ", by majority, since the second scorer has not judged it" if _unjudged(tree, run) else ""
        return [f"interrupted; the result so far{chosen}:"]
    return ["stopped at the budget"] if tree.stopped == "budget" else []


def _doubts(solution: Solution, run: Solve) -> list[str]:
    """Lines that say that the answer is not trusted."""
    if solution.trusted:
        return []
    return [trust_line(solution), *filter(None, [_shipped(solution, run)])]


def _shipped(solution: Solution, run: Solve) -> str | None:
    """What the shipped models know, where they gave no answer or one that they do not trust."""
    if solution.trusted and solution.answer is not None:
        return None
    return shipped_line(run.policy, run.scorer, solution.tree.question)
