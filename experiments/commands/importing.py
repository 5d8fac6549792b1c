"""Makes a run folder from samples generated elsewhere, for curves, estimates and reports.

usage: stepsearch import data.path=FILE [key=value ...]

Reads one problem a line, in search-and-learn's output format: `problem`, `answer`, `completions` and, where a scorer
judged them, `scores`, a list of step scores for each completion (`data.kind=` says what they mean; of kind outcome it
is one number for each). A list `samples` of objects with `completion`, `tokens` and `prm_scores` is read as well;
data.question, data.answer and so on name other fields. Answers are extracted and graded here, not taken from the file.
A problem with an unscored sample gets only the majority and pass@N.

    stepsearch import data.path=completions.jsonl selection.reduction=last out=runs/llama
    stepsearch import data.path=rewards.jsonl data.kind=outcome out=runs/rewards
    stepsearch import data.path=math.jsonl data.question=question data.answer=gt data.completions=code
    stepsearch curves run=runs/llama
    stepsearch import data.path=beam.jsonl searcher=beam out=runs/beam
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.cells import Cells
from experiments.config.compose import compose
from experiments.config.registry import GROUPS
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError, one_of
from experiments.problems.completions import Completions
from experiments.problems.solution import Solution, by_problem
from experiments.reports.sweep import draw, report
from experiments.runs.appending import appending
from experiments.runs.fingerprints import fingerprint_of
from experiments.runs.folder import open_run_folder
from experiments.runs.imported import INDEPENDENT, imported, problem_name
from experiments.runs.results import RESULTS, Result
from search.answers.answers import Answers
from search.tree.scores import Kind


@dataclass(frozen=True)
class Import:
    """The knobs of `stepsearch import`."""

    data: Any = None
    selection: Any = None
    answer: Any = None
    grader: Any = None
    searcher: str = INDEPENDENT
    """searcher that generated the samples; only those of best_of_n count as independent"""
    seed: int = 0
    """seed of the samples, which distinguishes them from those of other runs"""
    out: str | None = None
    """run folder; null: runs/import-<time>"""

    def __post_init__(self) -> None:
        if self.searcher not in GROUPS["search"]:
            raise ConfigError(f"searcher={self.searcher}: choose from {one_of(GROUPS['search'], self.searcher)}")


def main(overrides: Sequence[str] = ()) -> int:
    config = compose(Import, overrides)
    knobs: Import = build(config)
    solutions: list[Solution] = knobs.data.load_scored() if isinstance(knobs.data, Completions) else knobs.data.load()
    kind = knobs.data.kind if isinstance(knobs.data, Completions) else Kind.CORRECTNESS
    problems = by_problem(solutions)
    n = min(map(len, problems), default=0)
    if not n:
        raise RunError("data.path: the file holds no completion")
    names = Counter(problem_name(samples[0]) for samples in problems)
    if (repeated := names.most_common(1)[0])[1] > 1:
        raise RunError(f"data.path: {repeated[1]} problems are called {repeated[0]}; give each a unique id")
    if surplus := sum(len(samples) - n for samples in problems):
        print(f"every problem keeps its first {n} completions, as many as the fewest; {surplus} others are left out")
    unscored = sum(solution.scores is None for solution in solutions)
    if 0 < unscored < len(solutions):
        print(f"{unscored} of {len(solutions)} completions have no score for each step; their problems are not ranked")
    inputs = {"data": fingerprint_of(solution.record() for solution in solutions)}
    folder = open_run_folder("import", knobs.out, config, overrides, inputs)
    answers = Answers(knobs.answer, knobs.grader)
    results: list[Result] = []
    with appending(folder / RESULTS) as lines:
        for result in imported(problems, n, knobs.searcher, knobs.selection, knobs.seed, kind, answers):
            lines.append(result.dumps())
            results.append(result)
    cells = Cells.of(results)
    report(folder, cells, knobs.selection.rule)
    draw(folder, cells, knobs.selection.rule)
    return 0
