"""The trees that a sweep keeps: what their files are called, and where they are."""

import re
from pathlib import Path

from experiments.errors import RunError
from experiments.runs.grid import Name
from experiments.runs.results import Key
from experiments.terminal import exact
from search.tree import Tree

TREES = "trees"


def file_name(name: Name) -> str:
    """The name of a tree's file; the problem's place keeps two apart whose safe or shortened ids are the same."""
    return f"{name.place:05d}-{tree_name(name.key)}"


def tree_name(key: Key) -> str:
    """The name of a tree's file without the problem's place."""
    safe, cell = re.sub(r"[^A-Za-z0-9_-]+", "_", key.problem)[:60], key.cell
    limit = "".join(f"-{knob}-{exact(value)}" for knob, value in cell.limit)
    return f"{safe}.{cell.searcher}-{cell.n}{limit}.seed-{key.seed}.json"


def write_tree(path: Path, tree: Tree) -> None:
    """Raises RunError where it cannot be written."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(tree.dumps(), "utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


def tree_files(folder: Path) -> dict[str, list[Path]]:
    """The trees of a run by `tree_name`; those of ids that are alike share a name."""
    files: dict[str, list[Path]] = {}
    for path in sorted((folder / TREES).glob("*.json")):
        files.setdefault(path.name.partition("-")[2], []).append(path)
    return files
