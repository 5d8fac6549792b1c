"""What a PRM of the loop was trained on: solutions, steps, how many of the labels are wrong, and what they cost."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.labels.labels import read_labels
from experiments.problems import arithmetic


class Data(NamedTuple):
    """Solutions and labelled steps, the share of wrong labels, and tokens of completions; means over seeds."""

    solutions: float
    steps: float
    wrong: float
    tokens: float


def data(rows: Path, labels: Iterable[Path]) -> Data:
    """The data of one seed: its rows, and the labels files that were paid for."""
    lines = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    pairs = [
        pair
        for line in lines
        for pair in zip(line["labels"], arithmetic.labels(line["prompt"], line["completions"]), strict=True)
    ]
    tokens = sum(each.ledger.generated_tokens for file in labels for each in read_labels(file))
    return Data(len(lines), len(pairs), float(np.mean([label != exact for label, exact in pairs])), tokens)


def mean(parts: Iterable[Data]) -> Data:
    """The mean over seeds."""
    return Data(*np.mean(list(parts), axis=0).tolist())
