"""A judgement for people: the tables and the files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from rich.console import Console
from rich.table import Table

from experiments.analysis.best_of_n import Answers, accuracy
from experiments.analysis.biases import Biases
from experiments.analysis.judgement import Group, Judgement
from experiments.reports.curves import DPI, STYLE
from experiments.reports.judgement_picture import draw
from experiments.terminal import percent
from search.answers.selection import Rule


def write(found: Judgement, folder: Path) -> list[Path]:
    """summary.json, summary.csv and judge.png."""
    plain = as_json(found)
    paths = [folder / "summary.json", folder / "summary.csv", folder / "judge.png"]
    paths[0].write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", "utf-8")
    with paths[1].open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["of", "figure", "value", "low", "high"])
        writer.writeheader()
        writer.writerows(_csv_rows(plain))
    with rc_context(STYLE):
        draw(found).savefig(paths[2], dpi=DPI)
    return paths


def _csv_rows(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One figure a row, with its 95 % interval where it has one."""
    for group in [*plain["groups"], *([plain["pooled"]] if plain["pooled"] else [])]:
        for figure in ("solutions", "wrong", "erroneous", "correct", "step_auc", "prm_score"):
            yield {"of": group["group"], "figure": figure, "value": group[figure]}
        yield {"of": group["group"], "figure": "f1", "value": group["f1"], "low": group["f1_low"],
               "high": group["f1_high"]}  # fmt: skip
    for name, score in plain["dimensions"].items():
        yield {"of": name, "figure": "prm_score", "value": score}
    for rule, row in (plain["answers"] or {"accuracy": {}})["accuracy"].items():
        low, high = row["interval"]
        yield {"of": rule, "figure": "accuracy", "value": row["mean"], "low": low, "high": high}
    for bias, value in plain["biases"].items():
        if bias != "lowest":
            yield {"of": "biases", "figure": bias, "value": value}


# tables


def show(found: Judgement, out: Console) -> None:
    if found.groups:
        out.print(groups_table(found))
    if found.calibration_error is not None:
        out.print(f"calibration error (ECE) {found.calibration_error:.3f}")
    if found.answers is not None:
        out.print(answers_table(found.answers))
        if Rule.MAJORITY not in found.answers.correct:
            out.print("no votes: some solutions have no boxed answer")
    for line in bias_lines(found.biases):
        out.print(line)


def groups_table(found: Judgement) -> Table:
    left_out = f", {found.errors} more could not be scored" * bool(found.errors)
    value, source = found.threshold
    title = f"{found.solutions} solutions{left_out}; a step below {value:.2f} is wrong ({source})"
    table = Table(title=title, title_justify="left")
    for column in (
        "group",
        "solutions",
        "wrong",
        "acc. on wrong",
        "acc. on right",
        "F1 (95 %)",
        "step AUC",
        "PRMScore",
    ):
        table.add_column(column, justify="left" if column == "group" else "right")
    for group in [*found.groups, *([found.pooled] if found.pooled else [])]:
        low, high = group.f1_interval
        f1 = f"{percent(group.f1.f1)} ({percent(low)} to {percent(high)})" if group.f1.f1 == group.f1.f1 else "-"
        accuracies = [percent(group.f1.erroneous), percent(group.f1.correct)]
        table.add_row(
            group.name,
            str(group.solutions),
            str(group.wrong),
            *accuracies,
            f1,
            f"{group.auc:.3f}" if group.auc == group.auc else "-",
            percent(group.prm_score),
        )
    if found.average_f1 is not None and len(found.groups) > 1:
        table.add_row("average", "", "", "", "", percent(found.average_f1), "", "")
    for name, score in found.dimensions.items():
        table.add_row(name, "", "", "", "", "", "", percent(score))
    return table


def answers_table(answers: Answers) -> Table:
    count = len(answers.correct["one sample"])
    title = f"best of {answers.n:.4g} on {count} questions, reduction {answers.reduction}"
    table = Table(title=title, title_justify="left")
    for column in ("answer", "accuracy (95 %)", "minus one sample (95 %)"):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name, of in answers.correct.items():
        row = accuracy(of, answers.correct["one sample"])
        table.add_row(name, _spread(row["mean"], row["interval"]), _spread(row["gain"], row["gain_interval"], "+"))
    return table


def bias_lines(biases: Biases) -> list[str]:
    named = {
        "right answers with a step scored wrong": biases.right_but_doubted,
        "right answers with a wrong step, none of them scored wrong": biases.tolerated,
        "solutions whose lowest step is the last": biases.lowest_is_last,
    }
    return [f"{name}: {percent(value)} %" for name, value in named.items() if value == value]


def _spread(value: float, interval: Any, sign: str = "") -> str:
    low, high = (f"{100 * edge:{sign}.1f}" for edge in interval)
    return f"{100 * value:{sign}.1f} ({low} to {high})"


# as plain data


def as_json(found: Judgement) -> dict[str, Any]:
    """Everything, NaN as null."""
    answered = found.answers
    rules = {} if answered is None else answered.correct
    return {
        "solutions": found.solutions,
        "errors": found.errors,
        "threshold": found.threshold._asdict(),
        "groups": [_plain(_flat(group)) for group in found.groups],
        "pooled": _plain(_flat(found.pooled)) if found.pooled else None,
        "dimensions": _plain(found.dimensions),
        "average_f1": found.average_f1,
        "calibration": {"error": found.calibration_error, "bins": [b._asdict() for b in found.curve]},
        "answers": None
        if answered is None
        else {
            "questions": len(next(iter(rules.values()))),
            "solutions_a_question": answered.n,
            "reduction": answered.reduction.value,
            "accuracy": {name: accuracy(row, rules["one sample"]) for name, row in rules.items()},
        },
        "biases": _plain({**found.biases._asdict(), "lowest": found.biases.lowest.tolist()}),
    }


def _flat(group: Group) -> dict[str, Any]:
    return {
        "group": group.name,
        "solutions": group.solutions,
        "wrong": group.wrong,
        "f1": group.f1.f1,
        "f1_low": group.f1_interval.low,
        "f1_high": group.f1_interval.high,
        "erroneous": group.f1.erroneous,
        "correct": group.f1.correct,
        "step_auc": group.auc,
        "prm_score": group.prm_score,
    }


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and v != v else v for name, v in figures.items()}
