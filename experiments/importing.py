"""Makes a run of samples that were written elsewhere, so that curves, estimates and reports can be made of them.

usage: stepsearch import data.path=FILE [key=value ...]

Reads one problem a line: `problem`, `answer`, `completions` and, where a scorer judged them, `scores`, a list of step
scores for each completion (the form of search-and-learn's output; also `samples`, objects with `completion`, `tokens`
and `prm_scores`). Answers are read and graded here, not taken from the file. Where a problem has a sample without
scores, only the majority and pass@N are known of it.

    stepsearch import data.path=completions.jsonl selection.reduction=last out=runs/llama
    stepsearch curves run=runs/llama
    stepsearch import data.path=beam.jsonl searcher=beam out=runs/beam
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from experiments.compose import compose
from experiments.errors import ConfigError, RunError, one_of
from experiments.judgement import as_tree
from experiments.labelled import Solution
from experiments.readings import distinct, is_right, samples, votes
from experiments.registry import GROUPS
from experiments.results import Result
from experiments.run_folder import RESULTS, appending, fingerprint_of, open_run_folder
from experiments.schema import build
from experiments.sweep import draw, report
from search.cost import Ledger
from search.scores import Reduction
from search.selection import Rule, allowed_rules, oracle

INDEPENDENT = "best_of_n"


@dataclass(frozen=True)
class Import:
    """The knobs of `stepsearch import`."""

    data: Any = None
    selection: Any = None
    searcher: str = INDEPENDENT
    """what wrote them; only those of best_of_n count as independent samples"""
    seed: int = 0
    """that they were written with: it tells this run's samples from another's"""
    out: str | None = None
    """run folder; runs/import-<time> where null"""

    def __post_init__(self) -> None:
        if self.searcher not in GROUPS["search"]:
            raise ConfigError(f"searcher={self.searcher}: choose from {one_of(GROUPS['search'], self.searcher)}")


def main(overrides: Sequence[str] = ()) -> int:
    config = compose(Import, overrides)
    knobs: Import = build(config)
    solutions: list[Solution] = knobs.data.load()
    by_problem = [list(of) for _, of in groupby(solutions, lambda solution: solution.question)]
    n = min(map(len, by_problem), default=0)
    if not n:
        raise RunError("data.path: the file holds no completion")
    names = Counter(_name(of[0]) for of in by_problem)
    if (twice := names.most_common(1)[0])[1] > 1:
        raise RunError(f"data.path: {twice[1]} problems are called {twice[0]}; give each an id of its own")
    if left := sum(len(of) - n for of in by_problem):
        print(f"the shortest problem has {n} completions; {left} others are left out, so that all have as many")
    inputs = {"data": fingerprint_of(asdict(solution) for solution in solutions)}
    folder = open_run_folder("import", knobs.out, config, overrides, inputs)
    results: list[Result] = []
    with appending(folder / RESULTS) as lines:
        for result in imported(by_problem, n, knobs.searcher, knobs.selection.reduction, knobs.seed):
            lines.append(result.dumps())
            results.append(result)
    report(folder, results, knobs.selection.rule)
    draw(folder, results, knobs.selection.rule)
    return 0


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


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["import", *sys.argv[1:]]))
