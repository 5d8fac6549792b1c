"""A PRM's evaluation on the held-out problems with one seed, read from its run folders."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.analysis.step_metrics import FirstErrors, Judged, auc, best_threshold, first_errors, up_to_first_error
from experiments.runs.results import Result, read_results
from experiments.runs.tree_files import tree_files, tree_name
from experiments.tiny.evaluate import correct, judged
from search import Tree
from search.answers.boxes import boxed

SAMPLES = "best_of_n"


class Texts(NamedTuple):
    """How many different right and wrong solutions are among the samples of a problem."""

    right: int
    wrong: int


class Evaluation:
    """The results of searches with a PRM, and what it said of the independent samples; problems are sorted by name."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.results = [result for folder in folders for result in read_results(folder)]
        self.problems = sorted({result.problem for result in self.results})
        self._trees = {name: files for folder in folders for name, files in tree_files(folder).items()}

    def correct(self, searcher: str, rule: str) -> np.ndarray:
        """Correctness of the searcher's answers, [P]."""
        right = {each.problem: each.correct(rule) for each in self._of(searcher)}
        return np.array([right[problem] for problem in self.problems], dtype=float)

    def one_sample(self) -> np.ndarray:
        """The share of the independent samples that are right, [P]."""
        of = {each.problem: each.samples or () for each in self._of(SAMPLES)}
        return np.array([np.mean([bool(one.right) for one in of[problem]]) for problem in self.problems])

    def tokens(self, searcher: str) -> float:
        """Generated tokens for each problem, the mean."""
        return float(np.mean([each.ledger.generated_tokens for each in self._of(searcher)]))

    @cached_property
    def samples(self) -> list[list[Judged]]:
        """Step scores and exact labels of the independent samples, by problem."""
        return [judged([tree]) for tree in self._sampled()]

    def different(self) -> list[Texts]:
        """The different solutions among the samples, by problem."""
        texts = [
            {(leaf.text(), correct(tree, boxed(leaf.text()))) for leaf in tree.leaves()} for tree in self._sampled()
        ]
        return [Texts(sum(right for _, right in each), sum(not right for _, right in each)) for each in texts]

    def auc(self, chosen: np.ndarray) -> float:
        """The step AUC on the chosen problems."""
        return auc(*(np.concatenate(part) for part in zip(*(self._steps[place] for place in chosen), strict=True)))

    def solution_auc(self, chosen: np.ndarray) -> float:
        """Probability that a right solution of a problem scores above a wrong one of the same problem, by the lowest of
        its steps' scores: the mean over the chosen problems that have both. NaN where none has.
        """
        known = [value for place in chosen if not np.isnan(value := self._solution_aucs[place])]
        return float(np.mean(known)) if known else float("nan")

    def f1(self, chosen: np.ndarray) -> float:
        """ProcessBench's F1 of the first error on the chosen problems; the threshold of a half of all problems is the
        best one of the other half.
        """
        parts = zip(*(self._first_errors[place] for place in chosen), strict=True)
        return FirstErrors(*(np.concatenate(part) for part in parts)).f1().f1

    @cached_property
    def _steps(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [up_to_first_error(same) for same in self.samples]

    @cached_property
    def _solution_aucs(self) -> list[float]:
        return [
            auc(np.array([min(one.scores) for one in same]), np.array([all(one.right) for one in same]))
            for same in self.samples
        ]

    @cached_property
    def _first_errors(self) -> list[FirstErrors]:
        halves = [[one for same in self.samples[half::2] for one in same] for half in (1, 0)]
        thresholds = [best_threshold(half) for half in halves]
        return [first_errors(same, thresholds[place % 2]) for place, same in enumerate(self.samples)]

    def _of(self, searcher: str) -> list[Result]:
        return [result for result in self.results if result.cell.searcher == searcher]

    def _sampled(self) -> Iterator[Tree]:
        """The tree of the independent samples of each problem, in their order."""
        of = {each.problem: each for each in self._of(SAMPLES)}
        for result in map(of.__getitem__, self.problems):
            trees = (Tree.loads(path.read_text("utf-8")) for path in self._trees[tree_name(result.key)])
            yield next(tree for tree in trees if tree.question == result.question)
