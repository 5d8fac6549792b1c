"""From a solved tree to a line of results: answers by every rule, samples, earlier ends. Only here does gold meet a tree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
import numpy as np
from search.answers.boxes import boxed
from search.tree.cost import Budget
from search.tree.cost import Ledger
from search.answers.equivalence import equivalent
from search.answers.equivalence import group
from search.errors import KindError
from search.tree.scores import Reduction
from search.tree.scores import Use
from search.tree.scores import conversion
from search.tree.scores import reduction_for
from search.answers.selection import Rule
from search.answers.selection import Selection
from search.answers.selection import allowed_rules
from search.tree import Node
from search.tree import Tree
from experiments.runs.axes import SPENT
import math
from typing import NamedTuple
from search.answers.selection import oracle
from search.solve import Solved
from experiments.problems.sets import Problem
from experiments.runs.results import Result


def votes(
    tree: Tree,
    gold: str | None,
    reduction: Reduction | None,
    budget: Budget | None = None,
    rules: Sequence[Rule] | None = None,
) -> dict[str, dict[str, Any]]:
    """By rule: the answer, and the mean correctness of the answers that share the highest weight. All rules that the
    tree allows where `rules` is None.
    """
    found: dict[str, dict[str, Any]] = {}
    for rule in allowed_rules(tree) if rules is None else rules:
        ballot = Selection(rule, reduction)(tree, budget)
        right = [is_right(answer, gold) for answer in ballot.tied]
        correct = None if gold is None else float(np.mean(right)) if right else 0.0
        found[rule.value] = {"answer": ballot.answer, "correct": correct}
    return found


def is_right(answer: str, gold: str | None) -> bool:
    return gold is not None and equivalent(answer, gold)


def samples(tree: Tree, gold: str | None, reduction: Reduction | None) -> list[dict[str, Any]]:
    """Of a tree of independent samples, in their order: `answer` (None where there is none), `group` of equal answers,
    `right`, `score`, and `weight` in the weighted vote (None where the scorer's kind allows no such vote).
    """
    leaves = tree.leaves()
    reduced = [leaf.value(reduction_for(tree.kind, reduction)) for leaf in leaves]
    answers = [boxed(leaf.text()) if leaf.finished else None for leaf in leaves]
    groups = {place: number for number, members in enumerate(group(answers)) for place in members}
    found: list[dict[str, Any]] = []
    for place, (answer, score, weight) in enumerate(zip(answers, reduced, _weights(tree, reduced), strict=True)):
        right = None if gold is None else answer is not None and is_right(answer, gold)
        found.append({"answer": answer, "group": groups.get(place), "right": right, "score": score, "weight": weight})
    return found


def _weights(tree: Tree, reduced: Sequence[float | None]) -> list[float | None]:
    try:
        convert = conversion(tree.kind, Use.VOTE).convert
    except KindError:
        return [None] * len(reduced)
    known = [place for place, value in enumerate(reduced) if value is not None]
    weights: list[float | None] = [None] * len(reduced)
    converted = convert(np.array([reduced[place] for place in known], dtype=np.float64))
    for place, weight in zip(known, converted, strict=True):
        weights[place] = float(weight)
    return weights


def anytime(tree: Tree, gold: str, reduction: Reduction | None) -> list[dict[str, Any]]:
    """The correctness of each rule's answer had the budget ended there: an entry for each birth of a finished leaf at
    which one of them changes, with what the search had spent by then on every axis. Before the first there is none.
    """
    births = {leaf.birth._replace(seconds=0) for leaf in tree.leaves() if leaf.finished and leaf.birth}
    marks: list[dict[str, Any]] = []
    for birth in sorted(births, key=_order):
        ended = replace(tree.budget, generated_tokens=max(birth.generated_tokens, 1), flops=birth.flops or None)
        found = votes(tree, gold, reduction, ended)
        correct = {rule: vote["correct"] for rule, vote in found.items()}
        if not marks or correct != marks[-1]["correct"]:
            marks.append({"spent": {name: of(birth.to_json()) for name, of in SPENT.items()}, "correct": correct})
    return marks


def _order(birth: Ledger) -> tuple[float, ...]:
    """Births are snapshots of one ledger, which only grows."""
    return (birth.generated_tokens, birth.scorer_calls, birth.scorer_tokens_computed, birth.flops or 0.0)


def sharing(tree: Tree) -> dict[str, list[list[int]]]:
    """How often independent samples repeat each other, which a scorer is not asked about twice.

    `steps` has [m, tokens]: that many tokens stand in steps whose path, itself included, m samples have in common;
    `solutions` has [m, count, tokens]: so many different solutions, so long in all, were each written m times.
    """
    met: Counter[int] = Counter()
    numbers: dict[tuple[int, str, tuple[int, ...]], int] = {}
    sizes, ends, lengths = {0: 0}, Counter[int](), {0: 0}
    for leaf in tree.leaves():
        place, length = 0, 0
        for step in leaf.steps():
            place = numbers.setdefault((place, step.text, step.token_ids), len(numbers) + 1)
            length += len(step.token_ids)
            met[place] += 1
            sizes[place], lengths[place] = len(step.token_ids), length
        ends[place] += 1
    steps, solutions = Counter[int](), dict[int, list[int]]()
    for place, m in met.items():
        steps[m] += sizes[place]
    for place, m in ends.items():
        count, tokens = solutions.get(m, (0, 0))
        solutions[m] = [count + 1, tokens + lengths[place]]
    return {
        "steps": [[m, tokens] for m, tokens in sorted(steps.items())],
        "solutions": [[m, *of] for m, of in sorted(solutions.items())],
    }


def distinct(tree: Tree) -> dict[str, int]:
    """How many different answers the finished leaves have, and how many different first steps the tree: a policy that
    is too sure of itself has few, and gains little from more samples.
    """
    answers = [boxed(leaf.text()) for leaf in tree.leaves() if leaf.finished]
    return {"answers": len(group(answers)), "first_steps": len(set(map(_text, tree.root.children.values())))}


def _text(node: Node) -> str:
    return node.step.text.strip() if node.step else ""


def judge(
    solved: Solved,
    problem: Problem,
    cell: dict[str, Any],
    reduction: Reduction | None,
    smaller: Sequence[int] | None = None,
) -> Result:
    """Blocks while answers are compared: call it in a thread."""
    tree, error, read = solved.tree, solved.error, _Read()
    if error is None:
        try:
            read = _read(solved, problem.answer, reduction)
        except Exception as failure:  # one tree that cannot be judged must not end the sweep
            error = failure
    result = Result(
        problem=problem.id,
        question=problem.question,
        level=problem.level,
        gold=problem.answer,
        cell=cell,
        seed=tree.seed,
        no_answer=error is None and all(vote["answer"] is None for vote in read.selections.values()),
        stopped=tree.stopped,
        ledger=tree.ledger.to_json(),
        error=None if error is None else f"{type(error).__name__}: {error}",
        smaller=None if smaller is None else list(smaller),
        **read._asdict(),
    )
    try:
        result.dumps()
        return result
    except ValueError as failure:  # a cost or a score that is no number
        return failed(result, failure)


def failed(result: Result, error: Exception) -> Result:
    """The result of a search that must be counted as failed, though it came to its end."""
    ledger = {name: value if value is None or math.isfinite(value) else None for name, value in result.ledger.items()}
    said = f"{type(error).__name__}: {error}"
    return replace(result, no_answer=False, ledger=ledger, error=said, **_Read()._asdict())


class _Read(NamedTuple):
    """What a result has of a tree; as it is here where the search failed."""

    selections: dict[str, dict[str, Any]] = {}  # noqa: RUF012 # never written to
    oracle: bool | None = None
    distinct: dict[str, int] | None = None
    samples: list[dict[str, Any]] | None = None
    sharing: dict[str, list[list[int]]] | None = None
    anytime: list[dict[str, Any]] | None = None


def _read(solved: Solved, gold: str | None, reduction: Reduction | None) -> _Read:
    tree, searcher = solved.tree, solved.job.searcher
    independent = getattr(searcher, "independent", False) and tree.stopped == "done"
    return _Read(
        selections=votes(tree, gold, reduction),
        oracle=None if gold is None else oracle(tree, lambda answer: is_right(answer, gold)),
        distinct=distinct(tree),
        samples=samples(tree, gold, reduction) if independent else None,
        sharing=sharing(tree) if independent else None,
        anytime=anytime(tree, gold, reduction) if gold is not None and getattr(searcher, "anytime", False) else None,
    )


