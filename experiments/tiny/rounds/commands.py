"""The commands that the stages run, each so that it goes on where it was interrupted."""

import math
from collections.abc import Sequence
from pathlib import Path

from experiments.commands import export, label, sweep, train
from experiments.runs.results import RESULTS
from experiments.tiny.rounds.knobs import Knobs
from experiments.tiny.rounds.stages import Stage

BATCH = 8  # rows


def sweep_stage(root: Path, name: str, words: Sequence[str]) -> Stage:
    """A sweep with its trees."""
    words, out = [*words, "trees=true"], root / name

    def make() -> int:
        begun = (out / RESULTS).exists()
        return sweep.main([*([f"run={out}"] if begun else [*words, f"out={out}"]), "confirm=null"])

    return Stage(name, words, make)


def label_stage(root: Path, name: str, words: Sequence[str]) -> Stage:
    """Labels of the run of this name."""
    method = next(word.partition("=")[2] for word in words if word.startswith("method="))
    return Stage(f"{name}/labels/{method}", words, lambda: label.main([f"run={root / name}", *words]))


def export_stage(root: Path, name: str, run: str, method: str, knobs: Knobs) -> Stage:
    """The rows of a run's labels by a method, as a file of this name; none asks a held-out question."""
    words = [f"labels={method}", "format=prm", "validation=0", f"against=[{knobs.held_out}]", "contaminated=drop"]

    def make() -> int:
        (root / name).unlink(missing_ok=True)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        return export.main([f"run={root / run}", *words, f"out={root / name}"])

    return Stage(name, [f"run={run}", *words], make)


def train_stage(root: Path, name: str, data: str, knobs: Knobs, seed: int) -> Stage:
    """A PRM of this name. However many rows there are, it is trained for as many steps."""
    words = [f"base={knobs.base}", f"learning_rate={knobs.learning_rate}", f"batch={BATCH}", f"seed={seed}"]

    def make() -> int:
        rows = len((root / data).read_text("utf-8").splitlines())
        epochs = knobs.steps / math.ceil(rows / BATCH)
        length = [f"data={root / data}", f"epochs={epochs}", f"save_steps={max(1, knobs.steps // 2)}"]
        return train.main([*words, *length, f"out={root / name}"])

    return Stage(name, [*words, f"data={data}", f"steps={knobs.steps}"], make)
