"""Golden trees: what each searcher grew from the toy policy when they were last written, with each kind of score.

python -m tests.search.golden    # or `make golden`: write the trees anew, after an intended change of behaviour
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from policies.choosing import Choice
from policies.engines.tools import Tool
from policies.several import Several
from policies.toy import Toy
from search import (
    ABMCTS,
    DVTS,
    MCTS,
    Again,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    DeepConf,
    DiverseBeam,
    EntropicFilter,
    Gumbel,
    Kind,
    Lookahead,
    ParticleFilter,
    ParticleGibbs,
    Rebase,
    Reduction,
    Rule,
    Selection,
    Step,
    ThinkingBudget,
)
from search.algorithms.mcts import Backup, Prior
from search.algorithms.particle_filter import Weighting
from search.algorithms.resampling import Scheme
from search.algorithms.thompson import Posterior
from search.protocols import Policy
from search.solve import Searcher
from search.stopping import Sure
from search.tree.randomness import generator
from tests.helpers import Delayed, run
from tests.worlds import By

FOLDER = Path(__file__).parent
POLICY = Toy(branch=3, depth=3)
ACTIONS = str(FOLDER / "actions.jsonl")
ANY = Budget()
SEVERAL = Several((POLICY, replace(POLICY, temperature=3.0)), ("small", "large"), thresholds=(0.8,))
POLICIES: dict[str, Policy] = {
    "beam, several": SEVERAL,
    "beam, bandit": replace(SEVERAL, rule=Choice.BANDIT),
    "beam, tools": replace(POLICY, tools=Tool.PYTHON),
}
"""What writes, by the names of cases, where it is not POLICY."""

_MCTS = MCTS(simulations=12, in_flight=1)
_FILTER = ParticleFilter(n=4)
_RESAMPLED = replace(_FILTER, n=7, temperature=2.0)
_PROBABILITIES = (Kind.CORRECTNESS, Kind.VALUE)

# A searcher's name, the searcher, the kinds of score it is run with, its budget.
_ROWS: list[tuple[str, Searcher, Sequence[Kind], Budget]] = [
    ("best_of_n", BestOfN(3), tuple(Kind), ANY),
    ("best_of_n, budget", BestOfN(8), [Kind.VALUE], Budget(samples=2)),
    ("beam", Beam(4, 2), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("beam, one way", Beam(2, 1), [Kind.VALUE], ANY),
    ("beam, mean", Beam(4, 2, Reduction.MEAN), [Kind.VALUE], ANY),
    ("beam, every two", Beam(4, 2, every=2), [Kind.VALUE, Kind.RANKING], ANY),
    ("beam, actions", Beam(4, 2, actions=ACTIONS), [Kind.VALUE], ANY),
    ("beam, several", Beam(4, 2), [Kind.VALUE], ANY),
    ("beam, bandit", Beam(4, 2), [Kind.VALUE], ANY),
    ("beam, tools", Beam(2, 2), [Kind.VALUE], ANY),
    ("beam, budget", Beam(4, 2), [Kind.VALUE], Budget(generated_tokens=7)),
    ("mcts", _MCTS, tuple(Kind), ANY),
    ("mcts, four in flight", replace(_MCTS, in_flight=4), [Kind.VALUE], ANY),
    ("mcts, wide", replace(_MCTS, widening=2.0), [Kind.VALUE], ANY),
    ("mcts, max", replace(_MCTS, backup=Backup.MAX), [Kind.VALUE], ANY),
    ("mcts, logprob", replace(_MCTS, prior=Prior.LOGPROB), [Kind.VALUE], ANY),
    ("mcts, uniform", replace(_MCTS, prior=Prior.UNIFORM, c_puct=0.25), [Kind.VALUE], ANY),
    ("mcts, every two", replace(_MCTS, in_flight=4, every=2), [Kind.VALUE], ANY),
    ("mcts, actions", replace(_MCTS, actions=ACTIONS), [Kind.VALUE], ANY),
    ("mcts, budget", _MCTS, [Kind.VALUE], Budget(flops=30)),
    ("particle_filter", _FILTER, [*_PROBABILITIES, Kind.ADDITIVE], ANY),
    ("particle_filter, current", replace(_FILTER, weighting=Weighting.CURRENT), [Kind.VALUE], ANY),
    ("particle_filter, flat", replace(_FILTER, threshold=0.5, temperature=4.0), [Kind.VALUE], ANY),
    *(
        (f"particle_filter, {scheme}", replace(_RESAMPLED, resampling=scheme), [Kind.VALUE], ANY)
        for scheme in (Scheme.MULTINOMIAL, Scheme.RESIDUAL, Scheme.STRATIFIED, Scheme.SYSTEMATIC)
    ),
    ("particle_filter, every two", replace(_FILTER, every=2), [Kind.VALUE], ANY),
    ("particle_filter, budget", _RESAMPLED, [Kind.VALUE], Budget(generated_tokens=10)),
    ("particle_gibbs", ParticleGibbs(3, 2), [*_PROBABILITIES, Kind.ADDITIVE], ANY),
    ("particle_gibbs, current", ParticleGibbs(3, 2, Weighting.CURRENT, 2.0), [Kind.VALUE], ANY),
    ("particle_gibbs, budget", ParticleGibbs(3, 3), [Kind.VALUE], Budget(generated_tokens=13)),
    ("entropic_filter", EntropicFilter(6), [*_PROBABILITIES, Kind.ADDITIVE], ANY),
    ("entropic_filter, current", EntropicFilter(6, 0.9, 4, Weighting.CURRENT), [Kind.VALUE], ANY),
    ("entropic_filter, budget", EntropicFilter(4), [Kind.VALUE], Budget(generated_tokens=7)),
    ("ab_mcts", ABMCTS(12), [*_PROBABILITIES, Kind.ADDITIVE, Kind.OUTCOME], ANY),
    ("ab_mcts, gaussian", ABMCTS(12, Posterior.GAUSSIAN), [Kind.VALUE], ANY),
    ("ab_mcts, budget", ABMCTS(12), [Kind.VALUE], Budget(flops=30)),
    ("gumbel", Gumbel(6, 4, 6), [*_PROBABILITIES, Kind.ADDITIVE, Kind.OUTCOME], ANY),
    ("gumbel, budget", Gumbel(6), [Kind.VALUE], Budget(generated_tokens=18)),
    ("rebase", Rebase(4), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("rebase, even", Rebase(4, temperature=10.0), [Kind.VALUE], ANY),
    ("rebase, budget", Rebase(4), [Kind.VALUE], Budget(generated_tokens=7)),
    ("dvts", DVTS(4, 2), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("dvts, budget", DVTS(4, 2), [Kind.VALUE], Budget(samples=3)),
    ("lookahead", Lookahead(4, 2), [*_PROBABILITIES, Kind.ADDITIVE], ANY),
    ("lookahead, budget", Lookahead(4, 2, 2), [Kind.VALUE], Budget(generated_tokens=12)),
    ("best_first", BestFirst(5, 2), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("best_first, budget", BestFirst(5, 2), [Kind.VALUE], Budget(samples=3)),
    ("backoff", BackOff(5, 5), [*_PROBABILITIES, Kind.ADDITIVE], ANY),
    ("backoff, budget", BackOff(4, 2), [Kind.VALUE], Budget(generated_tokens=9)),
    ("diverse_beam", DiverseBeam(4, 2, 2, strength=0.5), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("diverse_beam, budget", DiverseBeam(6, 1, 3, strength=2.0), [Kind.VALUE], Budget(generated_tokens=14)),
    ("backtracking", Backtracking(5, 2, subpool=3), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("backtracking, budget", Backtracking(5, 2, subpool=2), [Kind.VALUE], Budget(generated_tokens=12)),
    ("deepconf", DeepConf(5, warmup=2, keep=0.5, window=2), [Kind.VALUE, Kind.OUTCOME], ANY),
    ("deepconf, budget", DeepConf(5, warmup=2, keep=0.5, window=2), [Kind.VALUE], Budget(generated_tokens=10)),
    ("thinking_budget", ThinkingBudget(), [Kind.VALUE], ANY),
    ("again", Again(Rebase(2), times=3), [*_PROBABILITIES, Kind.ADDITIVE, Kind.RANKING], ANY),
    ("again, best_of_n", Again(BestOfN(2), times=3, sure=0.7, rule=Sure.COUNT), [Kind.OUTCOME], ANY),
    ("again, particle_filter", Again(_FILTER, times=2, sure=1), [Kind.VALUE], ANY),
    ("again, mcts", Again(_MCTS, times=2, sure=1), [Kind.VALUE], ANY),
    ("again, budget", Again(Rebase(2), times=4, sure=1), [Kind.VALUE], Budget(samples=5)),
]
CASES = {f"{name}, {kind}": (searcher, kind, budget) for name, searcher, kinds, budget in _ROWS for kind in kinds}


def score_of(kind: Kind) -> By:
    """A number for each path, evenly distributed in [0, 1] where the kind is a probability and in [-3, 3] elsewhere."""
    scale, shift = (1.0, 0.0) if kind in _PROBABILITIES else (6.0, -3.0)

    def score(steps: Sequence[Step]) -> float:
        return shift + scale * float(generator("golden", [step.token_ids for step in steps]).random())

    return By(score, kind)


def grown(name: str) -> dict[str, Any]:
    """The tree of a case as JSON, without its seconds, and the answer that each rule selects from it."""
    searcher, kind, budget = CASES[name]
    overlap = getattr(searcher, "in_flight", 1) > 1  # a policy that answers at once leaves nothing in flight
    policy = POLICIES.get(name.rpartition(", ")[0], POLICY)
    tree = run(searcher, Delayed(policy, seed=6) if overlap else policy, score_of(kind), budget, seed=6)
    rules = [Rule.BEST, Rule.MAJORITY, *([Rule.WEIGHTED] if kind is not Kind.RANKING else [])]
    rules += [Rule.PARTICLE] if tree.events("population") else []
    return {"answers": {str(rule): Selection(rule)(tree).answer for rule in rules}, "tree": _timeless(tree.to_json())}


def path_of(name: str) -> Path:
    return FOLDER / f"{name.replace(', ', '-').replace(' ', '_')}.json"


def _timeless(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _timeless(value) for key, value in data.items() if key != "seconds"}
    return [_timeless(value) for value in data] if isinstance(data, list) else data
