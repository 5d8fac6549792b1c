"""Results of samples that were generated elsewhere."""

from collections.abc import Iterator, Sequence

from experiments.errors import ConfigError
from experiments.problems.solution import Solution, as_tree
from experiments.runs.grading import distinct, is_right, samples, votes
from experiments.runs.results import Answer, CellKey, Result
from search.answers.answers import Answers
from search.answers.selection import Rule, Selection, allowed_rules, oracle
from search.tree.cost import Ledger
from search.tree.scores import Kind

INDEPENDENT = "best_of_n"


def imported(
    by_problem: Sequence[Sequence[Solution]],
    n: int,
    searcher: str,
    selection: Selection,
    seed: int,
    kind: Kind,
    answers: Answers,
) -> Iterator[Result]:
    """A result for each problem, from its first n solutions, whose scores are of the kind.

    Raises ConfigError where the selection names a second scorer, since nobody has judged these samples.
    """
    if selection.by is not None:
        raise ConfigError(f"selection.by={selection.by}: no second scorer has judged these samples; leave it out")
    for solutions in by_problem:
        first, gold = solutions[:n], solutions[0].answer
        unscored = any(solution.scores is None for solution in first)
        tree = as_tree(first, {solution.id: solution.scores or () for solution in first}, kind)
        tree.answers = answers
        known = votes(tree, gold, selection, rules=[Rule.MAJORITY] if unscored else allowed_rules(tree))
        unknown = {rule.value: Answer(None, None) for rule in allowed_rules(tree)}
        yield Result(
            problem=problem_name(first[0]),
            question=first[0].question,
            level=first[0].level,
            gold=gold,
            cell=CellKey(searcher, n),
            seed=seed,
            selections={**unknown, **known},
            oracle=None if gold is None else oracle(tree, is_right(tree, gold)),
            no_answer=all(vote.answer is None for vote in known.values()),
            stopped="done",
            ledger=_ledger(first),
            error=None,
            distinct=distinct(tree),
            samples=samples(tree, gold, selection) if searcher == INDEPENDENT else None,
        )


def problem_name(solution: Solution) -> str:
    """The problem's own id; the question where it has none."""
    return solution.question if solution.problem is None else solution.problem


def _ledger(solutions: Sequence[Solution]) -> Ledger:
    """The number of samples, and of generated tokens where the file holds it; all other costs are unknown."""
    tokens = [solution.tokens for solution in solutions]
    known = {"samples": len(solutions), "generated_tokens": None if None in tokens else sum(t or 0 for t in tokens)}
    return Ledger(**{**dict.fromkeys(Ledger._fields), "at_least": False, **known})
