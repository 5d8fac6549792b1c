"""Grades a tree: answers by every rule, samples, anytime marks. No other module compares gold with a tree."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from experiments.problems.sets import Problem
from experiments.runs.axes import AXIS_COST
from experiments.runs.endings import Endings, endings
from experiments.runs.residuals import Residual, residuals
from experiments.runs.results import Answer, CellKey, Distinct, Mark, Result, Sample, Sharing
from search.answers.answers import answers_of
from search.answers.selection import Ballot, Rule, Selection, allowed_rules, oracle
from search.answers.tally import Tally
from search.answers.voters import Voters
from search.errors import KindError
from search.solve import Solved
from search.tree import Node, Tree
from search.tree.cost import NOTHING, Budget, Ledger
from search.tree.electorate import ELECTORATE
from search.tree.marks import marking_costs
from search.tree.scores import Kind, Use, conversion


def votes(
    tree: Tree,
    gold: str | None,
    selection: Selection,
    budget: Budget | None = None,
    rules: Sequence[Rule] | None = None,
) -> dict[str, Answer]:
    """The answer of each rule, by default of all rules that the tree allows, in place of the selection's own.

    Correctness is None without gold.
    """
    answers: dict[str, Answer] = {}
    voters = Voters(tree, budget)
    for rule in allowed_rules(tree, budget, selection.by) if rules is None else rules:
        ballot = replace(selection, rule=rule).count(tree, voters)
        correct = None if gold is None else correctness(ballot, is_right(tree, gold))
        answers[rule.value] = Answer(ballot.answer, correct)
    return answers


def correctness(ballot: Ballot, right: Callable[[str], bool]) -> float:
    """The share of right answers among those tied for the highest weight; 0 where there is no answer."""
    return float(np.mean([right(answer) for answer in ballot.tied])) if ballot.tied else 0.0


def is_right(tree: Tree, gold: str | None) -> Callable[[str], bool]:
    """Whether an answer to the tree's question is the gold one."""
    return partial(answers_of(tree).right, gold=gold)


def samples(tree: Tree, gold: str | None, selection: Selection) -> list[Sample]:
    """The leaves of a tree of independent samples, in order, with the scores by which the selection chooses."""
    leaves = tree.leaves()
    scores = [selection.value(tree, leaf) for leaf in leaves]
    reading, graded = answers_of(tree), is_right(tree, gold)
    answers = [reading.of(leaf.text()) if leaf.finished else None for leaf in leaves]
    groups = {place: number for number, members in enumerate(reading.group(answers)) for place in members}
    weights = _weights(selection.kind(tree), scores)
    rows: list[Sample] = []
    for place, (answer, score, weight) in enumerate(zip(answers, scores, weights, strict=True)):
        right = None if gold is None else answer is not None and graded(answer)
        rows.append(Sample(answer, groups.get(place), right, score, weight))
    return rows


def _weights(kind: Kind, reduced: Sequence[float | None]) -> list[float | None]:
    try:
        convert = conversion(kind, Use.VOTE).convert
    except KindError:
        return [None] * len(reduced)
    known = [place for place, value in enumerate(reduced) if value is not None]
    weights: list[float | None] = [None] * len(reduced)
    converted = convert(np.array([reduced[place] for place in known], dtype=np.float64))
    for place, weight in zip(known, converted, strict=True):
        weights[place] = float(weight)
    return weights


def anytime(tree: Tree, gold: str, selection: Selection, rules: Sequence[Rule] | None = None) -> list[Mark]:
    """What each rule would have answered at every smaller budget.

    There is a mark for each birth of a finished leaf, or change of vote weights, that changes the correctness of some
    rule's answer. It holds the search's cost by then, on every axis, and that of the second scorer that the selection
    names, for the leaves that had finished. Before the first mark there is no answer.
    """
    rules = allowed_rules(tree, by=selection.by) if rules is None else rules  # the same at every budget
    tallies = {rule.value: Tally(tree, replace(selection, rule=rule)) for rule in rules}
    seconds = {} if selection.by is None else marking_costs(tree, selection.by)
    marks, before = list[Mark](), None
    right = cache(is_right(tree, gold))
    births = _births(tree)
    if any(birth.generated_tokens is None for birth in births):  # nobody knows what had been born at a smaller budget
        return marks
    for birth in births:
        ended = replace(tree.budget, generated_tokens=max(birth.generated_tokens, 1), flops=birth.flops or None)
        voters = Voters(tree, ended)
        if before is not None and voters.same(before):
            continue
        before = voters
        correct = {rule: _share(tally.leaders(voters), right) for rule, tally in tallies.items()}
        if not marks or correct != marks[-1].correct:
            second = [seconds[leaf] for leaf in tree.leaves(ended) if leaf in seconds] if seconds else []
            spent = birth.with_scorer(sum(second, NOTHING))
            marks.append(Mark({name: cost(spent) for name, cost in AXIS_COST.items()}, correct))
    return marks


