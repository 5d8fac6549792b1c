// Draws the tree: depth grows to the right, one line a leaf; colour is the score, size the visits or samples, bold the
// path to the answer.
"use strict";

const LINE = 16; // pixels between two leaves

function drawing(view, choose) {
  const deepest = Math.max(...view.nodes.map((node) => node.depth));
  const step = Math.max(16, Math.min(72, 620 / deepest));
  const places = placesOf(view.nodes, step);
  const ends = view.nodes.filter((node) => !node.children.length).length;
  const [width, height] = [deepest * step + 190, ends * LINE + 16];
  const root = { x: 12, y: places.root };
  const most = Math.max(1, ...view.nodes.map((node) => (view.visited ? (node.visits ?? 0) : node.many)));
  const edges = view.nodes.map((node) => {
    const from = node.parent < 0 ? root : places.of[node.parent];
    const to = places.of[node.i];
    const half = (from.x + to.x) / 2;
    const d = `M${from.x},${from.y}C${half},${from.y} ${half},${to.y} ${to.x},${to.y}`;
    return svg("path", { d, class: view.chosen.has(node.i) ? "edge chosen" : "edge" });
  });
  edges.sort((a, b) => a.classList.contains("chosen") - b.classList.contains("chosen"));
  const dots = view.nodes.map((node) => dot(node, places.of[node.i], view, most, choose));
  const labels = view.nodes.filter((node) => !node.children.length).map((node) => label(node, places.of[node.i], view));
  return svg("svg", { class: "drawing", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `The tree: ${count(view.nodes.length, "step")}, ${count(ends, "leaf").replace("leafs", "leaves")}; the outline below has its text` },
    ...edges, svg("circle", { cx: root.x, cy: root.y, r: 3, class: "root" }), ...dots, ...labels);
}

// Leaves from top to bottom; a node with children is midway between its first and its last child.
function placesOf(nodes, step) {
  const of = new Array(nodes.length);
  const tops = nodes.filter((node) => node.parent < 0);
  let end = 0;
  const order = [];
  const stack = tops.toReversed();
  while (stack.length) {
    const node = stack.pop();
    order.push(node);
    of[node.i] = { x: 12 + node.depth * step, y: node.children.length ? 0 : 16 + LINE * end++ };
    stack.push(...node.children.toReversed());
  }
  const middle = (children) => (of[children[0].i].y + of[children.at(-1).i].y) / 2;
  for (const node of order.reverse()) if (node.children.length) of[node.i].y = middle(node.children);
  return { of, root: tops.length ? middle(tops) : 12 };
}

function dot(node, { x, y }, view, most, choose) {
  const { background } = scoreColour(view.colour.share(node.score));
  const size = view.visited ? (node.visits ?? 0) : node.many;
  const r = 3 + 5 * Math.sqrt(size / most);
  const summary = `score ${score(node.score)}, ${view.visited ? `visits ${node.visits ?? 0}` : `${node.many} alike`}, ${[...node.states.keys()].join(", ")}`;
  return svg("circle", { cx: x, cy: y, r, style: `fill:${background}`, class: "dot", on: { click: () => choose(node.i) } },
    svg("title", {}, `${summary}\n${view.plain(node.text)}`));
}

function label(node, { x, y }, view) {
  const [answer, right] = node.answer === null ? [null, null] : view.answers[node.answer];
  const [state] = node.states.keys();
  const end = answer === null ? { cut: "✂", open: "…", finished: "no answer" }[state] ?? "truncated"
    : `${right === null ? "" : right ? "✓ " : "✗ "}${answer.length > 18 ? `${answer.slice(0, 17)}…` : answer}`;
  const words = node.many > 1 ? `${end} ×${node.many}` : end;
  return svg("text", { x: x + 12, y: y + 4, class: right === null ? "end" : right ? "end right" : "end wrong" }, words);
}
