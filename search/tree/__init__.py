"""The tree that a search grows: steps and nodes, cost and budget, randomness, and what scores mean."""

from search.tree.node import Node, Path
from search.tree.tree import Event, Tree

__all__ = ["Event", "Node", "Path", "Tree"]
