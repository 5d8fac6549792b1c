"""Shows a search's tree, votes and cost in a terminal. Text from models is never trusted."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text
from rich.tree import Tree as Drawing

from experiments.analysis.solution import best_path
from experiments.terminal import number, plain
from search.answers.answers import answers_of
from search.answers.selection import Ballot
from search.tree import Node, Tree
from search.tree.cost import Ledger
from search.tree.marks import MARKS, last_mark


def votes_table(ballot: Ballot) -> Table:
    table = Table("answer", title_justify="left", title=f"votes ({ballot.rule})")
    table.add_column("weight", justify="right")
    table.add_column("leaves", justify="right")
    for vote in ballot.votes:
        table.add_row(Text(plain(vote.answer)), f"{vote.weight:.4g}", str(len(vote.leaves)))
    return table


def cost_table(ledger: Ledger) -> Table:
    table = Table(title="cost", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in ledger.to_json().items():
        label = name.replace("_", " ").replace("flops", "FLOPs")
        table.add_row(label, number(value))
    return table


def draw(tree: Tree, ballot: Ballot | None, by: str | None = None) -> Drawing:
    """The tree, a line a step: score, visits, marks, text. The path to the answer is bold and has stars.

    A run of steps without a branch is drawn as one block, so that a long solution is not indented off the screen.
    """
    best = {id(node) for node in best_path(ballot, by)}
    drawing = Drawing(Text(plain(tree.question), style="bold", no_wrap=True, overflow="ellipsis"))
    stack = [(drawing, tree.root)]
    while stack:
        branch, parent = stack.pop()
        for child in _children(parent):
            block = list(_run(child))
            label = Text("\n", no_wrap=True, overflow="ellipsis").join(_line(node, id(node) in best) for node in block)
            label.no_wrap, label.overflow = True, "ellipsis"
            stack.append((branch.add(label), block[-1]))
    return drawing


def _run(node: Node) -> Iterator[Node]:
    """The node and those below it, down to the first that has not exactly one child."""
    yield node
    while len(node.children) == 1:
        (node,) = node.children.values()
        yield node


def _children(node: Node) -> list[Node]:
    return [node.children[index] for index in sorted(node.children)]


def _line(node: Node, best: bool) -> Text:
    """One step: a star on the best path, its score, its visits, its action and writer, how it ended, its text."""
    assert node.step is not None
    line = Text("* " if best else "  ", style="bold" if best else "")
    score = "unscored" if node.birth is None else "-" if node.score is None else f"{node.score:.3f}"
    line.append(f"{score} ", style="cyan")
    if "visits" in node.stats:
        line.append(f"x{node.stats['visits']} ", style="dim")
    if node.step.action:
        line.append(f"[{plain(node.step.action)}] ", style="magenta")
    if node.step.writer:
        line.append(f"{plain(node.step.writer)}: ", style="magenta")
    for name in node.stats.get(MARKS, {}):
        line.append(f"{plain(name)} {last_mark(node, name):.3f} ", style="magenta")
    if node.finished:
        answer = answers_of(node.tree).of(node.text())
        line.append("no answer: " if answer is None else f"answer {plain(answer)}: ", style="green")
    elif node.truncated:
        line.append(f"truncated ({node.step.end}): ", style="red")
    line.append(plain(node.step.text))
    return line
