"""A search's tree as page data: steps, scores, visits, particles, pruned nodes, the path to the answer, votes.

Token ids and log-probabilities are left out. Nodes are numbered parents first, as `Tree.nodes` has them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.analysis.solution import best_path
from experiments.reports.page.formulas import Pieces
from search.algorithms.resampling import normalise
from search.answers.answers import Answers, answers_of
from search.answers.selection import Ballot, Selection, allowed_rules
from search.answers.voters import Voters
from search.tree import Node, Tree
from search.tree.marks import last_mark

_STATS = ("visits", "prior", "q", "count")
_NAMES = ("action", "writer")


Numbers = Mapping[Node, int]


def tree_data(tree: Tree, gold: str | None, selection: Selection, pieces: Pieces) -> dict[str, Any]:
    """The tree as columns, a value a node; answers and votes name each other by number.

    `parent` (-1: the root), `text` (a place in `pieces`), `score`, `state`, `at` (generated tokens at its birth, None:
    not judged within the budget), `answer`, and those of visits, prior, q and count that the search kept, of action and
    writer that its steps name, and `sources`, the ends of the solutions that a step was written from.
    """
    nodes = list(tree.nodes())
    numbers = {node: number for number, node in enumerate(nodes)}
    reading = answers_of(tree)
    answers = _Answers(gold, reading, pieces)
    born = set(tree.born())
    cut = _cut(tree)
    columns: dict[str, list[Any]] = {
        "parent": [numbers.get(node.parent, -1) if node.parent else -1 for node in nodes],
        "text": [pieces(node.step.text.strip("\n") if node.step else "") for node in nodes],
        "score": [_short(node.score) for node in nodes],
        "state": [_state(node, cut) for node in nodes],
        "at": [node.birth.generated_tokens if node.birth and node in born else None for node in nodes],
        "answer": [answers(reading.of(node.text())) if node.finished else None for node in nodes],
    }
    for name in _STATS:
        if any(name in node.stats for node in nodes):
            columns[name] = [_short(node.stats.get(name)) for node in nodes]
    for name in _NAMES:
        if any(getattr(node.step, name) for node in nodes):
            columns[name] = [getattr(node.step, name) or None for node in nodes]
    if any(node.sources for node in nodes):
        places = {node.path: number for node, number in numbers.items()}
        columns["sources"] = [[places[path] for path in node.sources] or None for node in nodes]
    if (by := selection.by) is not None:
        columns["second"] = [_short(last_mark(node, by)) for node in nodes]
    voters = Voters(tree)
    ballots = {rule.value: replace(selection, rule=rule).count(tree, voters) for rule in allowed_rules(tree, by=by)}
    return {
        "kind": str(tree.kind),
        "nodes": columns,
        "rules": {rule: _votes(ballot, numbers, answers, by) for rule, ballot in ballots.items()},
        "populations": _populations(tree, numbers),
        "answers": answers.rows,
    }


class _Answers:
    """Numbers the answers and grades them: `rows` holds [text, right or None without gold]."""

    def __init__(self, gold: str | None, reading: Answers, pieces: Pieces) -> None:
        self.rows: list[tuple[str, bool | None]] = []
        self._gold, self._reading, self._pieces, self._numbers = gold, reading, pieces, dict[str, int]()

    def __call__(self, answer: str | None) -> int | None:
        if answer is None:
            return None
        if answer not in self._numbers:
            self._numbers[answer] = len(self.rows)
            self._pieces.answer(answer)
            self.rows.append((answer, None if self._gold is None else self._reading.right(answer, self._gold)))
        return self._numbers[answer]


def _short(value: float | None) -> float | None:
    """Rounded to the four significant digits that are shown, which keeps the page small."""
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


def _state(node: Node, cut: set[Node]) -> str:
    if node.finished or node.truncated:
        assert node.step is not None
        return "finished" if node.finished else f"truncated: {node.step.end.replace('_', ' ')}"
    if node in cut:
        return "cut"
    return "inner" if node.children else "open"


def _cut(tree: Tree) -> set[Node]:
    """The open nodes that a search by levels or a particle filter did not extend."""
    kept: set[Node] = {node for event in tree.events("beam") for node in event.data["kept"]}
    for event in tree.events("rebase"):
        kept |= {node for node, width in zip(event.data["nodes"], event.data["widths"], strict=True) if width}
    deepest = max((node.depth for node in kept), default=0)
    ends = {node for node in tree.born() if node.open and not node.children}
    cut = {node for node in ends if node.depth <= deepest} - kept
    populations = tree.events("population")
    for place, event in enumerate(populations[:-1], start=1):
        if populations[place].data["step"]:  # the last population of each round is what it ended with
            cut |= ends.intersection(event.data["nodes"]) - set(populations[place].data["nodes"])
    return cut


def _votes(ballot: Ballot, numbers: Numbers, answers: _Answers, by: str | None) -> dict[str, Any]:
    """`votes`: [answer, weight, leaves], heaviest first; `path`: the nodes that lead to the answer."""
    votes = [[answers(v.answer), _short(v.weight), [numbers[leaf] for leaf in v.leaves]] for v in ballot.votes]
    return {"votes": votes, "path": [numbers[node] for node in best_path(ballot, by)]}


def _populations(tree: Tree, numbers: Numbers) -> list[dict[str, Any]]:
    """A particle filter's: `step`, which begins anew in each round, `nodes` and `weights` by particle, `ess`,
    `log_evidence`, and `ancestors` where the population was resampled: for each particle of the next one, the index of
    its parent in this one.
    """
    noted = {id(event) for name in ("population", "resampling") for event in tree.events(name)}
    populations: list[dict[str, Any]] = []
    for event in tree.record:
        if id(event) not in noted:
            continue
        if event.name == "resampling":
            populations[-1]["ancestors"] = event.data["ancestors"]
            continue
        weights = normalise(np.array(event.data["log_weights"], dtype=np.float64))
        populations.append(
            {
                "step": event.data["step"],
                "nodes": [numbers[node] for node in event.data["nodes"]],
                "weights": [_short(float(weight)) for weight in weights],
                "ess": _short(event.data["ess"]),
                "log_evidence": _short(event.data["log_evidence"]),
                "ancestors": None,
            }
        )
    return populations
