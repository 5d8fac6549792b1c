"""Runs the stages of the loop and shows what they have measured; what the loop is stands in `knobs`."""

import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from experiments.config.script import from_overrides
from experiments.errors import is_message
from experiments.tiny.rounds import plan
from experiments.tiny.rounds.evaluations import Evaluation
from experiments.tiny.rounds.figures import Seeds
from experiments.tiny.rounds.knobs import Knobs
from experiments.tiny.rounds.report import show
from experiments.tiny.rounds.stages import run_stages
from experiments.tiny.rounds.training_data import Data, data, mean


def main() -> int:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    try:
        run_stages(Path(knobs.work), [plan.held_out(knobs)])
        for part in (plan.loop, plan.methods) if knobs.methods else (plan.loop,):
            for seed in knobs.seeds:
                run_stages(knobs.folder(seed), part(knobs, seed))
        show(evaluated(knobs), trained_on(knobs), knobs)
    except Exception as error:
        if not is_message(error):
            raise
        print(f"rounds: {error}", file=sys.stderr)
        return 2
    return 0


def evaluated(knobs: Knobs) -> Mapping[str, Seeds]:
    """The evaluations of all PRMs by name, one for each seed."""
    return {
        name: [Evaluation(plan.evaluations(knobs, seed, folder)) for seed in knobs.seeds]
        for name, folder in plan.arms(knobs).items()
    }


def trained_on(knobs: Knobs) -> Mapping[str, Data]:
    """What all PRMs were trained on, by name."""
    return {
        name: mean(
            data(knobs.folder(seed) / folder / plan.ROWS, plan.labels_files(knobs, seed, name)) for seed in knobs.seeds
        )
        for name, folder in plan.arms(knobs).items()
    }


if __name__ == "__main__":
    sys.exit(main())
