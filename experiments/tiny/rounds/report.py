"""The tables and the picture of the loop."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.runs.atomic import write_whole
from experiments.runs.results import ORACLE
from experiments.tiny.rounds.evaluations import SAMPLES
from experiments.tiny.rounds.figures import (
    MEASURES,
    SEARCHERS,
    Figure,
    Seeds,
    accuracy,
    at_equal_tokens,
    difference,
    every,
    figure,
    one_sample,
    tokens,
)
from experiments.tiny.rounds.knobs import Knobs
from experiments.tiny.rounds.plan import METHODS, baseline_of
from experiments.tiny.rounds.training_data import Data
from search import Rule

FILE = "figures.json"


def show(prms: Mapping[str, Seeds], trained: Mapping[str, Data], knobs: Knobs) -> None:
    """Prints the tables, in Markdown, and writes the figures and the picture."""
    found, first = every(prms), next(iter(prms.values()))
    print(f"\n{len(first)} seeds, {len(first[0].problems)} held-out problems")
    for lines in (quality(found, trained), changes(prms), votes(prms), equal_tokens(prms)):
        print("", *lines, sep="\n")
    majority, oracle = (accuracy(SAMPLES, rule, first) for rule in (Rule.MAJORITY.value, ORACLE))
    others = {"one sample": one_sample(first), "majority of n": majority, "some sample is right": oracle}
    both = [texts for each in first for texts in each.different() if texts.right and texts.wrong]
    right, wrong = np.mean(both, axis=0) if both else (np.nan, np.nan)
    print(f"\nsamples where some are right and some wrong: {right:.1f} different right ones, {wrong:.1f} wrong ones")
    print("\nwithout a PRM:", ", ".join(f"{name} {in_brackets(value)}" for name, value in others.items()))
    write_whole(Path(knobs.work) / FILE, json.dumps({**others, **found}, indent=1) + "\n")
    picture(found, finding(prms), majority.mean, Path(knobs.picture))


def quality(found: Mapping[str, Mapping[str, Figure]], trained: Mapping[str, Data]) -> Iterator[str]:
    """A row for each PRM: its data and its measures."""
    yield from heading("PRM", "solutions", "steps", "wrong labels", "tokens of labels", *MEASURES)
    for name, measures in found.items():
        data = trained[name]
        facts = (f"{data.solutions:.0f}", f"{data.steps:.0f}", f"{100 * data.wrong:.1f} %", f"{data.tokens:,.0f}")
        yield row(name, *facts, *map(in_brackets, measures.values()))


def changes(prms: Mapping[str, Seeds]) -> Iterator[str]:
    """A row for each PRM but the baselines: its difference from its baseline, paired by problem."""
    yield from heading("PRM", "minus", *MEASURES)
    for name, prm in prms.items():
        for base in baseline_of(name, prms):
            yield row(name, base, *(in_brackets(difference(each, prm, prms[base]), "+") for each in MEASURES))


def votes(prms: Mapping[str, Seeds]) -> Iterator[str]:
    """A row for each PRM: the searches' answers by the vote that the scores weigh, in place of the highest score."""
    yield from heading("PRM", *(f"vote of {name}" for name in SEARCHERS))
    for name, prm in prms.items():
        yield row(name, *(in_brackets(accuracy(each, Rule.WEIGHTED.value, prm)) for each in SEARCHERS.values()))


def equal_tokens(prms: Mapping[str, Seeds]) -> Iterator[str]:
    """A row for each PRM: beam and MCTS against the best of as many samples as cost as much."""
    names = list(SEARCHERS)[1:]
    yield from heading(
        "PRM", *(f"tokens of {name}" for name in SEARCHERS), *(f"{name} at equal tokens" for name in names)
    )
    for name, prm in prms.items():
        compared, spent = at_equal_tokens(prm), tokens(prm)
        gains = [compared[each].difference for each in names]
        cells = ["-" if gain is None else in_brackets(Figure(gain.mean, gain.interval), "+") for gain in gains]
        yield row(name, *(f"{spent[each]:,.0f}" for each in SEARCHERS), *cells)


def heading(*cells: str) -> Sequence[str]:
    return row(*cells), row(*["---"] * len(cells))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def in_brackets(figure: Figure, sign: str = "") -> str:
    """A figure with its interval."""
    low, high = figure.interval
    return f"{figure.mean:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


# the picture


def finding(prms: Mapping[str, Seeds]) -> str:
    """What the rounds have changed, by whether the interval of the difference is above zero, below it, or around it."""
    rounds = [name for name in prms if name not in METHODS]
    first, last = prms[rounds[0]], prms[rounds[-1]]
    said: dict[str, list[str]] = {"higher": [], "lower": [], "no change that could be told": []}
    for name in MEASURES:
        low, high = difference(name, last, first).interval
        verdict = list(said)[0 if low > 0 else 1 if high < 0 else 2]
        said[verdict].append(f"{name} {figure(name, first).mean:.2f} to {figure(name, last).mean:.2f}")
    parts = [f"{verdict}: {', '.join(names)}" for verdict, names in said.items() if names]
    return f"From {rounds[0]} to {rounds[-1]}\n" + "\n".join(parts)


def picture(found: Mapping[str, Mapping[str, Figure]], title: str, majority: float, path: Path) -> None:
    """A panel a measure, a row a PRM; the dashed line is the majority of n samples."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(13, 1.9 + 0.3 * len(found)), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots(1, len(MEASURES), sharey=True)
    places = np.arange(len(found))[::-1]
    for panel, measure in zip(axes, MEASURES, strict=True):
        for place, (name, measures) in zip(places, found.items(), strict=True):
            mean, (low, high) = measures[measure]
            colour = "#D55E00" if name in METHODS else "#0072B2"
            panel.errorbar([mean], [place], xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3)
        if measure in SEARCHERS:
            panel.axvline(majority, color="#888888", linestyle="--", linewidth=1)
        panel.set_title(measure, fontsize=10)
        panel.grid(axis="x", color="#e4e4e4")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, list(found))
    canvas.suptitle(title, fontsize=11, x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=130)
