"""The trees that a sweep keeps: what their files are called, and finding them again."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from search.tree import Tree
from experiments.runs.grid import Name
from experiments.errors import RunError
from experiments.terminal import exact


def file_name(name: Name) -> str:
    """Of a tree: the problem's place keeps names apart when an id is made safe, or cut."""
    return f"{name.place:05d}-{tree_name(name.problem.id, name.cell.key, name.seed)}"


def tree_name(problem: str, cell: Mapping[str, Any], seed: int) -> str:
    """The same without the problem's place."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", problem)[:60]
    limit = "".join(f"-{knob}-{exact(value)}" for knob, value in cell["budget"].items())
    return f"{safe}.{cell['searcher']}-{cell['n']}{limit}.seed-{seed}.json"


def write_tree(path: Path, tree: Tree) -> None:
    """Raises RunError where it cannot be written."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(tree.dumps(), "utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error


TREES = "trees"


def tree_files(folder: Path) -> dict[str, list[Path]]:
    """The trees of a run by name, the problem's place in front of it left out: ids that are alike share one."""
    found: dict[str, list[Path]] = {}
    for path in sorted((folder / TREES).glob("*.json")):
        found.setdefault(path.name.partition("-")[2], []).append(path)
    return found


