// The tree as an outline: a run of steps without a branch is a block, its branches are indented below it and fold.
"use strict";

// The nodes of a packed tree, parents first, without the root. Siblings with the same text, score, action, writer and
// sources are merged into one node: `states` counts how they ended, `number` maps a packed node to its merged one:
// [{i, parent, children, depth, text, score, states, many, ...}].
function nodesOf(tree) {
  const columns = tree.nodes;
  const nodes = [];
  const number = [];
  const known = new Map();
  columns.parent.forEach((above, packed) => {
    const parent = above < 0 ? -1 : number[above];
    const named = `${columns.action?.[packed] ?? ""} ${columns.writer?.[packed] ?? ""} ${columns.sources?.[packed] ?? ""}`;
    const key = `${parent} ${columns.text[packed]} ${columns.score[packed]} ${named}`;
    if (!known.has(key)) {
      const node = { i: nodes.length, parent, children: [], depth: 1, states: new Map(), many: 0, at: null };
      for (const name of ["text", "score", "answer", "visits", "prior", "q", "second", "action", "writer", "sources"]) node[name] = columns[name]?.[packed] ?? null;
      if (parent >= 0) {
        node.depth = nodes[parent].depth + 1;
        nodes[parent].children.push(node);
      }
      known.set(key, node);
      nodes.push(node);
    }
    const node = known.get(key);
    number.push(node.i);
    node.many += columns.count?.[packed] ?? 1;
    node.at ??= columns.at[packed];
    node.states.set(columns.state[packed], (node.states.get(columns.state[packed]) ?? 0) + 1);
  });
  for (const node of nodes) node.sources = node.sources?.map((packed) => number[packed]) ?? null;
  return { nodes, number };
}

// Maps a score to a position on the colour scale: probabilities unchanged, other scores within the tree's range.
function colouring(tree, nodes) {
  if (["correctness", "value", "outcome"].includes(tree.kind) && nodes.every((n) => n.score === null || (n.score >= 0 && n.score <= 1))) {
    return { share: (value) => value, low: 0, high: 1 };
  }
  const known = nodes.map((node) => node.score).filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return { share: (value) => (value === null ? null : high > low ? (value - low) / (high - low) : 0.5), low, high };
}

class Outline {
  constructor(view) {
    this.view = view;
    this.blocks = new Map(); // node number -> its block
    this.rows = new Map(); // node number -> its row, once it is drawn
    const roots = view.nodes.filter((node) => node.parent < 0).map((node) => this.block(node));
    this.roots = roots;
    const all = view.nodes.length <= 40;
    this.element = el("ul", { class: "outline" }, ...roots.map((block) => this.item(block, all)));
  }

  block(first) {
    const nodes = [first];
    while (nodes.at(-1).children.length === 1) nodes.push(nodes.at(-1).children[0]);
    const block = { nodes, branches: nodes.at(-1).children.map((child) => this.block(child)), drawn: false };
    for (const node of nodes) this.blocks.set(node.i, block);
    for (const branch of block.branches) branch.above = block;
    return block;
  }

  item(block, all) {
    const alone = block.nodes.length === 1 && !block.branches.length;
    if (alone) return el("li", {}, this.row(block.nodes[0]));
    block.details = el("details", {}, el("summary", {}, this.row(block.nodes[0], this.folded(block))));
    block.details.addEventListener("toggle", () => block.details.open && this.fill(block));
    if (all || this.view.chosen.has(block.nodes[0].i)) {
      this.fill(block, all);
      block.details.open = true;
    }
    return el("li", {}, block.details);
  }

  // The rest of a block is drawn when it is first opened.
  fill(block, all = false) {
    if (block.drawn) return;
    block.drawn = true;
    block.details.append(...block.nodes.slice(1).map((node) => this.row(node)));
    if (block.branches.length) {
      block.details.append(el("ul", {}, ...block.branches.map((branch) => this.item(branch, all))));
    }
  }

  // What is below a closed block, in a few words.
  folded(block) {
    const leaves = leavesBelow(block.nodes.at(-1));
    const answers = new Map();
    for (const leaf of leaves) if (leaf.answer !== null) answers.set(leaf.answer, (answers.get(leaf.answer) ?? 0) + leaf.many);
    const ranked = [...answers].sort((a, b) => b[1] - a[1]).slice(0, 3);
    const below = stepsBelow(block.nodes[0]);
    const parts = ranked.flatMap(([answer, times]) => [" ", this.view.answer(answer), times > 1 ? ` ×${times}` : null]);
    const many = leaves.length > 1 ? `, ${leaves.length} ends` : `, the last ${score(leaves[0].score)}`;
    return el("span", { class: "folded" }, `+ ${count(below, "step")}${many}`, ranked.length ? ":" : "", ...parts);
  }

