// A particle filter's populations: a column a step, a row a particle; colour is the score, size the weight. Lines lead
// from a particle to its descendants; after resampling a particle may have several or none.
"use strict";

// By node, a summary of its particles before and after resampling: "3 particles → 5, weight 0.21".
function particlesOf(tree, number) {
  const summaries = new Map();
  tree.populations.forEach((population, step) => {
    const groups = new Map();
    population.nodes.forEach((packed, particle) => {
      groups.set(number[packed], [...(groups.get(number[packed]) ?? []), particle]);
    });
    const later = population.ancestors;
    for (const [node, members] of groups) {
      const weight = members.reduce((sum, particle) => sum + population.weights[particle], 0);
      const next = later ? ` → ${later.filter((from) => members.includes(from)).length}` : "";
      summaries.set(node, { text: `${count(members.length, "particle")}${next}, weight ${weight.toFixed(3)}`, step });
    }
  });
  return summaries;
}

function populations(view, choose) {
  const all = view.tree.populations;
  const size = all[0].nodes.length;
  const [across, down, top] = [Math.max(56, Math.min(110, 760 / all.length)), size > 24 ? 14 : 20, 44];
  const [width, height] = [all.length * across + 16, top + size * down + 12];
  const place = (step, particle) => ({ x: across * step + across / 2, y: top + particle * down + down / 2 });
  const lines = all.slice(1).flatMap((_, step) =>
    all[step + 1].step === 0 ? [] : all[step + 1].nodes.map((_, particle) => {  // a new round begins at the question
      const from = place(step, all[step].ancestors ? all[step].ancestors[particle] : particle);
      const to = place(step + 1, particle);
      const half = (from.x + to.x) / 2;
      return svg("path", { class: "edge", d: `M${from.x},${from.y}C${half},${from.y} ${half},${to.y} ${to.x},${to.y}` });
    }));
  const heads = all.flatMap((population, step) => [
    svg("text", { x: place(step, 0).x, y: 14, class: "head" }, `step ${population.step + 1}`),
    svg("text", { x: place(step, 0).x, y: 30, class: "head muted" }, `ESS ${population.ess.toFixed(1)}${population.ancestors ? " ⟳" : ""}`),
  ]);
  const dots = all.flatMap((population, step) => population.nodes.map((packed, particle) => {
    const node = view.nodes[view.number[packed]];
    const dies = population.ancestors && !population.ancestors.includes(particle);
    const r = 2 + (down / 2 - 3) * Math.sqrt(Math.min(1, population.weights[particle] * size / 2));
    const { background } = scoreColour(view.colour.share(node.score));
    return svg("circle", { cx: place(step, particle).x, cy: place(step, particle).y, r, style: `fill:${background}`,
      class: dies ? "dot dies" : "dot", on: { click: () => choose(node.i) } },
      svg("title", {}, `particle ${particle + 1}: weight ${population.weights[particle].toFixed(4)}, score ${score(node.score)}` +
        `${dies ? ", not resampled" : ""}\n${view.plain(node.text)}`));
  }));
  return svg("svg", { class: "drawing", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "The populations of the particle filter; the table below has the numbers" }, ...lines, ...heads, ...dots);
}

function populationTable(view) {
  const headings = ["step", "ESS", "log evidence", "resampled", "survivors", "finished"];
  const rows = view.tree.populations.map((population) => {
    const size = population.nodes.length;
    const survivors = population.ancestors ? `${new Set(population.ancestors).size} of ${size}` : "";
    const finished = population.nodes.filter((packed) => view.tree.nodes.state[packed] === "finished").length;
    const evidence = population.log_evidence === null ? "–" : population.log_evidence.toFixed(3);
    const cells = [population.step + 1, `${population.ess.toFixed(2)} of ${size}`, evidence, population.ancestors ? "yes" : "no", survivors, finished];
    return el("tr", {}, ...cells.map((cell) => el("td", { class: "number" }, String(cell))));
  });
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Populations" }, el("table", {},
    el("thead", {}, el("tr", {}, ...headings.map((name) => el("th", { scope: "col", class: "number" }, name)))),
    el("tbody", {}, ...rows)));
}