def _births(tree: Tree) -> list[Ledger]:
    """The births of finished leaves, and of the changes of their vote weights, in order; each once."""
    births = [leaf.birth for leaf in tree.leaves() if leaf.finished and leaf.birth]
    if births:
        first = min(map(_order, births))
        births += [event.birth for event in tree.events(ELECTORATE) if _order(event.birth) >= first]
    return sorted({birth._replace(seconds=0) for birth in births}, key=_order)


def _share(lots: Mapping[str, int], right: Callable[[str], bool]) -> float:
    """As `correctness`, of tied answers with their lots."""
    return sum(count for answer, count in lots.items() if right(answer)) / sum(lots.values()) if lots else 0.0


def _order(birth: Ledger) -> tuple[float, ...]:
    """A sort key for births, which are snapshots of one growing ledger."""
    return (birth.generated_tokens or 0, birth.scorer_calls, birth.scorer_tokens_computed or 0, birth.flops or 0.0)


def sharing(tree: Tree) -> Sharing:
    """How often the independent samples of a tree repeat each other."""
    met: Counter[int] = Counter()
    numbers: dict[tuple[int, str, Sequence[int]], int] = {}
    sizes, ends, lengths = {0: 0}, Counter[int](), {0: 0}
    for leaf in tree.leaves():
        place, length = 0, 0
        for step in leaf.steps():
            place = numbers.setdefault((place, step.text, step.token_ids), len(numbers) + 1)
            length += len(step.token_ids)
            met[place] += 1
            sizes[place], lengths[place] = len(step.token_ids), length
        ends[place] += 1
    steps, solutions = Counter[int](), dict[int, tuple[int, int]]()
    for place, m in met.items():
        steps[m] += sizes[place]
    for place, m in ends.items():
        count, tokens = solutions.get(m, (0, 0))
        solutions[m] = (count + 1, tokens + lengths[place])
    return Sharing(sorted(steps.items()), [(m, *sizes) for m, sizes in sorted(solutions.items())])


def distinct(tree: Tree) -> Distinct:
    """How many different answers the finished leaves have, and how many different first steps the tree has.

    An overconfident policy has few of both and gains little from more samples.
    """
    reading = answers_of(tree)
    answers = [reading.of(leaf.text()) for leaf in tree.leaves() if leaf.finished]
    return Distinct(len(reading.group(answers)), len(set(map(_text, tree.root.children.values()))))


def _text(node: Node) -> str:
    return node.step.text.strip() if node.step else ""


def judge(
    solved: Solved,
    problem: Problem,
    cell: CellKey,
    selection: Selection,
    smaller: Sequence[int] | None = None,
) -> Result:
    """The result of a search, with the answers by all rules that the tree allows and by the selection's own.

    Blocks while answers are compared: call it in a thread.
    """
    tree, error, read = solved.tree, solved.error, _Read()
    if error is None:
        try:
            read = _read(solved, problem.answer, selection)
        except Exception as failure:  # one tree that cannot be graded must not end the sweep
            error = failure
    result = Result(
        problem=problem.id,
        question=problem.question,
        level=problem.level,
        gold=problem.answer,
        cell=cell,
        seed=tree.seed,
        no_answer=error is None and all(vote.answer is None for vote in read.selections.values()),
        stopped=tree.stopped,
        ledger=tree.ledger,
        error=None if error is None else f"{type(error).__name__}: {error}",
        smaller=None if smaller is None else list(smaller),
        **read._asdict(),
    )
    try:
        result.dumps()
        return result
    except ValueError as failure:  # a cost or a score is NaN or infinite
        return failed(result, failure)


def failed(result: Result, error: Exception) -> Result:
    """The result of a search that ended but counts as failed because of `error`."""
    ledger = Ledger._make(value if value is None or math.isfinite(value) else None for value in result.ledger)
    message = f"{type(error).__name__}: {error}"
    return replace(result, no_answer=False, ledger=ledger, error=message, **_Read()._asdict())


class _Read(NamedTuple):
    """The fields of a result that are read off its tree; the defaults are those of a failed search."""

    selections: dict[str, Answer] = {}  # noqa: RUF012 # never written to
    oracle: bool | None = None
    distinct: Distinct | None = None
    samples: list[Sample] | None = None
    sharing: Sharing | None = None
    anytime: list[Mark] | None = None
    residuals: list[Residual] | None = None
    endings: Endings | None = None


def _read(solved: Solved, gold: str | None, selection: Selection) -> _Read:
    tree, searcher = solved.tree, solved.job.searcher
    independent = getattr(searcher, "independent", False) and tree.stopped == "done"
    # A particle filter's tree at a budget before its first population: every finished leaf has weight one.
    asked = [*([Rule.PARTICLE] * getattr(searcher, "populations", False)), selection.rule]
    rules = list(dict.fromkeys([*allowed_rules(tree, by=selection.by), *asked]))
    return _Read(
        selections=votes(tree, gold, selection, rules=rules),
        oracle=None if gold is None else oracle(tree, is_right(tree, gold)),
        distinct=distinct(tree),
        samples=samples(tree, gold, selection) if independent else None,
        sharing=sharing(tree) if independent else None,
        anytime=anytime(tree, gold, selection, rules)
        if gold is not None and getattr(searcher, "anytime", False)
        else None,
        residuals=residuals(tree),
        endings=endings(tree),
    )
