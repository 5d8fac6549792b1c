// The list of problems and its filters. A problem is right in a cell where its mean correctness over seeds is above half.
"use strict";

const PAGE = 100;
let listed = [];
let shownRows = PAGE;

const cellsAt = (scale) => data.cells.map((cell, i) => ({ ...cell, i })).filter((c) => c.greedy || String(c.scale) === scale);
const isRight = (value) => value !== null && value > 0.5;

function setUpFilters() {
  const scales = [...new Set(data.cells.filter((cell) => !cell.greedy).map((cell) => cell.scale))].sort((a, b) => a - b);
  options(byId("filter-scale"), scales.map((scale) => [scale, `${data.scale} = ${amount(scale)}`]));
  if (scales.length) byId("filter-scale").value = String(scales.at(-1));
  const searchers = [...new Map(data.cells.map((cell) => [cell.searcher, cell.label]))];
  options(byId("filter-searcher"), [["", "every searcher"], ...searchers]);
  const levels = [...new Set(data.problems.map((p) => p.level).filter((level) => level !== null))];
  levels.sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
  byId("level-label").hidden = !levels.length;
  options(byId("filter-level"), [["", "any"], ...levels.map((level) => [level, level])]);
  byId("filters").addEventListener("input", filterProblems);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => drawList((shownRows += 5 * PAGE)));
}

function filterProblems() {
  const words = byId("filter-text").value.toLowerCase();
  const level = byId("filter-level").value;
  const cells = cellsAt(byId("filter-scale").value);
  listed = data.problems.filter(
    (problem) =>
      (!words || `${problem.id}\n${problem.plain}`.toLowerCase().includes(words)) &&
      (!level || String(problem.level) === level) &&
      hasOutcome(problem, cells),
  );
  shownRows = PAGE;
  drawList();
}

function hasOutcome(problem, cells) {
  const outcome = byId("filter-outcome").value;
  const searcher = byId("filter-searcher").value;
  if (outcome === "any") return true;
  const meant = cells.filter((cell) => (searcher ? cell.searcher === searcher : !cell.greedy));
  if (outcome === "failed" || outcome === "silent") return meant.some((cell) => problem[outcome].includes(cell.i));
  const values = problem.correct[rule()] ?? [];
  const known = (list) => list.filter((cell) => (values[cell.i] ?? null) !== null);
  const own = known(meant);
  if (!own.length) return false;
  if (outcome === "right") return own.every((cell) => isRight(values[cell.i]));
  if (outcome === "wrong") return own.every((cell) => !isRight(values[cell.i]));
  const others = known(cells.filter((cell) => !cell.greedy));
  return own.some((cell) => others.some((other) => isRight(values[cell.i]) !== isRight(values[other.i])));
}

function drawList() {
  const cells = cellsAt(byId("filter-scale").value);
  const levels = data.problems.some((problem) => problem.level !== null);
  const heads = ["problem", "question", ...(levels ? ["level"] : []), "gold"].map((name) => el("th", { scope: "col" }, name));
  const marks = cells.map((cell) => el("th", { scope: "col", class: "mark" }, cell.label));
  const [head, body] = byId("list").children;
  head.replaceChildren(el("tr", {}, ...heads, ...marks));
  body.replaceChildren(...listed.slice(0, shownRows).map((problem) => listRow(problem, cells, levels)));
  byId("count").textContent = `${listed.length} of ${count(data.problems.length, "problem")}`;
  byId("more").hidden = listed.length <= shownRows;
}

function listRow(problem, cells, levels) {
  const values = problem.correct[rule()] ?? [];
  const link = el("a", { href: problemHash(problem.id) }, el("bdi", {}, problem.id));
  const question = el("div", { class: "clip", dir: "auto", title: problem.plain.slice(0, 1000) }, texts(data.texts[problem.question], data.formulas));
  const marks = cells.map((cell) => el("td", { class: "mark" }, mark(values[cell.i] ?? null, problem.failed.includes(cell.i))));
  const row = el("tr", { class: "link" }, el("td", {}, link), el("td", {}, question),
    levels && el("td", {}, String(problem.level ?? "")), el("td", {}, problem.gold === null ? "unknown" : answered(problem.gold, data, "short")), ...marks);
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !getSelection().toString()) link.click();
  });
  return row;
}

// Right, wrong, or a share where ties or seeds give a value in between.
function mark(value, failed = false) {
  if (failed && !value) return el("span", { class: "failed", title: "error" }, "error");
  if (value === null) return el("span", { class: "muted", title: "not known" }, "–");
  if (value === 1) return el("span", { class: "right", role: "img", "aria-label": "right" }, "✓");
  if (value === 0) return el("span", { class: "wrong", role: "img", "aria-label": "wrong" }, "✗");
  return el("span", { class: isRight(value) ? "right" : "wrong" }, value.toFixed(2).replace(/0$/, ""));
}
