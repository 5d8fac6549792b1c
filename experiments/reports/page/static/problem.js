// One problem: its question, the result of every cell, and the chosen search with its votes and its tree.
"use strict";

let unpacked = { index: -1, details: null };
let turn = 0; // number of the last call, so that a slow call never draws over a newer one

async function unpack(index) {
  if (unpacked.index !== index) {
    const packed = Uint8Array.from(atob(byId(`problem-${index}`).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked = { index, details: await new Response(stream).json() };
  }
  return unpacked.details;
}

async function openProblem(target) {
  const mine = ++turn;
  const view = byId("view-problem");
  const index = data.problems.findIndex((problem) => problem.id === target.problem);
  if (index < 0) {
    view.replaceChildren(el("h2", { id: "problem-title" }, "No such problem"), el("p", {}, el("bdi", {}, target.problem)));
    return;
  }
  const details = await unpack(index);
  if (mine !== turn) return;
  const problem = data.problems[index];
  const search = chosenSearch(details, target);
  view.replaceChildren(...problemHead(problem, details, search), ...searchPart(problem, details, search));
  showPath(view.querySelector(".tall"));
}

// The answer's path may end far down in a drawing that scrolls.
function showPath(box) {
  const last = [...(box?.querySelectorAll(".edge.chosen") ?? [])].at(-1);
  if (last) box.scrollTop = last.getBBox().y - box.clientHeight / 2;
}

// The requested search. If missing: one of the same cell; if none, one with a tree, from the largest cell.
function chosenSearch(details, target) {
  const cell = data.cells.findIndex((entry) => entry.key === target.cell);
  const inCell = details.searches.filter((search) => search.cell === cell);
  const best = details.searches.toSorted((a, b) => Boolean(b.tree) - Boolean(a.tree) || b.cell - a.cell);
  return inCell.find((search) => String(search.seed) === target.seed) ?? inCell[0] ?? best[0];
}

function problemHead(problem, details, search) {
  const order = listed.length ? listed : data.problems;
  const place = order.indexOf(problem);
  const key = data.cells[search.cell].key;
  const to = (target, words) =>
    target ? el("a", { class: "button", href: problemHash(target.id, key, search.seed) }, words) : null;
  return [
    el("div", { class: "heading" },
      el("h2", { id: "problem-title" }, el("bdi", {}, problem.id)),
      el("span", { class: "buttons" }, to(order[place - 1], "← previous"), to(place < 0 ? null : order[place + 1], "next →"),
        el("a", { class: "button", href: "#problems" }, "all problems"))),
    el("div", { class: "question" }, texts(data.texts[problem.question], data.formulas)),
    el("p", {}, "Right answer: ", problem.gold === null ? "not known" : answered(problem.gold, data, "gold"),
      problem.level === null ? "" : ` · level ${problem.level}`),
    matrix(problem, details, search),
  ];
}

// A row a searcher, a column a scale; each cell leads to its search.
function matrix(problem, details, current) {
  const scales = [...new Set(data.cells.filter((cell) => !cell.greedy).map((cell) => cell.scale))].sort((a, b) => a - b);
  const greedy = details.searches.filter((search) => data.cells[search.cell].greedy).slice(0, 1).map((search) =>
    el("tr", {}, el("th", { scope: "row" }, data.cells[search.cell].label), el("td", { colspan: Math.max(1, scales.length) }, cellLink(problem, details, search, current))));
  const searchers = data.cells.filter((cell) => !cell.greedy).map((cell) => [cell.searcher, cell.label]);
  const rows = [...new Map(searchers)].map(([searcher, label]) => {
    const cells = scales.map((scale) => {
      const own = details.searches.filter((s) => data.cells[s.cell].searcher === searcher && data.cells[s.cell].scale === scale);
      const search = own.find((s) => s.seed === current.seed) ?? own[0];
      return el("td", {}, search ? cellLink(problem, details, search, current) : estimate(problem, searcher, scale));
    });
    return el("tr", {}, el("th", { scope: "row" }, label), ...cells);
  });
  const seeds = [...new Set(details.searches.map((search) => search.seed))].sort((a, b) => a - b);
  const picker = el("select", { on: { change: (event) => (location.hash = problemHash(problem.id, data.cells[current.cell].key, event.target.value)) } });
  options(picker, seeds.map((seed) => [seed, seed]));
  picker.value = String(current.seed);
  const heads = scales.map((scale) => el("th", { scope: "col" }, `${data.scale} = ${amount(scale)}`));
  return el("div", {},
    seeds.length > 1 ? el("p", {}, el("label", {}, "Seed ", picker)) : null,
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Searches of this problem" },
      el("table", { class: "matrix" }, el("thead", {}, el("tr", {}, el("th", {}), ...heads)), el("tbody", {}, ...greedy, ...rows))));
}

// The estimate for a cell that was not run, from the samples of a larger one.
function estimate(problem, searcher, scale) {
  const place = data.cells.findIndex((cell) => cell.searcher === searcher && cell.scale === scale);
  const value = place < 0 ? null : (problem.correct[rule()]?.[place] ?? null);
  return value === null ? null : el("span", { class: "cell estimate", title: "estimated from the samples of the largest run" }, mark(value));
}

function verdictOf(search) {
  if (search.error !== null) return mark(0, true);
  if (rule() === "oracle") return mark(search.oracle === null ? null : Number(search.oracle));
  const selection = search.selections[rule()];
  return mark(selection ? selection.correct : null);
}

function cellLink(problem, details, search, current) {
  const cell = data.cells[search.cell];
  const answer = search.selections[rule()]?.answer;
  return el("a", { href: problemHash(problem.id, cell.key, search.seed), class: "cell", "aria-current": search === current && "true" },
    verdictOf(search), " ", answered(answer ?? "", details, "short"));
}

function searchPart(problem, details, search) {
  const cell = data.cells[search.cell];
  const seed = data.seeds.length > 1 ? `, seed ${search.seed}` : "";
  const parts = [el("h3", {}, `${cell.label}${cell.greedy ? "" : `, ${data.scale} = ${amount(cell.scale)}`}${seed}`), facts(search)];
  if (search.error !== null) parts.push(el("pre", { class: "error" }, search.error));
  if (search.unread) parts.push(el("p", { class: "notice" }, search.unread));
  if (!search.tree) {
    parts.push(selectionsTable(search, details));
    if (!search.unread) parts.push(el("p", { class: "notice" }, data.treeless));
    return parts;
  }
  return [...parts, ...treeParts(details, search)];
}

function facts(search) {
  const ledger = search.ledger;
  const entries = [["stopped", search.stopped ?? "unknown"], ["samples", ledger.samples], ["generated tokens", ledger.generated_tokens],
    ["unique tokens", ledger.unique_tokens], ["FLOPs", ledger.flops], ["policy calls", ledger.policy_calls], ["scorer calls", ledger.scorer_calls],
    ...(search.distinct ? [["different answers", search.distinct.answers], ["different first steps", search.distinct.first_steps]] : [])];
  return el("dl", { class: "facts" }, ...entries.filter(([, value]) => value !== undefined).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, typeof value === "string" ? value : amount(value)))));
}

