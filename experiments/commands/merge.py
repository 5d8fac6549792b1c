"""Puts the shards of a sweep together: the run folder that the sweep would have had in one piece.

usage: stepsearch merge runs=DIR,DIR,... [out=DIR]

A sweep is divided among machines that share nothing but a folder by `shard=i/k`: shard i runs every k-th problem, from
the i-th on. Once all have ended, `merge` checks that they are all there, of one config and with equal inputs, and
writes the folder of the whole sweep, with its trees. It is a run as any other: it is drawn, compared, reported, and
grows with `run=DIR`. Names in runs= may have the wildcards * and ?.

    stepsearch sweep problems.limit=40 shard=1/2 out=runs/part-1
    stepsearch sweep problems.limit=40 shard=2/2 out=runs/part-2
    stepsearch merge runs=runs/part-1,runs/part-2 out=runs/whole
    stepsearch merge runs='runs/part-*' out=runs/whole
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import OmegaConf

from experiments.analysis.cells import Cells
from experiments.commands.sweep import CHANGEABLE, Sweep, build_sweep, grid_of
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError
from experiments.reports.sweep import draw, report
from experiments.runs.appending import appending
from experiments.runs.fingerprints import problems_fingerprint
from experiments.runs.folder import CONFIG, config_of, invocation, new_folder
from experiments.runs.grid import names
from experiments.runs.merging import Part, check_parts, merged, write_merged
from experiments.runs.paths import absolute_values
from experiments.runs.remaining import results_so_far
from experiments.runs.results import RESULTS
from experiments.runs.resuming import WORKING_FOLDER
from experiments.runs.shards import parse_shard


@dataclass(frozen=True)
class Merge:
    """The knobs of `stepsearch merge`."""

    runs: list[str] = field(default_factory=list)
    """the run folders of all shards; 'runs/part-*' is a pattern"""
    out: str | None = None
    """run folder; null: runs/merge-<time>"""


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Merge = build(compose(Merge, overrides))
    parts = sorted(map(part_of, _folders(knobs.runs)), key=lambda part: part.shard)
    check_parts(parts, CHANGEABLE)
    first = parts[0]
    command = invocation(Sweep, [f"run={first.folder}"])
    run = build_sweep(command.config)
    problems = run.problems.load()
    if problems_fingerprint(problems) != first.inputs.get("problems"):
        raise RunError("the problems are not those that the shards have run; their file has changed")
    results = merged(parts, list(names(problems, grid_of(run, command.opens), run.seeds)))
    out = Path(knobs.out).expanduser() if knobs.out else new_folder("merge")
    config = OmegaConf.load(first.folder / CONFIG)
    config.shard, config.out = None, str(out)
    words = [word for word in command.own if word.partition("=")[0] not in ("shard", "out")]
    write_merged(out, parts, config, [*words, f"out={out}"], results)  # pyright: ignore[reportArgumentType]
    cells = Cells.of(results)
    report(out, cells, run.selection.rule)
    draw(out, cells, run.selection.rule)
    return int(any(result.error for result in results))


def _folders(named: Sequence[str]) -> list[Path]:
    """The folders, with patterns replaced by what they match. Raises ConfigError where there are none."""
    folders: list[Path] = []
    for name in named:
        matches = sorted(glob.glob(str(Path(name).expanduser()))) if set("*?[") & set(name) else [name]
        if not matches:
            raise ConfigError(f"runs={name}: no folder matches")
        folders += [Path(match).expanduser() for match in matches]
    if not folders:
        raise ConfigError("merge needs the folders of the shards: runs=DIR,DIR,...")
    return folders


def part_of(folder: Path) -> Part:
    """The run folder of a shard. Raises RunError where it holds none, or is being written to."""
    command = invocation(Sweep, [f"run={folder}"])
    config, inputs = config_of(folder), dict(command.inputs_before or {})
    if not (config and inputs):
        raise RunError(f"{folder} holds no complete run; start it anew")
    if config.get("shard") is None:
        raise RunError(f"{folder} is no shard: it was run without shard=i/k")
    if (folder / RESULTS).exists():
        with appending(folder / RESULTS):  # without an incomplete last line
            pass
    started_in = Path(inputs[WORKING_FOLDER])
    absolute = absolute_values(config, started_in)
    return Part(folder, parse_shard(config["shard"]), absolute, inputs, results_so_far(folder))
