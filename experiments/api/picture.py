"""A picture of a search's tree as SVG: a circle a step, coloured by its score, and the solution's path in bold."""

from collections.abc import Iterable, Mapping
from html import escape

from experiments.terminal import plain
from search.tree import Node, Tree

MOST = 2000
"""Nodes that are drawn at most; of a larger tree the first ones, parents before their children."""
_ROW, _COLUMN, _MARGIN = 14, 46, 12


def picture(tree: Tree, path: Iterable[Node] = ()) -> str:
    """The SVG; the root stands on the left, each leaf has a row of its own. Hovering shows a step's score and text."""
    nodes = [tree.root, *tree.nodes()][: MOST + 1]
    known, best = {id(node) for node in nodes}, {id(node) for node in path}
    rows = _rows(nodes, known)
    places = {id(node): (_MARGIN + _COLUMN * node.depth, _MARGIN + _ROW * rows[id(node)]) for node in nodes}
    lines = [_line(node, places, id(node) in best) for node in nodes if node.parent is not None]
    circles = [_circle(node, *places[id(node)], id(node) in best) for node in nodes]
    width = _MARGIN * 2 + _COLUMN * max(node.depth for node in nodes)
    height = _MARGIN * 2 + _ROW * max(rows.values())
    left_out = len(list(tree.nodes())) + 1 - len(nodes)
    note = f"<p><small>{left_out:,} further steps are not drawn</small></p>" if left_out else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'role="img" aria-label="the tree of the search">{"".join(lines)}{"".join(circles)}</svg>{note}'
    )


def _rows(nodes: list[Node], known: set[int]) -> dict[int, float]:
    """The row of each node: leaves count up, a parent stands in the middle of its children."""
    rows: dict[int, float] = {}
    leaf = 0
    for node in nodes:  # parents first and siblings by index: leaves come in the order of their paths
        if not any(id(child) in known for child in node.children.values()):
            rows[id(node)], leaf = leaf, leaf + 1
    for node in reversed(nodes):
        if id(node) not in rows:
            below = [rows[id(child)] for child in node.children.values() if id(child) in known]
            rows[id(node)] = (min(below) + max(below)) / 2
    return rows


def _line(node: Node, places: Mapping[int, tuple[float, float]], best: bool) -> str:
    (x1, y1), (x2, y2) = places[id(node.parent)], places[id(node)]
    style = 'stroke="#0072B2" stroke-width="3"' if best else 'stroke="#888" stroke-width="1"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _circle(node: Node, x: float, y: float, best: bool) -> str:
    text = node.tree.question if node.step is None else node.step.text
    score = "" if node.score is None else f"{node.score:.3f} "
    shade = "#ccc" if node.score is None else _colour(node.score)
    edge = "#0072B2" if best else "#444" if node.finished else "#bbb"
    title = escape(f"{score}{plain(text)[:200]}")
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{shade}" stroke="{edge}" stroke-width="{1 + best}">'
        f"<title>{title}</title></circle>"
    )


def _colour(score: float) -> str:
    """From orange at 0 to blue at 1; scores outside are drawn as the nearer end."""
    share = min(1.0, max(0.0, score))
    parts = zip((230, 159, 0), (86, 180, 233), strict=True)
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in parts)
