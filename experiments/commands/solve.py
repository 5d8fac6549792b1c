r"""Searches one question and prints its answer, the votes, the cost and, with show=tree, the tree.

usage: stepsearch solve "QUESTION" [key=value ...]
       stepsearch solve - [key=value ...]          the question comes from standard input

The question is the first argument. Ctrl-C prints the answer so far. A second scorer judges the finished solutions once
the search has ended, and chooses the answer.

    stepsearch solve "((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) =" show=tree
    stepsearch solve "((3 + 4) * 2) =" search=beam search.n=8 selection=majority
    stepsearch solve 'What is $\frac{1}{2} + \frac{1}{3}$?' policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct \
        scorer.model=Qwen/Qwen2.5-Math-PRM-7B budget.generated_tokens=8000 json=tree.json
    stepsearch solve "((3 + 4) * 2) =" second=checks selection.by=second
    stepsearch solve "(1 + 2) =" scorer=custom scorer.cls=mine:MyScorer scorer.args.threshold=0.3
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import networkx as nx
from rich.console import Console

from experiments.commands.question import read_question
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import INTERRUPTED, RunError
from experiments.reports.endings import warnings
from experiments.reports.trees import cost_table, draw, votes_table
from experiments.runs.endings import endings
from experiments.runs.preflight import check_kinds, load_engines, warn_of_context, with_ends
from experiments.terminal import plain
from search.answers.answers import Answers
from search.answers.selection import Rule, Selection
from search.protocols import check_logprobs
from search.solve import solve
from search.tree import Tree
from search.tree.cost import Budget


class Show(Enum):
    """What is printed."""

    ANSWER = "answer"
    TREE = "tree"


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
    show: Show = Show.ANSWER
    """answer: the answer, its votes and its cost; tree: the tree as well"""
    json: str | None = None
    """output file for the tree as JSON, which search.Tree.loads reads back"""
    graphml: str | None = None
    """output file for the tree as GraphML"""


def main(question: str | None = None, overrides: Sequence[str] = ()) -> int:
    text = read_question(question, Solve)
    run: Solve = build(compose(Solve, overrides))
    for name in (run.json, run.graphml):
        if name and not Path(name).expanduser().absolute().parent.is_dir():
            raise RunError(f"{name}: its folder does not exist")
    check_kinds({"search": run.search}, run.scorer, run.selection, run.second)
    check_logprobs(run.policy, run.search, run.scorer, run.second)
    tree, answers = Tree(text, run.seed), Answers(run.answer, run.grader)
    policy = with_ends(run.policy, run.answer)
    interrupted = False
    load_engines(policy, run.scorer, run.second)
    warn_of_context(policy, (run.scorer, run.second), [text])
    try:
        with Console(stderr=True).status("searching"):
            search = solve(
                text, run.search, policy, run.scorer, run.budget, tree=tree, second=run.second, answers=answers
            )
            asyncio.run(search)
    except KeyboardInterrupt:
        interrupted = True
    report(tree, run, Console())
    return INTERRUPTED if interrupted else 0


def report(tree: Tree, run: Solve, out: Console) -> None:
    """Prints the answer, votes and cost (and the tree where requested), and writes the requested files.

    An interrupted search has not been judged by the second scorer; its answer is then the majority's.
    """
    unjudged = tree.stopped == "cancelled" and run.second is not None
    selection = Selection(Rule.MAJORITY) if unjudged else run.selection
    ballot = selection(tree)
    if run.show is Show.TREE:
        out.print(draw(tree, ballot, selection.by))
        out.print()
    if tree.stopped == "cancelled":
        chosen = ", by majority, since the second scorer has not judged it" if unjudged else ""
        out.print(f"interrupted; the result so far{chosen}:")
    elif tree.stopped == "budget":
        out.print("stopped at the budget")
    if ballot.answer is None:
        leaves = tree.leaves()
        cut = sum(leaf.truncated for leaf in leaves)
        out.print(f"no answer: no solution finished with an answer ({len(leaves)} ended, {cut} of them cut by a limit)")
    else:
        out.print(f"answer: {plain(ballot.answer)}", markup=False, highlight=False, style="bold")
        out.print(votes_table(ballot))
    out.print(cost_table(tree.ledger))
    if (ended := endings(tree)) is not None:
        for line in warnings({"this search": ended}):
            out.print(line, markup=False, highlight=False)
    if run.json:
        Path(run.json).expanduser().write_text(tree.dumps(), "utf-8")
    if run.graphml:
        nx.write_graphml(tree.graph(), Path(run.graphml).expanduser())
