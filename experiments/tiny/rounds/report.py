"""The tables and the picture of the loop."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.runs.atomic import write_whole
from experiments.tiny.rounds.figures import (
    F1,
    MEASURES,
    SEARCHERS,
    STEP_AUC,
    Figure,
    Seeds,
    at_equal_tokens,
    difference,
    every,
    majority,
    tokens,
)
from experiments.tiny.rounds.knobs import Knobs
from experiments.tiny.rounds.plan import METHODS, baseline_of
from experiments.tiny.rounds.training_data import Data

FILE = "figures.json"


def show(prms: Mapping[str, Seeds], trained: Mapping[str, Data], knobs: Knobs) -> None:
    """Prints the tables, in Markdown, and writes the figures and the picture."""
    found = every(prms)
    for lines in (quality(found, trained), changes(prms), equal_tokens(prms)):
        print("", *lines, sep="\n")
    vote = majority(next(iter(prms.values())))
    print(f"\nmajority of {knobs.n}, without a PRM: {in_brackets(vote)}")
    write_whole(Path(knobs.work) / FILE, json.dumps({"majority": vote, **found}, indent=1) + "\n")
    picture(found, vote, Path(knobs.picture))


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


def finding(found: Mapping[str, Mapping[str, Figure]]) -> str:
    """What the rounds have changed, in a sentence."""
    rounds = [name for name in found if name not in METHODS]
    first, last = found[rounds[0]], found[rounds[-1]]
    parts = [f"{name} from {first[name].mean:.2f} to {last[name].mean:.2f}" for name in (STEP_AUC, F1, *SEARCHERS)]
    return f"{len(rounds) - 1} rounds take {', '.join(parts)}"


def picture(found: Mapping[str, Mapping[str, Figure]], vote: Figure, path: Path) -> None:
    """A panel a measure, a row a PRM; the dashed line is the majority of n samples."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(13, 1.3 + 0.32 * len(found)), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots(1, len(MEASURES), sharey=True)
    places = np.arange(len(found))[::-1]
    colours = ["#D55E00" if name in METHODS else "#0072B2" for name in found]
    for panel, measure in zip(axes, MEASURES, strict=True):
        for place, colour, measures in zip(places, colours, found.values(), strict=True):
            each = measures[measure]
            ends = [[each.mean - each.interval.low], [each.interval.high - each.mean]]
            panel.errorbar([each.mean], [place], xerr=ends, fmt="o", color=colour, capsize=3)
        if measure in SEARCHERS:
            panel.axvline(vote.mean, color="#888888", linestyle="--", linewidth=1)
        panel.set_title(measure, fontsize=10)
        panel.grid(axis="x", color="#e4e4e4")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, list(found))
    canvas.suptitle(finding(found), fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=130)
