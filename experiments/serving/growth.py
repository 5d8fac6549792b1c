"""A tree that grows, as the page draws it: what was born since the last look."""

from typing import Any

from experiments.reports.page.formulas import Pieces
from experiments.serving.answer import finite
from search.answers.answers import answers_of
from search.tree import Node, Tree

MOST = 5_000
"""nodes that are sent while a search runs; its figures are sent to the end"""


class Growth:
    """Numbers a tree's nodes as they are born, parents first, and tells them once."""

    def __init__(self, tree: Tree) -> None:
        self._tree, self._pieces = tree, Pieces()
        self._numbers: dict[Node, int] = {tree.root: -1}
        self._texts = self._formulas = 0
        self._answers: list[str] = []

    def born(self) -> list[Node]:
        """The nodes that are new since the last call. To be called where the tree does not change meanwhile."""
        new: list[Node] = []
        if len(self._numbers) > MOST:
            return new
        for node in self._tree.nodes():
            if node.birth is not None and node not in self._numbers and node.parent in self._numbers:
                self._numbers[node] = len(self._numbers) - 1
                new.append(node)
        return new

    def grown(self, new: list[Node]) -> dict[str, Any]:
        """The nodes as columns, a value a node, in the form of `reports.page.trees.tree_data`, with the texts, formulas
        and answers that are new. It reads answers and may take a while: call it in a thread.
        """
        reading, before = answers_of(self._tree), len(self._answers)
        columns = {
            "parent": [self._numbers[node.parent] for node in new if node.parent is not None],
            "text": [self._pieces(node.step.text.strip("\n") if node.step else "") for node in new],
            "score": [finite(node.score) for node in new],
            "state": [_state(node) for node in new],
            "at": [node.birth.generated_tokens if node.birth else None for node in new],
            "answer": [self._answer(reading.of(node.text())) if node.finished else None for node in new],
        }
        texts, formulas = self._pieces.texts[self._texts :], self._pieces.formulas[self._formulas :]
        self._texts, self._formulas = len(self._pieces.texts), len(self._pieces.formulas)
        answers = [[answer, None] for answer in self._answers[before:]]
        return {
            "kind": str(self._tree.kind),
            "nodes": columns,
            "texts": texts,
            "formulas": formulas,
            "answers": answers,
        }

    def _answer(self, answer: str | None) -> int | None:
        """The number of an answer, by its text."""
        if answer is None:
            return None
        if answer not in self._answers:
            self._answers.append(answer)
        return self._answers.index(answer)


def progress(tree: Tree, waited: float | None) -> dict[str, Any]:
    """Figures of a search so far; `waited` is None while it waits for its turn."""
    ledger = tree.ledger
    return {
        "waiting": waited is None,
        "solutions": ledger.samples,
        "generated_tokens": ledger.generated_tokens,
        "requests": ledger.policy_calls + ledger.scorer_calls,
    }


def _state(node: Node) -> str:
    if node.step is not None and node.truncated:
        return f"truncated: {node.step.end.replace('_', ' ')}"
    return "finished" if node.finished else "open"
