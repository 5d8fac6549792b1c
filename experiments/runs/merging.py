"""Puts the run folders of a sweep's shards together: the folder that the sweep would have had in one piece."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiments.errors import RunError, writing
from experiments.runs.atomic import write_whole
from experiments.runs.changed_knobs import changed_knobs
from experiments.runs.fingerprints import same_input
from experiments.runs.folder import LOSSES, VERSIONS, describe
from experiments.runs.grid import Name
from experiments.runs.remaining import remaining
from experiments.runs.results import RESULTS, Result
from experiments.runs.resuming import WORKING_FOLDER, Inputs
from experiments.runs.shards import Shard
from experiments.runs.tree_files import TREES


@dataclass(frozen=True)
class Part:
    """The run folder of a shard."""

    folder: Path
    shard: Shard
    config: dict[str, Any]
    """with absolute paths"""
    inputs: Inputs
    results: list[Result]


def check_parts(parts: Sequence[Part], changeable: Sequence[str]) -> None:
    """Raises RunError unless these are all shards of one sweep, each once, of one config and with equal inputs."""
    first, places = parts[0], dict[Shard, Path]()
    for part in parts:
        if part.shard.of != first.shard.of:
            both = f"{first.folder} is shard {first.shard}, {part.folder} is shard {part.shard}"
            raise RunError(f"{both}: they are not parts of one sweep")
        if part.shard in places:
            raise RunError(f"{places[part.shard]} and {part.folder} are both shard {part.shard}; leave one of them out")
        places[part.shard] = part.folder
        _check_alike(first, part, changeable)
    every = (Shard(number, first.shard.of) for number in range(1, first.shard.of + 1))
    if missing := [f"shard={shard}" for shard in every if shard not in places]:
        raise RunError(f"{', '.join(missing)} is missing; name its folder in runs=, or run it first")


def _check_alike(first: Part, part: Part, changeable: Sequence[str]) -> None:
    changed = changed_knobs(first.config, part.config, ("shard", "out", *changeable), {})
    if changed:
        head = f"{part.folder} was started with a different config than {first.folder} (`the run`); start it anew:\n"
        raise RunError(head + "\n".join(changed))
    names = {*first.inputs, *part.inputs} - {WORKING_FOLDER}
    different = sorted(n for n in names if not same_input(n, first.inputs.get(n), part.inputs.get(n)))
    if different:
        raise RunError(f"{first.folder} and {part.folder} had different inputs: {', '.join(different)}")


def merged(parts: Sequence[Part], names: Sequence[Name]) -> list[Result]:
    """The results of all parts, problem by problem.

    Raises RunError where a part has not ended, or has results of problems that are not its own.
    """
    for part in parts:
        own = part.shard.searches(names)
        others = {result.problem for result in part.results} - {name.problem.id for name in own}
        if others:
            raise RunError(f"{part.folder}: problem {min(others)} is not in its shard, {part.shard}")
        if left := len(remaining(own, part.results)):
            raise RunError(
                f"{part.folder} has not ended: {left} of the {len(own)} searches of shard {part.shard} are left; "
                f"stepsearch sweep run={part.folder} ends it"
            )
    places = {name.problem.id: name.place for name in names}
    return sorted((result for part in parts for result in part.results), key=lambda result: places[result.problem])


def write_merged(
    folder: Path, parts: Sequence[Part], config: DictConfig, words: Sequence[str], results: Sequence[Result]
) -> None:
    """Writes the run folder of the whole sweep; the results come last, so that nothing takes half of it for a run.

    `words` is its command line. Raises RunError where the folder has results already, or cannot be written.
    """
    if any(folder.glob("*.jsonl")):
        raise RunError(f"out={folder} holds the results of another run; name another folder")
    first = parts[0]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    describe(folder, words, config, first.inputs)
    with writing(folder):
        for name in (VERSIONS, *([LOSSES] if (first.folder / LOSSES).exists() else [])):
            shutil.copyfile(first.folder / name, folder / name)
        for tree in (tree for part in parts for tree in (part.folder / TREES).glob("*.json")):
            (folder / TREES).mkdir(exist_ok=True)
            shutil.copyfile(tree, folder / TREES / tree.name)
    write_whole(folder / RESULTS, "".join(f"{result.dumps()}\n" for result in results))
