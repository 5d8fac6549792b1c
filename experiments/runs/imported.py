"""Results of samples that were written elsewhere."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from search.tree.cost import Ledger
from search.tree.scores import Reduction
from search.answers.selection import Rule
from search.answers.selection import allowed_rules
from search.answers.selection import oracle
from experiments.runs.results import Result
from experiments.problems.solution import Solution
from experiments.problems.solution import as_tree
from experiments.runs.grading import distinct
from experiments.runs.grading import is_right
from experiments.runs.grading import samples
from experiments.runs.grading import votes


INDEPENDENT = "best_of_n"


def imported(
    by_problem: Sequence[Sequence[Solution]], n: int, searcher: str, reduction: Reduction | None, seed: int
) -> Iterator[Result]:
    """A result for each problem, of its first n solutions."""
    for of in by_problem:
        kept, gold = of[:n], of[0].answer
        unscored = any(solution.scores is None for solution in kept)
        tree = as_tree(kept, {solution.id: solution.scores or () for solution in kept})
        known = votes(tree, gold, reduction, rules=[Rule.MAJORITY] if unscored else allowed_rules(tree))
        unknown = {rule.value: {"answer": None, "correct": None} for rule in allowed_rules(tree)}
        yield Result(
            problem=_name(kept[0]),
            question=kept[0].question,
            level=kept[0].level,
            gold=gold,
            cell={"searcher": searcher, "n": n, "budget": {}},
            seed=seed,
            selections={**unknown, **known},
            oracle=None if gold is None else oracle(tree, lambda answer, gold=gold: is_right(answer, gold)),
            no_answer=all(vote["answer"] is None for vote in known.values()),
            stopped="done",
            ledger=_ledger(kept),
            error=None,
            distinct=distinct(tree),
            samples=samples(tree, gold, reduction) if searcher == INDEPENDENT else None,
        )


def _name(solution: Solution) -> str:
    return solution.id.rpartition("/")[0]


def _ledger(solutions: Sequence[Solution]) -> dict[str, Any]:
    """All unknown but the number of samples and, where the file tells it, of generated tokens."""
    tokens = [solution.tokens for solution in solutions]
    known = {"samples": len(solutions), "generated_tokens": None if None in tokens else sum(t or 0 for t in tokens)}
    return {**dict.fromkeys(Ledger._fields), **known}


