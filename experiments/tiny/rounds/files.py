"""The files between the commands: questions held out, rows put together, labels up to a cost, exact labels."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from experiments.labels.labels import Labels, Method, labels_file, read_labels
from experiments.problems import arithmetic
from experiments.runs.atomic import write_whole
from experiments.tiny.rounds.stages import Stage


def together_stage(root: Path, name: str, parts: Sequence[str]) -> Stage:
    """The lines of several files as one."""

    def make() -> int:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(root / name, "".join((root / part).read_text("utf-8") for part in parts))
        return 0

    return Stage(name, parts, make)


def exact_stage(root: Path, name: str, rows: str) -> Stage:
    """The same solutions with the exact labels of arithmetic."""

    def make() -> int:
        lines = map(json.loads, (root / rows).read_text("utf-8").splitlines())
        exact = [{**row, "labels": arithmetic.labels(row["prompt"], row["completions"])} for row in lines]
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(root / name, "".join(json.dumps(row) + "\n" for row in exact))
        return 0

    return Stage(name, [rows], make)


def within_stage(root: Path, name: str, runs: Sequence[str], method: Method, paid: str) -> Stage:
    """The labels of several runs by a method up to the cost of the labels file `paid`, as if of a run of this name."""

    def make() -> int:
        most = sum(labels.ledger.generated_tokens for labels in read_labels(root / paid))
        every = [labels for run in runs for labels in read_labels(labels_file(root / run, method))]
        kept, out = within(every, most), labels_file(root / name, method)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, "".join(labels.dumps() + "\n" for labels in kept))
        tokens = sum(labels.ledger.generated_tokens for labels in kept)
        print(f"{out}: {len(kept)} of {len(every)} problems, whose labels took {tokens} of {most} tokens")
        return 0

    return Stage(name, [method.value, *runs, f"paid={paid}"], make)


def within(labels: Iterable[Labels], tokens: int) -> list[Labels]:
    """The first labels whose completions have at most so many tokens together."""
    kept: list[Labels] = []
    for each in labels:
        tokens -= each.ledger.generated_tokens
        if tokens < 0:
            break
        kept.append(each)
    return kept
