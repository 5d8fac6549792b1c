"""Judge: asks the scorers of one search, each prefix once, and sets scores and births."""

from collections.abc import Sequence
from functools import partial

from search.account import Account
from search.known_scores import KnownScores
from search.protocols import Scored, Scorer, ranker
from search.tasks import together
from search.tree import Node, Tree
from search.tree.cost import NOTHING, Cost
from search.tree.event import Event
from search.tree.marks import MARKS, check_kind, marks_data, write_marks
from search.tree.path import PathView
from search.tree.scores import Kind, check_scores


class Judge:
    """Judges nodes of one search by one scorer, each prefix once: by the guiding one, or by a second one of a name."""

    def __init__(self, tree: Tree, scorer: Scorer, account: Account, name: str = "") -> None:
        self.kind = scorer.kind
        self.scorer, self._name = scorer, name
        self._tree, self._account = tree, account
        self._ranker = ranker(scorer)
        self._thoughts = bool(getattr(scorer, "thoughts", False))
        self._known = KnownScores(tree.root)
        self._costs: dict[Node, Cost] = {}  # of the requests about each node, since they were last read

    async def nodes(self, nodes: Sequence[Node]) -> None:
        """Judges the nodes and those above them that are not yet judged; siblings together where the scorer ranks them.

        All at once. Sets scores and births.
        """
        if self._ranker is not None:
            await together(*map(self._siblings, _levels(nodes)))
        elif len(nodes) == 1:
            await self._node(nodes[0])
        else:
            await together(*map(self._node, nodes))

    def unjudged(self, nodes: Sequence[Node]) -> None:
        """Sets births, without scores, of the nodes and of those above them that have none."""
        for node in nodes:
            self._bear(_unborn(node))

    async def _node(self, node: Node) -> None:
        line = _unborn(node)
        judged = self._read(line)
        if judged:
            scores = await self._known.scores(judged, self._ask)
            for above, score in zip(judged, scores, strict=True):
                above.score = score
        self._bear(line)

    def _read(self, line: Sequence[Node]) -> list[Node]:
        """Those of a line's nodes that get a score."""
        if self.kind is Kind.OUTCOME:
            line = line[-1:] if line and line[-1].finished else []
        return [node for node in line if self._thoughts or node.step is None or not node.step.thought]

    async def _siblings(self, levels: Sequence[Sequence[Node]]) -> None:
        """One request for the children of each parent, from the top down."""
        assert self._ranker is not None
        for level in levels:
            if judged := self._read(level):
                paths = [PathView(node, self._thoughts) for node in judged]
                scored = await self._account.scorer(partial(self._ranker.rank, self._tree.question, paths))
                scores = self._checked(scored, len(judged))
                for node, score in zip(judged, scores, strict=True):
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

    async def mark(self, nodes: Sequence[Node]) -> None:
        """Writes the scores of each node's path as its marks, once all are known, and an event with what each cost.

        An outcome scorer marks finished solutions only. Requests are made in the order of the nodes' births, so that
        those born first bear the cost of a prefix that they share with others. Raises KindError for a ranking.
        """
        check_kind(self._name, self.kind)
        nodes = [node for node in dict.fromkeys(nodes) if node.finished or self.kind is not Kind.OUTCOME]
        nodes.sort(key=_born)
        self._costs = dict.fromkeys(nodes, NOTHING)
        scores = await together(*map(self._path, nodes))
        write_marks(self._name, dict(zip(nodes, scores, strict=True)))
        costs = {node: self._costs[node] for node in nodes}
        self._tree.record.append(Event(MARKS, self._account.now(), marks_data(self._name, self.kind, costs)))

    async def _path(self, node: Node) -> list[float]:
        return await self._known.scores(self._read(node.line()), self._ask)

    async def _ask(self, first: Node, last: Node) -> Sequence[float]:
        path = PathView(last, self._thoughts)
        since = len(PathView(first, self._thoughts)) - 1
        scored = await self._account.scorer(lambda: self.scorer.score(self._tree.question, path, since))
        if last in self._costs:
            self._costs[last] += scored.cost
        return self._checked(scored, len(path) - since)

    def _checked(self, scored: Scored, wanted: int) -> list[float]:
        scores = [float(score) for score in scored.scores]
        check_scores(self.kind, scores, wanted, f"scorer {self._name}" if self._name else "the scorer")
        self._account.charge_scorer(scored.cost)
        return scores


def _born(node: Node) -> tuple[int, int]:
    """A sort key for judged nodes: calls made by their births."""
    return (node.birth.policy_calls, node.birth.scorer_calls) if node.birth else (0, 0)


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
