"""The tree that a search grows and what it costs: steps, nodes, ledger and budget, randomness, what scores mean."""

from search.tree.tree import Event, Node, Path, Tree

__all__ = ["Event", "Node", "Path", "Tree"]
