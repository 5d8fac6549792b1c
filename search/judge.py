"""Judge: asks the scorers of one search, each prefix once, and sets scores and births."""

from collections.abc import Sequence

from search.account import Account
from search.errors import ScoreError
from search.known_scores import KnownScores
from search.protocols import Scored, Scorer, ranker
from search.tasks import together
from search.tree import Node, Tree
from search.tree.path import PathView
from search.tree.scores import Kind, check_scores, reduce, reduction_for

MARKS = "marks"
"""The event of a second scorer, with its name and kind, and the statistic of a node that holds its numbers by name."""


class Judge:
    """Judges nodes of one search, and those above them that are not yet judged."""

    def __init__(self, tree: Tree, scorer: Scorer, account: Account) -> None:
        self.kind = scorer.kind
        self._tree, self._scorer, self._account = tree, scorer, account
        self._ranker = ranker(scorer)
        self._known = KnownScores(tree.root)

    async def nodes(self, nodes: Sequence[Node]) -> None:
        """Judges the nodes, all at once; siblings together where the scorer ranks them."""
        if self._ranker is not None:
            await together(*map(self._siblings, _levels(nodes)))
        elif len(nodes) == 1:
            await self._node(nodes[0])
        else:
            await together(*map(self._node, nodes))

    async def _node(self, node: Node) -> None:
        line = _unborn(node)
        judged = line if self.kind is not Kind.OUTCOME else line[-1:] if node.finished else []
        if judged:
            scores = await self._known.scores(judged, self._ask)
            for above, score in zip(judged, scores, strict=True):
                above.score = score
        self._bear(line)

    async def _siblings(self, levels: Sequence[Sequence[Node]]) -> None:
        """One request for the children of each parent, from the top down."""
        assert self._ranker is not None
        for level in levels:
            paths = [PathView(node) for node in level]
            scored = await self._account.scorer(self._ranker.rank(self._tree.question, paths))
            scores = self._checked(scored, len(level))
            for node, score in zip(level, scores, strict=True):
                node.score = score
            self._bear(level)

    def _bear(self, nodes: Sequence[Node]) -> None:
        """Nodes that were charged at once share their birth."""
        charged, birth = None, None
        for node in nodes:
            if node.birth is None:
                if birth is None or node.charged is not charged:
                    charged, birth = node.charged, self._account.birth(node)
                node.birth, node.charged = birth, None

    async def _ask(self, node: Node, since: int) -> Sequence[float]:
        request = self._scorer.score(self._tree.question, PathView(node), since)
        return self._checked(await self._account.scorer(request), node.depth - since)

    def _checked(self, scored: Scored, wanted: int) -> list[float]:
        scores = [float(score) for score in scored.scores]
        check_scores(self.kind, scores, wanted)
        self._account.charge_scorer(scored.cost)
        return scores

    async def mark(self, name: str, scorer: Scorer, node: Node) -> None:
        """One number for the node's path, reduced as the second scorer's kind does."""
        if scorer.kind is Kind.RANKING:
            raise ScoreError(f"scorer {name} ranks siblings; only a scorer that judges a path by itself can mark it")
        since = node.depth - 1 if scorer.kind is Kind.OUTCOME else 0
        scored = await self._account.scorer(scorer.score(self._tree.question, PathView(node), since))
        scores = [float(score) for score in scored.scores]
        check_scores(scorer.kind, scores, node.depth - since)
        self._account.charge_scorer(scored.cost)
        node.stats.setdefault(MARKS, {})[name] = reduce(scores, reduction_for(scorer.kind, None))


def _unborn(node: Node) -> list[Node]:
    """The nodes down to this one that are not yet born."""
    line: list[Node] = []
    while node.parent is not None and node.birth is None:
        line.append(node)
        node = node.parent
    return line[::-1]


def _levels(nodes: Sequence[Node]) -> list[list[list[Node]]]:
    """The unborn nodes down to `nodes`, by the born node above them, and there level by level, by parent."""
    by_parent: dict[Node, dict[Node, None]] = {}
    tops: dict[Node, list[Node]] = {}
    for node in nodes:
        line = _unborn(node)
        for below in line:
            assert below.parent is not None
            by_parent.setdefault(below.parent, {})[below] = None
        if line:
            assert line[0].parent is not None
            parents = tops.setdefault(line[0].parent, [])
            parents += [below.parent for below in line if below.parent is not None and below.parent not in parents]
    return [[list(by_parent[parent]) for parent in sorted(parents, key=lambda p: p.depth)] for parents in tops.values()]
