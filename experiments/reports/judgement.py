"""Prints a judgement as tables and writes its files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from rich.console import Console
from rich.table import Table

from experiments.analysis.best_of_n import ONE, Answers
from experiments.analysis.biases import Biases
from experiments.analysis.judgement import Group, Judgement
from experiments.reports.curves import DPI, STYLE
from experiments.reports.fitting import show_table
from experiments.reports.health import health_lines
from experiments.reports.judgement_picture import draw
from experiments.reports.tables import new_table, with_interval, write_rows
from experiments.runs.atomic import atomic_file, write_whole
from experiments.terminal import percent, plural
from search.answers.selection import Rule


def write(judgement: Judgement, folder: Path) -> list[Path]:
    """Writes summary.json, summary.csv and judge.png. Raises RunError where one cannot be written."""
    plain = as_json(judgement)
    paths = [folder / "summary.json", folder / "summary.csv", folder / "judge.png"]
    write_whole(paths[0], json.dumps(plain, indent=1, allow_nan=False) + "\n")
    header = ("of", "figure", "value", "low", "high")
    write_rows(paths[1], header, ([row.get(name) for name in header] for row in _csv_rows(plain)))
    with rc_context(STYLE), atomic_file(paths[2]) as file:
        draw(judgement).savefig(file, format="png", dpi=DPI)
    return paths


def _csv_rows(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each number, with its 95 % interval where it has one."""
    for group in [*plain["groups"], *([plain["pooled"]] if plain["pooled"] else [])]:
        for name in ("solutions", "wrong", "erroneous", "correct", "step_auc", "prm_score"):
            yield {"of": group["group"], "figure": name, "value": group[name]}
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


def show(judgement: Judgement, out: Console) -> None:
    if judgement.groups:
        show_table(out, groups_table(judgement), names=1)
    if judgement.calibration_error is not None:
        out.print(f"calibration error (ECE) {judgement.calibration_error:.3f}")
    if judgement.answers is not None:
        show_table(out, answers_table(judgement.answers), names=1)
        if Rule.MAJORITY not in judgement.answers.correct:
            out.print("no votes: some solutions have no boxed answer")
    for line in (*health_lines(judgement.health), *bias_lines(judgement.biases)):
        out.print(line)


def groups_table(judgement: Judgement) -> Table:
    left_out = f", {judgement.errors} more could not be scored" * bool(judgement.errors)
    value, source = judgement.threshold
    title = f"{plural(judgement.solutions, 'solution')}{left_out}; a step below {value:.2f} is wrong ({source})"
    columns = ("solutions", "wrong", "acc. on wrong", "acc. on right", "F1 (95 %)", "step AUC", "PRMScore")
    table = new_table(title, "group", *columns)
    for group in [*judgement.groups, *([judgement.pooled] if judgement.pooled else [])]:
        f1 = with_interval(group.f1.f1, group.f1_interval) if group.f1.f1 == group.f1.f1 else "-"
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
    if judgement.average_f1 is not None and len(judgement.groups) > 1:
        table.add_row("average", "", "", "", "", percent(judgement.average_f1), "", "")
    for name, score in judgement.dimensions.items():
        table.add_row(name, "", "", "", "", "", "", percent(score))
    return table


def answers_table(answers: Answers) -> Table:
    count = len(answers.correct[ONE])
    title = f"best of {answers.n:.4g} on {plural(count, 'question')}, reduction {answers.reduction}"
    table = new_table(title, "answer", "accuracy (95 %)", "minus one sample (95 %)")
    for name, row in answers.accuracy.items():
        table.add_row(name, with_interval(row.mean, row.interval), with_interval(row.gain, row.gain_interval, "+"))
    return table


def bias_lines(biases: Biases) -> list[str]:
    named = {
        "right answers with a step scored wrong": biases.right_but_doubted,
        "right answers with a wrong step, none of them scored wrong": biases.tolerated,
        "solutions whose lowest step is the last": biases.lowest_is_last,
    }
    return [f"{name}: {percent(value)} %" for name, value in named.items() if value == value]


# as plain data


def as_json(judgement: Judgement) -> dict[str, Any]:
    """All numbers of a judgement; NaN becomes None."""
    answers = judgement.answers
    return {
        "solutions": judgement.solutions,
        "errors": judgement.errors,
        "threshold": judgement.threshold._asdict(),
        "groups": [_plain(_flat(group)) for group in judgement.groups],
        "pooled": _plain(_flat(judgement.pooled)) if judgement.pooled else None,
        "dimensions": _plain(judgement.dimensions),
        "average_f1": judgement.average_f1,
        "calibration": {"error": judgement.calibration_error, "bins": [b._asdict() for b in judgement.curve]},
        "answers": None
        if answers is None
        else {
            "questions": len(answers.correct[ONE]),
            "solutions_a_question": answers.n,
            "reduction": answers.reduction.value,
            "accuracy": {name: row._asdict() for name, row in answers.accuracy.items()},
        },
        "health": None if judgement.health is None else judgement.health._asdict(),
        "biases": _plain({**judgement.biases._asdict(), "lowest": judgement.biases.lowest.tolist()}),
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


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and v != v else v for name, v in values.items()}