  row(node, extra = null) {
    const { view } = this;
    const chosen = view.chosen.has(node.i);
    const { background, ink } = scoreColour(view.colour.share(node.score));
    const chip = el("span", { class: "score", style: `background:${background};color:${ink}`, title: "score" }, score(node.score));
    const star = chosen && el("span", { class: "star", role: "img", "aria-label": "on the path to the answer" }, "★");
    const row = el("div", { class: chosen ? "row chosen" : "row", tabindex: "-1" }, chip,
      el("div", { class: "step" }, star, ...this.tags(node), texts(view.texts[node.text], view.formulas), extra));
    this.rows.set(node.i, row);
    return row;
  }

  tags(node) {
    const { view } = this;
    const tag = (text, title) => el("span", { class: "tag", title }, text);
    const particles = view.particles.get(node.i);
    return [
      node.action !== null && tag(node.action, "the action that this step was asked for"),
      node.writer !== null && tag(`by ${node.writer}`, "the policy that wrote this step"),
      node.sources !== null && el("button", { type: "button", class: "tag", title: "show the solutions that stood in its prompt", on: { click: () => this.mark(node.sources) } },
        `from ${count(node.sources.length, "solution")}`),
      node.second !== null && tag(`second ${score(node.second)}`, "score by the second scorer, which chooses"),
      node.visits !== null && tag(`visits ${node.visits}`, "number of visits by the search"),
      node.q !== null && tag(`Q ${score(node.q)}`, "value backed up through this step"),
      node.prior !== null && tag(`prior ${node.prior.toFixed(2)}`, "prior probability"),
      node.many > 1 && tag(`${node.many} alike`, "samples of the same text"),
      particles && tag(particles.text, "particles at this step, their descendants after resampling, and their share of the weight"),
      ...[...node.states].map(([state, times]) => this.ending(node, state, times)),
      node.at === null && tag("not judged", "not scored before the search ended"),
      node.answer !== null && el("span", { class: "tag answer" }, "answer ", view.answer(node.answer)),
    ];
  }

  ending(node, state, times) {
    const few = times < node.many ? `: ${times} of ${node.many}` : "";
    const tag = (text, title, name = "tag") => el("span", { class: name, title }, text + few);
    if (state === "cut") return tag("✂ cut here", "the search pruned this step", "tag cut");
    if (state === "open") return tag("not extended", "the search ended before it extended this step");
    if (state.startsWith("truncated")) return tag(state, "cut by a limit; a truncated solution never votes", "tag cut");
    return state === "finished" && node.answer === null ? tag("no answer", "finished without an answer", "tag cut") : null;
  }

  reveal(i) {
    const line = [];
    for (let block = this.blocks.get(i); block; block = block.above) line.unshift(block);
    for (const block of line) {
      if (!block.details) continue;
      this.fill(block);
      block.details.open = true;
    }
    return this.rows.get(i);
  }

  mark(numbers) {
    for (const row of this.element.querySelectorAll(".lit")) row.classList.remove("lit");
    const rows = numbers.map((i) => this.reveal(i));
    for (const row of rows) row.classList.add("lit");
    rows[0]?.focus({ preventScroll: true });
    rows[0]?.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  // Opens or closes all blocks; with `path`, only those on the path to the answer are open.
  fold(open, path = false) {
    const visit = (block) => {
      if (block.details) {
        const wanted = path ? this.view.chosen.has(block.nodes[0].i) : open;
        if (wanted) this.fill(block);
        block.details.open = wanted;
      }
      block.branches.forEach(visit);
    };
    this.roots.forEach(visit);
  }
}

function leavesBelow(node) {
  const leaves = [];
  const stack = [node];
  while (stack.length) {
    const next = stack.pop();
    if (next.children.length) stack.push(...next.children);
    else leaves.push(next);
  }
  return leaves;
}

function stepsBelow(node) {
  let number = 0;
  const stack = [...node.children];
  while (stack.length) {
    number += 1;
    stack.push(...stack.pop().children);
  }
  return number;
}
