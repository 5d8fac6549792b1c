"""A labels file that goes on: made with the same settings, and without the problems that it has."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.errors import RunError, writing
from experiments.labels.labels import Labels, Method, labels_file
from experiments.labels.sources import Source
from experiments.runs.appending import appending
from experiments.runs.atomic import write_whole
from experiments.runs.changed_knobs import changed_knobs

_ASKED = {
    Method.MONTE_CARLO: ("k", "policy", "solutions", "seed"),
    Method.BINARY: ("k", "policy", "solutions", "seed"),
    Method.CRITIC: ("scorer", "threshold", "solutions", "seed"),
    Method.TREE: ("least",),
}
"""The knobs on which the labels of a method depend, besides `answer` and `grader`."""


def check_settings(run: Path, method: Method, config: DictConfig) -> None:
    """Writes beside the labels what they are made with. Raises RunError where they were made with something else."""
    knobs: Any = OmegaConf.to_container(config)
    now = {name: value for name, value in _plain(knobs).items() if name in (*_ASKED[method], "answer", "grader")}
    labels = labels_file(run, method)
    file = labels.with_suffix(".json")
    if labels.exists() and labels.stat().st_size and file.exists():
        changed = changed_knobs(_settings(file), now, (), {})
        if changed:
            raise RunError(
                f"{labels} was made with other settings; leave these knobs as they were, or move the file away:\n"
                + "\n".join(changed)
            )
        return
    with writing(file.parent):
        file.parent.mkdir(exist_ok=True)
    write_whole(file, json.dumps(now, indent=2) + "\n")


def _settings(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} cannot be read ({error}); move it and the labels beside it away") from None


def _plain(node: Any) -> Any:
    """The config as JSON has it: members of an enumeration by name."""
    return json.loads(json.dumps(node, default=lambda value: getattr(value, "name", str(value))))


def labelled_before(file: Path, parse: Any) -> dict[str, Labels]:
    """The labels that a file holds, by problem, without an incomplete last line."""
    with appending(file):
        pass
    return {labels.problem: labels for labels in parse(file)}


def pending(sources: Sequence[Source], before: Mapping[str, Labels]) -> list[Source]:
    """The problems that are not yet labelled, or whose run has more trees of them now."""
    return [s for s in sources if s.problem not in before or before[s.problem].trees != s.names]
