"""The tree files of a sweep: their names and their folder."""

import re
from pathlib import Path

from experiments.errors import writing
from experiments.runs.atomic import write_whole
from experiments.runs.grid import Name
from experiments.runs.results import Key
from experiments.terminal import exact

TREES = "trees"


def file_name(name: Name) -> str:
    """The name of a tree's file. The problem's place distinguishes ids that are equal once made safe and shortened."""
    return f"{name.place:05d}-{tree_name(name.key)}"


def tree_name(key: Key) -> str:
    """The name of a tree's file without the problem's place."""
    safe, cell = re.sub(r"[^A-Za-z0-9_-]+", "_", key.problem)[:60], key.cell
    limit = "".join(f"-{knob}-{exact(value)}" for knob, value in cell.limit)
    return f"{safe}.{cell.searcher}-{cell.n}{limit}.seed-{key.seed}.json"


def write_tree(path: Path, text: str) -> None:
    """Writes a tree's JSON, or nothing of it. Raises RunError where it cannot be written."""
    with writing(path.parent):
        path.parent.mkdir(exist_ok=True)
    write_whole(path, text)


def tree_files(folder: Path) -> dict[str, list[Path]]:
    """The tree files of a run by `tree_name`; problems with similar ids may share a name."""
    files: dict[str, list[Path]] = {}
    for path in sorted((folder / TREES).glob("*.json")):
        files.setdefault(path.name.partition("-")[2], []).append(path)
    return files
