"""What a run keeps of a search that has ended: plain data, which a worker may send from another machine."""

from typing import NamedTuple

from experiments.runs.grading import failed, judge
from experiments.runs.grid import Name
from search.answers.selection import Selection
from search.solve import Solved
from search.tree.cost import Ledger


class Graded(NamedTuple):
    """A line of results, the tree, and what the progress says of the search."""

    line: str
    tree: str | None
    """as JSON; None where trees are not kept"""
    problem: str
    error: str | None
    stopped: str | None
    ledger: Ledger
    correct: float | None


def graded(solved: Solved, name: Name, selection: Selection, trees: bool) -> Graded:
    """Grades a search. Blocks while answers are compared: call it in a thread."""
    result = judge(solved, name.problem, name.cell.key, selection, name.cell.smaller)
    try:
        tree, line = solved.tree.dumps() if trees else None, result.dumps()
    except ValueError as error:  # a cost or a score is NaN or infinite
        result = failed(result, error)
        tree, line = None, result.dumps()
    correct = result.correct(selection.rule.value)
    return Graded(line, tree, result.problem, result.error, result.stopped, solved.tree.ledger, correct)
