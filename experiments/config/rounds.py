"""A searcher in rounds from the command line: the inner one by name, with its own knobs.

search=again search.inner=rebase search.args.n=8 search.times=8 search.sure=0.95
search=again search.inner=particle_filter search.args.n=8 search.args.temperature=2
search=again search.inner=mine:MySearcher search.args.width=3 search.rule=count
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from experiments.config import custom
from experiments.config.schema import build_named, class_of
from search.algorithms.ab_mcts import ABMCTS
from search.algorithms.again import Again
from search.algorithms.backoff import BackOff
from search.algorithms.backtracking import Backtracking
from search.algorithms.beam import Beam
from search.algorithms.best_first import BestFirst
from search.algorithms.best_of_n import BestOfN
from search.algorithms.deepconf import DeepConf
from search.algorithms.diverse_beam import DiverseBeam
from search.algorithms.dvts import DVTS
from search.algorithms.entropic_filter import EntropicFilter
from search.algorithms.genselect import GenSelect
from search.algorithms.gumbel import Gumbel
from search.algorithms.lookahead import Lookahead
from search.algorithms.mcts import MCTS
from search.algorithms.particle_filter import ParticleFilter
from search.algorithms.particle_gibbs import ParticleGibbs
from search.algorithms.pdr import PDR
from search.algorithms.rebase import Rebase
from search.algorithms.refinement import Refinement
from search.algorithms.rsa import RSA
from search.algorithms.thinking_budget import ThinkingBudget
from search.solve import Searcher
from search.stopping import Sure

SEARCHERS: dict[str, type] = {
    "best_of_n": BestOfN,
    "beam": Beam,
    "mcts": MCTS,
    "particle_filter": ParticleFilter,
    "particle_gibbs": ParticleGibbs,
    "entropic_filter": EntropicFilter,
    "ab_mcts": ABMCTS,
    "gumbel": Gumbel,
    "rebase": Rebase,
    "dvts": DVTS,
    "lookahead": Lookahead,
    "best_first": BestFirst,
    "backoff": BackOff,
    "diverse_beam": DiverseBeam,
    "backtracking": Backtracking,
    "rsa": RSA,
    "pdr": PDR,
    "refinement": Refinement,
    "genselect": GenSelect,
    "deepconf": DeepConf,
    "thinking_budget": ThinkingBudget,
}
"""The searchers that can run in rounds by name."""
_N = 8  # of an inner searcher that has this knob: rounds are small, since a search may stop only between them


@dataclass(frozen=True)
class Rounds:
    """A searcher in rounds on one tree, until the vote is sure."""

    inner: str = "rebase"
    """the searcher of a round by name, or module:Class of your own"""
    args: dict[str, Any] = field(default_factory=dict)
    """knobs of the inner searcher, args.KNOB=VALUE; where a searcher by name has an n, it is 8 unless given"""
    times: int = 8
    """most rounds"""
    sure: float = 0.95
    """stop once the confidence exceeds this; 1 never stops early"""
    rule: Sure = Sure.WEIGHT
    """weight: posterior of the leader by summed scores; count: by leaves; anytime: by leaves, valid at every look"""

    target: ClassVar[str] = "experiments.config.rounds.again"
    scale: ClassVar[str] = Again.scale


def again(inner: str, args: Mapping[str, Any], times: int, sure: float, rule: Sure) -> Again:
    """Builds the inner searcher and repeats it. Raises ConfigError for an unknown searcher or knob."""
    return Again(_inner(inner, dict(args)), times, sure, rule)


def _inner(name: str, knobs: dict[str, Any]) -> Searcher:
    if ":" in name:
        return custom.search(name, knobs)
    cls = class_of(SEARCHERS, name, "search.inner", "searcher")
    default = {"n": _N} if "n" in {knob.name for knob in fields(cls)} else {}
    return build_named(cls, name, default | knobs, "search.args")
