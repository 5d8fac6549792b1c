"""How each searcher and each rule is drawn and called, in figures and on the report's page."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from experiments.analysis.rules import RULE_NAMES
from experiments.config.settings import AT, searcher_of, setting_of


class Look(NamedTuple):
    """Colours are Okabe and Ito's, and some of Paul Tol's; in grey, marker and dashes tell the lines apart."""

    label: str
    colour: str
    marker: str
    dashes: Any


LOOKS = {
    "best_of_n": Look("Best-of-N", "#0072B2", "o", "-"),
    "beam": Look("beam", "#D55E00", "s", (0, (6, 2))),
    "mcts": Look("MCTS", "#009E73", "^", (0, (6, 2, 1.5, 2))),
    "particle_filter": Look("particle filter", "#CC79A7", "D", (0, (3, 1.5))),
    "particle_gibbs": Look("particle Gibbs", "#AA4499", "d", (0, (3, 1.5, 1, 1.5))),
    "entropic_filter": Look("entropic filter", "#661100", "p", (0, (2, 1, 4, 1))),
    "ab_mcts": Look("AB-MCTS", "#117733", ">", (0, (6, 1.5, 1, 1.5))),
    "gumbel": Look("Gumbel halving", "#332288", "h", (0, (1, 1, 5, 1))),
    "rebase": Look("REBASE", "#56B4E9", "v", (0, (5, 1.5))),
    "dvts": Look("DVTS", "#999933", "<", (0, (4, 2, 1.5, 2, 1.5, 2))),
    "lookahead": Look("look-ahead", "#332288", ">", (0, (4, 1.5))),
    "best_first": Look("best-first", "#661100", "*", (0, (7, 1.5, 1.5, 1.5))),
    "backoff": Look("greedy with back-off", "#117733", "h", (0, (2, 1, 5, 1))),
    "diverse_beam": Look("diverse beam", "#6699CC", "p", (0, (6, 1.5, 3, 1.5))),
    "backtracking": Look("stochastic backtracking", "#6699CC", "H", (0, (3, 1, 1, 1, 1, 1))),
    "rsa": Look("self-aggregation", "#AA3377", "8", (0, (5, 1, 2, 1))),
    "pdr": Look("distil and refine", "#DDAA33", "H", (0, (4, 1, 1, 1, 1, 1))),
    "refinement": Look("refinement", "#004488", "d", (0, (2, 2))),
    "genselect": Look("chosen by reading", "#BB5566", "p", (0, (8, 1, 1, 1))),
    "deepconf": Look("sure solutions", "#999933", "P", (0, (3, 1, 3, 1, 1, 1))),
    "thinking_budget": Look("one thought", "#44AA99", "8", (0, (1, 2))),
    "again": Look("rounds until sure", "#882255", "P", (0, (9, 2))),
    "custom": Look("custom", "#E69F00", "X", (0, (8, 2, 1.5, 2, 1.5, 2))),
    "majority@N": Look("majority of Best-of-N", "#777777", "", (0, (2, 1.5))),
    "pass@N": Look("pass@N of Best-of-N", "#000000", "", (0, (1, 1.6))),
    "compute_optimal": Look("compute-optimal: by level", "#009E73", "^", "-"),
    "one_setting": Look("best single setting", "#D55E00", "s", (0, (6, 2))),
    "every_best_of_n": Look("Best-of-N", "#777777", "o", (0, (2, 1.5))),
    "oracle": Look("pass@k", "#000000", "o", "-"),
    "best": Look(RULE_NAMES["best"], "#0072B2", "s", (0, (6, 2))),
    "weighted": Look(RULE_NAMES["weighted"], "#D55E00", "^", (0, (6, 2, 1.5, 2))),
    "majority": Look(RULE_NAMES["majority"], "#009E73", "D", (0, (3, 1.5))),
}


_MOST_DIFFERENT = ("mcts", "particle_filter", "rebase", "custom", "dvts", "gumbel", "best_first", "ab_mcts")


def label(name: str) -> str:
    """The name for readers: "beam (wide)" of the setting beam@wide."""
    if name in LOOKS:
        return LOOKS[name].label
    searcher = searcher_of(name)
    known = LOOKS[searcher].label if searcher in LOOKS else searcher
    return f"{known} ({setting_of(name)})" if AT in name else known


def looks(names: Sequence[str]) -> dict[str, Look]:
    """The look of each line of a figure. A setting has its searcher's look if that is free, else another free one."""
    unused = _unused(names)
    drawn: dict[str, Look] = {}
    for name in names:
        own = LOOKS.get(searcher_of(name), LOOKS["custom"])
        if name not in LOOKS and (own in drawn.values() or searcher_of(name) in names):
            own = next(unused, own)
        drawn[name] = LOOKS.get(name, own._replace(label=label(name)))
    return drawn


def _unused(names: Sequence[str]) -> Iterator[Look]:
    """The searchers' looks of which no line has the colour, most different first."""
    own = [name if name in LOOKS else searcher_of(name) for name in names]
    taken = {LOOKS[name].colour for name in own if name in LOOKS}
    order = [LOOKS[name] for name in _MOST_DIFFERENT] + list(LOOKS.values())
    for look in order:
        if look.marker and look.colour not in taken:
            taken.add(look.colour)
            yield look
