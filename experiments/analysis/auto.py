"""Chooses a searcher by a calibration run: the choice of `stepsearch plan`, with one level for all problems."""

import sys
from pathlib import Path

import numpy as np

from experiments.analysis.cells import Cells
from experiments.analysis.optimal import choose, grid
from experiments.config.registry import configured
from experiments.config.schema import build
from experiments.config.settings import searcher_of, setting_of
from experiments.errors import ConfigError, RunError
from experiments.runs.axes import Axis
from experiments.runs.folder import config_of
from experiments.runs.grid import GREEDY, rescaled
from experiments.runs.results import CellKey, read_results
from experiments.terminal import percent
from search.algorithms.again import Again
from search.answers.selection import Rule
from search.solve import Searcher


def searcher(run: str | None, budget: float | None) -> Searcher:
    """The most accurate searcher of the run whose mean cost is within the budget, in generated tokens, the cheapest of
    equals, by the rule that the run's answers were selected by. Says on standard error which it is.

    Raises ConfigError for a budget without a run, and RunError where the run cannot tell.
    """
    if run is None:
        if budget is not None:
            raise ConfigError("search.budget is a limit within a calibration run; name one, search.run=DIR")
        return Again()
    folder = Path(run).expanduser()
    config = config_of(folder)
    rule = (config.get("selection") or {}).get("rule", Rule.WEIGHTED.value)
    cells = Cells.of(read_results(folder)).only(lambda key: key.searcher != GREEDY and not key.limit)
    if not cells.results:
        raise RunError(f"search.run={run}: none of its searchers ran at sizes of their own (budgets=), only at limits")
    world = grid(cells.complete(), Axis.GENERATED_TOKENS, rule)
    place = choose(world, np.ones(len(world.problems), dtype=bool), np.inf if budget is None else budget)
    if place is None:
        raise RunError(
            f"search.budget={budget:g}: every setting of {run} costs more; the cheapest {world.cost.mean(1).min():,.0f}"
        )
    key = world.settings[place]
    accuracy, cost = percent(float(world.correct[place].mean())), world.cost[place].mean()
    of = f"{accuracy} % of {len(world.problems)} problems by {rule}, {cost:,.0f} tokens a problem"
    print(f"search=auto: {key.searcher} at {key.n}, which had {of}", file=sys.stderr)
    return _built(folder, key, (config.get("search") or {}).get(setting_of(key.searcher)))


def _built(folder: Path, key: CellKey, knobs: dict[str, object] | None) -> Searcher:
    if knobs is None:
        raise RunError(f"search.run={folder}: its config.yaml does not hold the knobs of {key.searcher}")
    node = configured("search", searcher_of(key.searcher))
    for name, value in knobs.items():
        if name != "_target_":
            node[name] = value
    return rescaled(key.searcher, build(node), key.n)
