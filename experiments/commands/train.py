"""Trains a process reward model on the labels that `stepsearch export format=prm` writes.

usage: stepsearch train data=FILE.jsonl base=MODEL out=DIR [key=value ...]

Built on Transformers' Trainer, it needs the extra [train]. The result is read by scorer.model=DIR, on both engines:
output=prm makes a Qwen2ForProcessRewardModel, output=token_classification what TRL's PRMTrainer makes, of any causal
language model. An interrupted command goes on from its last checkpoint when it is repeated. Where FILE.validation.jsonl
lies beside the data, `stepsearch judge` evaluates the result on it, in DIR/judge.

    stepsearch train data=prm.jsonl base=tiny out=runs/prm epochs=1
    stepsearch train data=prm.jsonl base=Qwen/Qwen2.5-Math-1.5B out=runs/prm lora=16 targets=soft
    stepsearch solve '((3 + 4) * (2 - 5)) =' scorer.model=./runs/prm
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from experiments.commands import judge
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError, writing
from experiments.problems.json_lines import read_lines
from experiments.runs.atomic import write_whole
from experiments.training.examples import Targets, encoded, read_examples
from experiments.training.outputs import Output
from search.errors import check_knob

SETTINGS, CHECKPOINTS = "train.json", "checkpoints"


@dataclass(frozen=True)
class Train:
    """The knobs of `stepsearch train`."""

    data: str | None = None
    """a file of stepsearch export format=prm"""
    base: str | None = None
    """the model to build on: a folder, or a hub name"""
    out: str | None = None
    """the folder of the reward model"""
    output: Output = Output.PRM
    """prm (of Qwen2 alone) or token_classification, the scorer that reads it"""
    targets: Targets = Targets.HARD
    """hard: labels; soft: values"""
    lora: int | None = None
    """rank of a LoRA adapter, which is merged at the end; null: all weights are trained"""
    epochs: float = 1.0
    """passes over the data"""
    batch: int = 8
    """rows a device and batch"""
    accumulate: int = 1
    """batches a step"""
    learning_rate: float = 1e-5
    """highest learning rate; with an adapter 1e-4 is usual"""
    max_tokens: int = 4096
    """longer rows are left out"""
    save_steps: int = 200
    """steps between two checkpoints"""
    seed: int = 0
    """of the new head and the order of the rows"""

    def __post_init__(self) -> None:
        for knob in ("lora", "batch", "accumulate", "max_tokens", "save_steps"):
            check_knob(self, knob, least=1)
        check_knob(self, "epochs", above=0)
        check_knob(self, "learning_rate", above=0)


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Train = build(compose(Train, overrides))
    if not (knobs.data and knobs.base and knobs.out):
        raise ConfigError("train needs labels, a model to build on and a folder: data=prm.jsonl base=MODEL out=DIR")
    if find_spec("accelerate") is None:
        raise RunError("train needs accelerate: pip install -e '.[train]'")
    examples, folder = read_examples(knobs.data, knobs.targets), Path(knobs.out).expanduser()
    _check_settings(folder, knobs)
    from experiments.training.fitting import Schedule, fit  # loads torch and Transformers
    from experiments.training.models import begin, form_of, save, seeded, with_adapter

    seeded(knobs.seed)
    model, tokenizer = begin(knobs.base, knobs.output)
    rows = encoded(examples, form_of(knobs.output), tokenizer, knobs.max_tokens)
    if left_out := len(examples) - len(rows):
        print(f"{left_out} of {len(examples)} rows have no target, or more than {knobs.max_tokens} tokens: left out")
    if knobs.lora is not None:
        model = with_adapter(model, knobs.lora)
    schedule = Schedule(knobs.epochs, knobs.batch, knobs.accumulate, knobs.learning_rate, knobs.save_steps, knobs.seed)
    losses, writes = fit(model, rows, tokenizer.pad_token_id or 0, schedule, folder / CHECKPOINTS)
    if not writes:
        return 0
    save(model, tokenizer, folder)
    print(f"{folder}: trained on {len(rows)} rows; loss {losses[0]:.3f} to {losses[-1]:.3f}")
    return _evaluate(knobs, folder)


def _check_settings(folder: Path, knobs: Train) -> None:
    """Writes what the model is trained with. Raises RunError where the folder holds a model, or other settings."""
    now = {name: getattr(value, "value", value) for name, value in asdict(knobs).items() if name != "out"}
    file = folder / SETTINGS
    if any(folder.glob("*.safetensors")):
        raise RunError(f"out={folder} holds a model; name another folder")
    if file.exists():
        before = json.loads(file.read_text("utf-8"))
        changed = [
            f"{name}: {before.get(name)} before, {value} now"
            for name, value in now.items()
            if before.get(name) != value
        ]
        if changed:
            raise RunError(f"out={folder} was begun with other settings ({'; '.join(changed)}); name another folder")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(now, indent=2) + "\n")


def _evaluate(knobs: Train, folder: Path) -> int:
    """Judges the model on the labels that were held out, if there are."""
    data = Path(knobs.data or "")
    held_out = data.with_suffix(f".validation{data.suffix}")
    if not held_out.exists() or not list(read_lines(str(held_out))):
        print(f"{held_out} does not exist: not evaluated")
        return 0
    fields = ["data.question=prompt", "data.steps=completions"]
    scorer = [f"scorer={knobs.output.value}", f"scorer.model={folder.absolute()}"]
    return judge.main(
        ["data=labelled", f"data.path={held_out.absolute()}", *fields, *scorer, f"out={folder / 'judge'}"]
    )
