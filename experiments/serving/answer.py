"""From a search's tree to what a client gets: pure functions."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.analysis.solution import Solution
from experiments.serving.refusals import LATER, Refusal
from search.completion import best_open
from search.tree import Node, Tree
from search.tree.scores import reduction_for

MOST_NODES = 5_000
"""of a tree that is sent whole"""
MOST_VOTES = 50


class Answer(NamedTuple):
    """The path that answers; `finish` is `stop`, or `length` where no solution finished."""

    solution: Solution
    path: Sequence[Node]
    finish: str

    @property
    def pieces(self) -> list[str]:
        """The text of each step, thoughts left out; of leading and trailing white space nothing is left."""
        texts = [node.step.text for node in self.path if node.step is not None and not node.step.thought]
        whole = "".join(texts)
        start, end = len(whole) - len(whole.lstrip()), len(whole.rstrip())
        pieces: list[str] = []
        at = 0
        for text in texts:
            pieces.append(text[max(0, start - at) : max(0, end - at)])
            at += len(text)
        return [piece for piece in pieces if piece]


def answer_of(solution: Solution) -> Answer:
    """The winning solution; without an answer a finished one, without that the best that was cut or is open.

    Raises Refusal where nothing was written.
    """
    tree = solution.tree
    if solution.path:
        return Answer(solution, solution.path, "stop")
    leaves = tree.leaves()
    if finished := _best([leaf for leaf in leaves if leaf.finished], solution):
        return Answer(solution, finished.line(), "stop")
    node = _best([leaf for leaf in leaves if leaf.truncated], solution)
    if node is None:
        node = best_open(tree, tree.kind, solution.selection.reduction)
    answer = Answer(solution, node.line() if node else (), "length")
    if not answer.pieces and not any(n.step and n.step.thought for n in answer.path):
        raise Refusal(
            503, f"nothing was written within {tree.ledger.seconds:.3g} s", code="nothing_written", after=LATER
        )
    return answer


def _best(leaves: Sequence[Node], solution: Solution) -> Node | None:
    """Of highest value, of equals the lowest path."""
    reduction = reduction_for(solution.tree.kind, None)

    def value(leaf: Node) -> float:
        known = leaf.value(reduction)
        return -math.inf if known is None or math.isnan(known) else known

    return max(leaves, key=value, default=None)


def usage(answer: Answer) -> dict[str, Any] | None:
    """All that was generated, of which what is not in the chosen solution counts as reasoning; all prompts.

    None where the policy does not tell its tokens.
    """
    ledger = answer.solution.cost
    counts = (ledger.generated_tokens, ledger.prompt_tokens_computed, ledger.prompt_tokens_cached)
    if any(count is None for count in counts):
        return None
    generated, computed, cached = counts
    own = sum(node.step.generated for node in answer.path if node.step is not None and not node.step.thought)
    return {
        "prompt_tokens": computed + cached,
        "completion_tokens": generated,
        "total_tokens": computed + cached + generated,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": max(0, generated - own)},
    }


def summary(answer: Answer, whole: bool) -> dict[str, Any]:
    """Answer, trust, votes, the chosen path's steps, costs; with `whole` the tree, unless it has too many nodes."""
    solution = answer.solution
    tree, votes = solution.tree, solution.ballot.votes
    told = {
        "answer": solution.answer,
        "trust": finite(solution.trust),
        "trusted": solution.trusted if solution.path else False,
        "rule": str(solution.ballot.rule),
        "votes": [
            {"answer": vote.answer, "weight": finite(vote.weight), "solutions": len(vote.leaves)}
            for vote in votes[:MOST_VOTES]
        ],
        "answers": len(votes),
        "steps": [_step(node) for node in answer.path],
        "stopped": tree.stopped,
        "seed": tree.seed,
        "cost": {name: finite(value) for name, value in tree.ledger.to_json().items()},
    }
    return {**told, **_tree(tree)} if whole else told


def _step(node: Node) -> dict[str, Any]:
    """A step as the summary has it; of a thought its length alone."""
    assert node.step is not None
    if node.step.thought:
        return {"thought": True, "tokens": len(node.step.token_ids), "score": finite(node.score)}
    return {"text": node.step.text, "score": finite(node.score)}


def _tree(tree: Tree) -> dict[str, Any]:
    nodes = sum(1 for _ in tree.nodes())
    if nodes > MOST_NODES:
        return {"tree": None, "tree_left_out": f"it has {nodes:,} nodes, and at most {MOST_NODES:,} are sent"}
    return {"tree": tree.to_json()}


def finite(value: Any) -> Any:
    """The value; None for a float that JSON cannot hold."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
