"""Test-time search: the tree, the protocols, the algorithms and the choice of an answer, without any model library."""

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
from search.answers.selection import Ballot, Rule, Selection, Vote, oracle
from search.errors import KindError, KnobError, PolicyError, ScoreError, WorkerDied
from search.grow import Grower
from search.protocols import Ask, Extension, Policy, Scored, Scorer, Stopped
from search.solve import Job, Searcher, Solved, mark, solve, solve_all
from search.tree import Node, Tree
from search.tree.cost import Budget, BudgetSpent, Cost, Ledger
from search.tree.scores import Kind, Reduction
from search.tree.step import End, Step

__all__ = [
    "ABMCTS",
    "DVTS",
    "MCTS",
    "PDR",
    "RSA",
    "Again",
    "Ask",
    "BackOff",
    "Backtracking",
    "Ballot",
    "Beam",
    "BestFirst",
    "BestOfN",
    "Budget",
    "BudgetSpent",
    "Cost",
    "DeepConf",
    "DiverseBeam",
    "End",
    "EntropicFilter",
    "Extension",
    "GenSelect",
    "Grower",
    "Gumbel",
    "Job",
    "Kind",
    "KindError",
    "KnobError",
    "Ledger",
    "Lookahead",
    "Node",
    "ParticleFilter",
    "ParticleGibbs",
    "Policy",
    "PolicyError",
    "Rebase",
    "Reduction",
    "Refinement",
    "Rule",
    "ScoreError",
    "Scored",
    "Scorer",
    "Searcher",
    "Selection",
    "Solved",
    "Step",
    "Stopped",
    "ThinkingBudget",
    "Tree",
    "Vote",
    "WorkerDied",
    "mark",
    "oracle",
    "solve",
    "solve_all",
]
