"""stepsearch: the tree, the protocols, the algorithms and the selection of an answer. Imports no model library."""

from search.batching import Batcher, Ticket, WorkerDied
from search.beam import Beam
from search.best_of_n import BestOfN
from search.cost import Budget, BudgetSpent, Cost, Ledger
from search.ends import Cutter, Limits, Vocabulary
from search.errors import KindError, KnobError, ScoreError
from search.grow import Grower
from search.mcts import MCTS
from search.particle_filter import ParticleFilter
from search.protocols import Extension, Policy, Scored, Scorer, Searcher
from search.scores import Kind, Reduction
from search.selection import Ballot, Rule, Selection, Vote, oracle
from search.solve import Job, Solved, solve, solve_all
from search.step import End, Step
from search.tree import Node, Tree

__all__ = [
    "MCTS",
    "Ballot",
    "Batcher",
    "Beam",
    "BestOfN",
    "Budget",
    "BudgetSpent",
    "Cost",
    "Cutter",
    "End",
    "Extension",
    "Grower",
    "Job",
    "Kind",
    "KindError",
    "KnobError",
    "Ledger",
    "Limits",
    "Node",
    "ParticleFilter",
    "Policy",
    "Reduction",
    "Rule",
    "ScoreError",
    "Scored",
    "Scorer",
    "Searcher",
    "Selection",
    "Solved",
    "Step",
    "Ticket",
    "Tree",
    "Vocabulary",
    "Vote",
    "WorkerDied",
    "oracle",
    "solve",
    "solve_all",
]
