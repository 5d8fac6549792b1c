"""The problems of a run with their gold answers and trees: what labels are made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from experiments.errors import RunError
from experiments.runs.grid import GREEDY
from experiments.runs.results import Result, read_results
from experiments.runs.tree_files import tree_files, tree_name
from search.tree import Tree


class Searched(NamedTuple):
    """The tree of one search; `independent` where its leaves are independent samples of the policy."""

    tree: Tree
    independent: bool


@dataclass(frozen=True)
class Source:
    """A problem, and the files of its trees with whether each one's leaves are independent samples."""

    problem: str
    question: str
    gold: str
    files: tuple[tuple[Path, bool], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(path.name for path, _ in self.files)

    def searched(self) -> Iterator[Searched]:
        """The trees, loaded one by one. Raises RunError for a file that is no tree."""
        for path, independent in self.files:
            try:
                tree = Tree.loads(path.read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise RunError(f"{path} is no tree of this version ({error}); remove it, or search again") from None
            if tree.question == self.question:  # problems with similar ids may share a name
                yield Searched(tree, independent)


class Sources(NamedTuple):
    """The problems that can be labelled, and how many cannot because they have no gold answer, or no tree."""

    problems: list[Source]
    without_gold: int
    without_trees: int


def sources(folder: Path) -> Sources:
    """The problems of a run. Raises RunError where no tree is saved, or where no problem has a gold answer."""
    results = [result for result in read_results(folder) if result.error is None]
    files = tree_files(folder)
    if not files:
        raise RunError(f"run={folder} has no trees; labels need them: stepsearch sweep trees=true out=...")
    by_problem: dict[str, list[Result]] = {}
    for result in results:
        by_problem.setdefault(result.problem, []).append(result)
    problems, without_gold, without_trees = list[Source](), 0, 0
    for problem, searches in by_problem.items():
        gold = searches[0].gold
        found = tuple((path, _independent(r)) for r in searches for path in files.get(tree_name(r.key), ()))
        if gold is None:
            without_gold += 1
        elif not found:
            without_trees += 1
        else:
            problems.append(Source(problem, searches[0].question, gold, tuple(sorted(found))))
    if not problems and without_gold:
        raise RunError(f"run={folder} has no gold answers, by which solutions are labelled; sweep problems that have")
    if not problems:
        raise RunError(f"run={folder}: no tree belongs to a search that has ended; let the sweep go on: run={folder}")
    return Sources(problems, without_gold, without_trees)


def _independent(result: Result) -> bool:
    """Whether a search's leaves are samples of the policy that no budget cut; a greedy solution is none."""
    return result.cell.searcher != GREEDY and result.samples is not None