function selectionsTable(search, details) {
  const rows = Object.entries(search.selections).map(([name, { answer, correct }]) =>
    el("tr", {}, el("th", { scope: "row" }, data.rules[name] ?? name), el("td", {}, answer === null ? "no answer" : answered(answer, details)), el("td", {}, mark(correct))));
  if (!rows.length) return null;
  const head = ["answers by", "answer", ""].map((name) => el("th", { scope: "col" }, name));
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)));
}

// The data shared by all drawings of one tree.
function viewOf(details, tree) {
  const { nodes, number } = nodesOf(tree);
  const ballot = tree.rules[rule()] ?? tree.rules.weighted ?? Object.values(tree.rules)[0] ?? { votes: [], path: [] };
  const plain = (place) => details.texts[place].map((p) => (typeof p === "number" ? details.formulas[p][0] : p)).join("");
  const answer = (place) => {
    const [text, right] = tree.answers[place];
    return el("span", { class: "verdict-answer" }, answered(text, details), " ", right === null ? null : mark(Number(right)));
  };
  const chosen = new Set(ballot.path.map((packed) => number[packed]));
  return { tree, nodes, number, chosen, colour: colouring(tree, nodes), particles: particlesOf(tree, number), visited: "visits" in tree.nodes,
    texts: details.texts, formulas: details.formulas, answers: tree.answers, plain, answer };
}

function treeParts(details, search) {
  const view = viewOf(details, search.tree);
  if (!view.nodes.length) return [selectionsTable(search, details), el("p", { class: "notice" }, "The tree has no step.")];
  const outline = new Outline(view);
  const choose = (i) => outline.mark([i]);
  const parts = [el("h4", {}, "Votes"), votesTable(view, outline), el("h4", {}, "Tree"), legend(view),
    el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Drawing of the tree" }, drawing(view, choose))];
  if (search.tree.populations.length) {
    parts.push(el("h4", {}, "Populations"),
      el("p", { class: "muted" }, "Each column is a step, each row a particle; size is weight. ⟳: resampled after this step; pale particles were not selected."),
      el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Drawing of the populations" }, populations(view, choose)),
      el("details", {}, el("summary", {}, "the populations in numbers"), populationTable(view)));
  }
  const button = (words, run) => el("button", { type: "button", on: { click: run } }, words);
  parts.push(el("div", { class: "heading" }, el("h4", {}, "Steps"), el("span", { class: "buttons" },
    button("open all", () => outline.fold(true)), button("close all", () => outline.fold(false)),
    button("only the answer's path", () => outline.fold(false, true)))), outline.element);
  return parts;
}

function legend(view) {
  const bar = el("span", { class: "scale", "aria-hidden": "true" });
  return el("p", { class: "legend muted" }, `score ${score(view.colour.low)} `, bar, ` ${score(view.colour.high)}`,
    " · bold: the path to the answer", view.visited ? " · size: visits" : " · size: samples alike", " · ✂ pruned by the search · click a dot to show its step");
}

// The votes by every rule, the chosen one first; a button shows the leaves behind an answer.
function votesTable(view, outline) {
  const tables = Object.entries(view.tree.rules).sort(([a], [b]) => (b === rule()) - (a === rule()));
  const blocks = tables.map(([name, { votes }]) => {
    const total = votes.reduce((sum, [, weight]) => sum + Math.max(weight, 0), 0);
    const rows = votes.map(([answer, weight, leaves]) => el("tr", {},
      el("td", {}, view.answer(answer)),
      el("td", { class: "number" }, amount(weight)),
      el("td", {}, el("span", { class: "bar", style: `width:${total > 0 ? (100 * Math.max(weight, 0)) / total : 0}%` })),
      el("td", {}, el("button", { type: "button", title: "show these leaves", on: { click: () => outline.mark(leaves.map((leaf) => view.number[leaf])) } }, count(leaves.length, name === "particle" ? "particle" : "solution")))));
    const body = rows.length ? rows : [el("tr", {}, el("td", { colspan: "4" }, "no solution finished with an answer"))];
    const head = ["answer", "weight", "", "votes from"].map((words) => el("th", { scope: "col" }, words));
    return el("div", { class: "scroll vote" }, el("table", {}, el("caption", {}, data.rules[name] ?? name),
      el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)));
  });
  return el("div", { class: "votes" }, ...blocks);
}
